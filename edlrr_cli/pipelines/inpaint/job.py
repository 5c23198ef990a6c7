"""One image to restore: its files are checked and read, its hole is filled, and the results are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.boxes import Box
from edlrr_cli.media.encoding import DEFAULT_ENCODING, Encoding
from edlrr_cli.media.error_map import write_error_map
from edlrr_cli.media.figure import comparison_panels, write_figure
from edlrr_cli.media.formats import ALPHA, is_own_mask
from edlrr_cli.media.images import read_image, read_reference
from edlrr_cli.media.save import as_written, check_output, losses, save_image, write_png
from edlrr_cli.metrics import psnr
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.history import History
from edlrr_cli.pipelines.inpaint.inputs import Inputs, read_hole
from edlrr_cli.pipelines.inpaint.panel import inpaint_panel
from edlrr_cli.pipelines.inpaint.record import inpaint_line, inpaint_lines, inpaint_record
from edlrr_cli.pipelines.inpaint.settings import Settings
from edlrr_cli.pipelines.job import Advance, Job, Monitor
from edlrr_cli.pipelines.noise_levels import NOISE_LEVELS
from edlrr_cli.pipelines.panel import Panel
from edlrr_cli.pipelines.targets import check_images

if TYPE_CHECKING:
    from edlrr_cli.baselines.result import Progress as BaselineProgress
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult
    from edlrr_cli.tasks.inpaint.problem import Progress, Result


@dataclass(frozen=True, eq=False)
class Restored:
    """A result, and the history of its computation."""

    result: Result | BaselineResult
    history: History


@dataclass(frozen=True, kw_only=True)
class InpaintJob(Job[Inputs, Restored]):
    """An image whose missing pixels are filled.

    Attributes:
        mask: Image that marks the hole, or a word for the image's own mask; None: a color or boxes only.
        boxes: Further missing pixels, without times.
        page: Page of a TIFF, or frame, from 1.
        save_mask: Where the hole is written, white on black.

    Raises:
        UsageError: A box has a range of times.
    """

    mask: Path | None
    boxes: tuple[Box, ...] = ()
    settings: Settings
    reference: Path | None = None
    page: int = 1
    figure: Path | None = None
    error_map: Path | None = None
    save_mask: Path | None = None
    encoding: Encoding = DEFAULT_ENCODING

    command = "inpaint"
    unlisted = ("history",)
    lines = staticmethod(inpaint_lines)
    line = staticmethod(inpaint_line)

    def __post_init__(self) -> None:
        timed = next((box for box in self.boxes if box.is_timed), None)
        if timed is not None:
            raise UsageError(
                f"box {timed.text} has a range of times, and {self.input} is an image", "leave it out"
            )

    @property
    def _marks(self) -> str:
        """Return what marks the hole, for messages."""
        return "the hole" if self.mask is None else f"mask {self.mask}"

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        check_images(
            self.output,
            (self.input, self.mask, self.reference),
            figures={"figure": self.figure, "error map": self.error_map, "mask": self.save_mask},
            overwrite=self.overwrite,
            encoding=self.encoding,
        )
        image = read_image(self.input, self.page)
        check_output(self.output, overwrite=self.overwrite, like=image, encoding=self.encoding)
        mask = read_hole(self.input, image, self.mask, self.boxes, self.settings.mask)
        if image.visible is not None and not (image.visible & mask.known).any():
            raise InputError(
                f"{self._marks} leaves no pixel of {self.input} known that is not transparent",
                "mark less of the image",
            )
        if mask.mode == ALPHA and self.mask is not None and is_own_mask(self.mask):
            image = image.opaque(~mask.known)
        image = image.within(mask.known)
        reference = None if self.reference is None else read_reference(self.reference, image)
        inputs = Inputs(image, mask, reference, losses(self.output, image, self.encoding))
        for note in (*image.notes, *inputs.losses):
            monitor.note(self.input, note)
        monitor.note(self.mask or self.input, mask.evidence)
        return inputs

    def group(self, inputs: Inputs) -> tuple[int, ...] | None:
        """Return the shape of a small image, which may be restored with others."""
        from edlrr_cli.tasks.inpaint.windows import is_small

        shape: tuple[int, ...] = inputs.image.pixels.shape
        return shape if self.settings.is_ours and is_small(inputs.mask.known) else None

    def compute(self, inputs: Inputs, monitor: Monitor) -> Restored:
        """Fill the hole by the chosen method."""
        from edlrr_cli.tasks.inpaint import baseline, restore

        config, choice = self.settings.config, self.settings.choice
        image, known, visible = inputs.image.pixels, inputs.mask.known, inputs.image.visible
        result: Result | BaselineResult
        with monitor.progress("step") as advance:
            history = History(None if advance is None else _reported(advance, inputs.reference))
            if self.settings.is_ours:
                result = restore.restore(
                    image,
                    known,
                    config,
                    denoiser=load_denoiser() if config.needs_denoiser else None,
                    callback=history,
                    visible=visible,
                )
            else:
                result = baseline.inpaint_by_baseline(
                    choice.method,
                    image,
                    known,
                    params=choice.params,
                    tuned=choice.tune,
                    device=config.device,
                    seed=config.seed,
                    callback=history,
                    visible=visible,
                )
        return Restored(result, history)

    def compute_each(self, jobs: Sequence[InpaintJob], inputs: Sequence[Inputs]) -> list[Restored]:
        """Restore images of one shape."""
        from edlrr_cli.tasks.inpaint.problem import InpaintProblem
        from edlrr_cli.tasks.inpaint.restore import restore_each

        config = self.settings.config
        histories = [History() for _ in inputs]
        problems = [
            InpaintProblem(each.image.pixels, each.mask.known, callback=history, visible=each.image.visible)
            for each, history in zip(inputs, histories, strict=True)
        ]
        results = restore_each(problems, config, denoiser=load_denoiser() if config.needs_denoiser else None)
        return list(map(Restored, results, histories))

    def on_cpu(self) -> InpaintJob:
        """See `Job.on_cpu`."""
        config = replace(self.settings.config, device="cpu")
        return replace(self, settings=replace(self.settings, config=config))

    def write(self, inputs: Inputs, result: Restored, monitor: Monitor) -> Record:
        """See `Job.write`."""
        restored, history = result.result, result.history
        for note in restored.notes:
            monitor.note(self.input, note)
        save_image(
            self.output,
            restored.restored,
            like=inputs.image,
            overwrite=self.overwrite,
            encoding=self.encoding,
        )
        written = as_written(restored.restored, inputs.image)
        record = {
            "status": "ok",
            "input": self.input,
            "page": self.page,
            "mask": self.mask,
            "boxes": [box.text for box in self.boxes],
            "reference": self.reference,
            "output": self.output,
            "figure": self.figure,
            "save_mask": self.save_mask,
            **inpaint_record(inputs, self.settings, restored, written),
            "error_map": self.error_map,
            "history": history.as_record(restored),
        }
        if self.error_map is not None:
            record["error_map_white"] = self._write_error_map(self.error_map, restored)
        if self.save_mask is not None:
            write_png(self.save_mask, np.uint8(255) * ~inputs.mask.known[..., None])
        if self.figure is not None:
            self._write_figure(self.figure, inputs, written, record)
        return record

    def _write_error_map(self, path: Path, result: Result | BaselineResult) -> float:
        """Write the error map and return the error that white represents, on 0..255."""
        from edlrr_cli.tasks.inpaint.problem import Result

        if not isinstance(result, Result) or result.error is None:
            raise UsageError("--error-map: too few known pixels to judge by", "leave it out")
        return NOISE_LEVELS * write_error_map(path, np.asarray(result.error), overwrite=self.overwrite)

    def _write_figure(self, path: Path, inputs: Inputs, written: NDArray[np.float64], record: Record) -> None:
        captions = {
            "damaged": f"{100 * record['missing_fraction']:.3g} % missing",
            "restored": record["reg"] or record["title"],
        }
        if inputs.reference is not None:
            captions["damaged"] += f", PSNR {record['psnr_input']:.2f} dB"
            captions["restored"] += f", PSNR {record['psnr']:.2f} dB"
        panels = comparison_panels(inputs.image.pixels, written, inputs.reference, captions=captions)
        write_figure(path, panels, overwrite=self.overwrite)

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return inpaint_panel(record, side_px=side_px)


def _reported(
    advance: Advance, reference: NDArray[np.float64] | None
) -> Callable[[Progress | BaselineProgress], None]:
    """Return a callback that reports the loss, and the PSNR where the whole image is known at each step.

    Baselines give no image, and the windows of a large image a part of it.
    """
    from edlrr_cli.tasks.inpaint.problem import WINDOWS, Progress

    def report(progress: Progress | BaselineProgress) -> None:
        text = f"loss={progress.loss:.4g}"
        if reference is not None and isinstance(progress, Progress):
            current = progress.current()
            if current.shape == reference.shape:
                text += f", PSNR={psnr(current, reference, data_range=1.0):.2f}"
        windows = isinstance(progress, Progress) and progress.stage == WINDOWS
        advance(progress.step, progress.num_steps, text=text, unit="window" if windows else "")

    return report
