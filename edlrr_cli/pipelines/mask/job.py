"""One image whose defects are found: it is read, the mask is computed and written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli import __version__
from edlrr_cli.errors import OutputError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.files import check_target
from edlrr_cli.media.images import num_pages, open_images, read_image
from edlrr_cli.media.infrared import InfraredPlane, read_infrared, without_plane
from edlrr_cli.media.preview import marked_preview, preview
from edlrr_cli.media.save import write_png, write_tiff
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Job, Monitor
from edlrr_cli.pipelines.mask.overlay import overlay_of
from edlrr_cli.pipelines.panel import Comparison, Layer, Panel, compare_pages
from edlrr_cli.tasks.masking.config import Config
from edlrr_cli.tasks.masking.dust import find_dust
from edlrr_cli.tasks.masking.found import Found
from edlrr_cli.tasks.masking.infrared import find_infrared
from edlrr_cli.tasks.masking.scratches import find_scratches


@dataclass(frozen=True, eq=False)
class Page:
    """A page that is searched.

    Attributes:
        number: From 1.
        infrared: The infrared plane for the kind ir, else None.
    """

    number: int
    image: StillImage
    infrared: InfraredPlane | None


@dataclass(frozen=True, eq=False)
class Masked:
    """The defects of each page by its number, and the seconds that the search took."""

    found: Mapping[int, Found]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class MaskJob(Job[Page, Masked]):
    """An image whose defects are found.

    Attributes:
        others: All images in which an overlay repeats, this one included; empty for other kinds.
    """

    config: Config
    others: tuple[Path, ...] = ()

    command = "mask"

    def read(self, monitor: Monitor) -> Page:
        """See `Job.read`."""
        if self.output.suffix.lower() not in (".png", ".tif", ".tiff"):
            raise OutputError(
                f"mask {self.output}: expected the extension .png, got {self.output.suffix!r}", "name it .png"
            )
        check_target(self.output, self.input, overwrite=self.overwrite)
        image = read_image(self.input, with_similar=self.config.kind != "overlay")
        first = self._page(1, without_plane(image) if self.config.kind == "ir" else image)
        if first.image.similar_pages and self.output.suffix.lower() == ".png":
            count = len(first.image.similar_pages) + 1
            raise OutputError(
                f"mask {self.output}: PNG has one page, and {count} of {self.input} are searched",
                "name it .tif",
            )
        return first

    def _page(self, number: int, image: StillImage) -> Page:
        is_infrared = self.config.kind == "ir"
        return Page(number, image, read_infrared(self.input, image, number) if is_infrared else None)

    def compute(self, inputs: Page, monitor: Monitor) -> Masked:
        """Find the defects."""
        started = time.perf_counter()
        found = {inputs.number: self._find(inputs)}
        for number in inputs.image.similar_pages:
            with open_images(self.input) as images:
                image = images.read(number - 1)
            found[number] = self._find(self._page(number, image))
        return Masked(found, round(time.perf_counter() - started, 3))

    def _find(self, page: Page) -> Found:
        return self._undilated(page).dilated(self.config.dilate)

    def _undilated(self, page: Page) -> Found:
        sensitivity = self.config.sensitivity
        if self.config.kind == "overlay":
            return overlay_of(self.others, page.image.size_px, sensitivity)
        colors = to_rgb(page.image.pixels).astype(np.float64, copy=False)
        if page.infrared is not None:
            return find_infrared(colors, page.infrared.pixels, sensitivity=sensitivity)
        find = find_dust if self.config.kind == "dust" else find_scratches
        return find(colors, sensitivity=sensitivity)

    def write(self, inputs: Page, result: Masked, monitor: Monitor) -> Record:
        """See `Job.write`."""
        self._write_masks(inputs, result.found)
        pages = [_page_record(number, found) for number, found in result.found.items()]
        record: Record = {
            "status": "ok",
            "input": self.input,
            "output": self.output,
            "kind": self.config.kind,
            "infrared": None if inputs.infrared is None else inputs.infrared.origin,
            "fraction": sum(page["fraction"] for page in pages) / len(pages),
            "num_defects": sum(page["num_defects"] for page in pages),
            "score": max(page["score"] for page in pages),
            "seconds": result.seconds,
            "settings": asdict(self.config),
            "version": __version__,
            "notes": pages[0]["notes"],
            "pages": None,
        }
        if len(pages) > 1:
            notes = [f"page {page['page']}: {note}" for page in pages for note in page["notes"]]
            record |= {"notes": notes, "pages": pages}
        for note in record["notes"]:
            monitor.note(self.input, note)
        return record

    def _write_masks(self, inputs: Page, found: Mapping[int, Found]) -> None:
        """Write a PNG, or a TIFF with a page for each page of the image, black where none was searched."""
        size_px = inputs.image.size_px
        if self.output.suffix.lower() == ".png":
            write_png(self.output, _levels(found[inputs.number].hole))
            return
        count = num_pages(self.input) if len(found) > 1 else 1
        empty = _levels(np.zeros(size_px, bool))
        pages = {number: _levels(each.hole) for number, each in found.items()}
        write_tiff(self.output, [pages.get(number, empty) for number in range(1, count + 1)])

    @staticmethod
    def lines(record: Record) -> Iterator[tuple[str, str]]:
        """See `Job.lines`."""
        yield "mask", str(record["output"])
        yield "found", _found_line(record)
        for page in record["pages"] or ():
            yield f"page {page['page']}", _found_line({**record, **page})
        if record["infrared"] is not None:
            yield "infrared", record["infrared"]
        yield "score", f"{record['score']:.2f}"
        yield "done", f"{record['seconds']:.1f} s"

    @staticmethod
    def line(record: Record) -> str:
        """See `Job.line`."""
        return f"{_found_line(record)}, score {record['score']:.2f}"

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return Panel(
            partial(compare_pages, record, partial(_comparison, record, side_px)), list(cls.lines(record))
        )


def _page_record(number: int, found: Found) -> Record:
    empty = () if found.hole.any() else ("nothing found, the mask is empty",)
    return {
        "page": number,
        "fraction": found.fraction,
        "num_defects": found.num_defects,
        "score": round(found.score, 4),
        "notes": [*found.notes, *empty],
    }


def _levels(hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(hole, 255, 0).astype(np.uint8)[..., None]


def _found_line(record: Record) -> str:
    return (
        f"{record['kind']}, {record['num_defects']} defects, {100 * record['fraction']:.3g} % of the pixels"
    )


def _comparison(record: Record, side_px: int, page: int, prefix: str) -> Comparison:
    """Read a page and its mask."""
    pixels = to_rgb(read_image(record["input"], page).pixels)
    hole = read_image(record["output"], page if record["pages"] else 1).pixels[..., 0] > 0
    marked = Layer(f"{prefix}mask", marked_preview(pixels, hole, side_px))
    return Comparison([Layer(f"{prefix}image", preview(pixels, side_px))], [marked])
