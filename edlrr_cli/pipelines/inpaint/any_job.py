"""What the restorations of images in memory and of those on disk have in common: options, records, panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edlrr_cli import __version__
from edlrr_cli.errors import UsageError
from edlrr_cli.media.boxes import Box
from edlrr_cli.media.encoding import DEFAULT_ENCODING, Encoding
from edlrr_cli.media.formats import is_own_mask
from edlrr_cli.media.outputs import keeps_pages
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.panel import inpaint_panel
from edlrr_cli.pipelines.inpaint.record import inpaint_line, inpaint_lines
from edlrr_cli.pipelines.inpaint.settings import Settings
from edlrr_cli.pipelines.job import InputsT, Job, Monitor, ResultT
from edlrr_cli.pipelines.pages import merged
from edlrr_cli.pipelines.panel import Panel
from edlrr_cli.pipelines.targets import check_images

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, kw_only=True)
class AnyInpaintJob(Job[InputsT, ResultT]):
    """An image whose missing pixels are filled.

    Attributes:
        mask: Image that marks the hole, or a word for the image's own mask; None: a color or boxes only.
        boxes: Further missing pixels, without times.
        page: Page of a TIFF, or frame, from 1; None: the first, and in a TIFF all that are like it.
        save_mask: Where the hole is written, white on black.
        skip_clean: Write nothing for an image of which nothing is missing.

    Raises:
        UsageError: A box has a range of times.
    """

    mask: Path | None
    boxes: tuple[Box, ...] = ()
    settings: Settings
    reference: Path | None = None
    page: int | None = None
    figure: Path | None = None
    error_map: Path | None = None
    save_mask: Path | None = None
    skip_clean: bool = False
    encoding: Encoding = DEFAULT_ENCODING

    command = "inpaint"
    unlisted = ("history", "pages")
    lines = staticmethod(inpaint_lines)
    line = staticmethod(inpaint_line)

    def __post_init__(self) -> None:
        timed = next((box for box in self.boxes if box.is_timed), None)
        if timed is not None:
            raise UsageError(
                f"box {timed.text} has a range of times, and {self.input} is an image", "leave it out"
            )

    @property
    def own_mask(self) -> str:
        """Return the word for a mask that comes with the image; empty for others."""
        return str(self.mask) if self.mask is not None and is_own_mask(self.mask) else ""

    @property
    def takes_all_pages(self) -> bool:
        """Whether all pages of one size and kind are restored."""
        return self.page is None and keeps_pages(self.output, self.encoding)

    def check_files(self) -> None:
        """Refuse outputs that could not be written.

        Raises:
            OutputError: One could not.
            UsageError: The output has another format than the encoding.
        """
        check_images(
            self.output,
            (self.input, self.mask, self.reference),
            figures={"figure": self.figure, "error map": self.error_map, "mask": self.save_mask},
            overwrite=self.overwrite,
            encoding=self.encoding,
        )

    def note_mask(self, evidence: str, monitor: Monitor) -> None:
        """Report the interpretation of the mask."""
        monitor.note(self.mask if self.mask and not self.own_mask else self.input, evidence)

    def on_cpu(self) -> Self:
        """See `Job.on_cpu`."""
        config = replace(self.settings.config, device="cpu")
        return replace(self, settings=replace(self.settings, config=config))

    def record(self, pages: Sequence[Record]) -> Record:
        """Return the record of a restored image from those of its pages."""
        return {
            "status": "ok",
            "input": self.input,
            "page": self.page or 1,
            "mask": self.mask,
            "boxes": [box.text for box in self.boxes],
            "reference": self.reference,
            "output": self.output,
            "figure": self.figure,
            "save_mask": self.save_mask,
            **merged(pages),
            "error_map": self.error_map,
            "settings": self.settings.as_record(),
            "version": __version__,
        }

    def skipped(self, notes: Sequence[str], monitor: Monitor) -> Record:
        """Return the record of an image of which nothing is missing, and nothing is written."""
        note = "nothing is missing, no output was written"
        monitor.note(self.input, note)
        return {
            "status": "skipped",
            "input": self.input,
            "output": self.output,
            "version": __version__,
            "notes": [*notes, note],
        }

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return inpaint_panel(record, side_px=side_px)
