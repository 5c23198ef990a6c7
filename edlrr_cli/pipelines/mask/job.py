"""One image whose defects are found: it is read, the mask is computed and written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edlrr_cli import __version__
from edlrr_cli.errors import OutputError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.files import check_target
from edlrr_cli.media.images import read_image
from edlrr_cli.media.infrared import InfraredPlane, read_infrared
from edlrr_cli.media.preview import marked_preview, preview
from edlrr_cli.media.save import write_png
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Job, Monitor
from edlrr_cli.pipelines.mask.overlay import overlay_of
from edlrr_cli.pipelines.panel import Comparison, Layer, Panel
from edlrr_cli.tasks.masking.config import Config
from edlrr_cli.tasks.masking.dust import find_dust
from edlrr_cli.tasks.masking.found import Found
from edlrr_cli.tasks.masking.infrared import find_infrared
from edlrr_cli.tasks.masking.scratches import find_scratches


@dataclass(frozen=True, eq=False)
class Inputs:
    """The contents of the input files.

    Attributes:
        infrared: The infrared plane for the kind ir, else None.
    """

    image: StillImage
    infrared: InfraredPlane | None


@dataclass(frozen=True, eq=False)
class Masked:
    """The defects of an image, and the seconds that the search took."""

    found: Found
    seconds: float


@dataclass(frozen=True, kw_only=True)
class MaskJob(Job[Inputs, Masked]):
    """An image whose defects are found.

    Attributes:
        others: All images in which an overlay repeats, this one included; empty for other kinds.
    """

    config: Config
    others: tuple[Path, ...] = ()

    command = "mask"

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        if self.output.suffix.lower() != ".png":
            raise OutputError(
                f"mask {self.output}: expected the extension .png, got {self.output.suffix!r}", "name it .png"
            )
        check_target(self.output, self.input, overwrite=self.overwrite)
        image = read_image(self.input)
        infrared = read_infrared(self.input, image) if self.config.kind == "ir" else None
        return Inputs(image, infrared)

    def compute(self, inputs: Inputs, monitor: Monitor) -> Masked:
        """Find the defects."""
        started = time.perf_counter()
        found = self._find(inputs).dilated(self.config.dilate)
        return Masked(found, round(time.perf_counter() - started, 3))

    def _find(self, inputs: Inputs) -> Found:
        sensitivity = self.config.sensitivity
        if self.config.kind == "overlay":
            return overlay_of(self.others, inputs.image.size_px, sensitivity)
        colors = to_rgb(inputs.image.pixels).astype(np.float64, copy=False)
        if inputs.infrared is not None:
            return find_infrared(colors, inputs.infrared.pixels, sensitivity=sensitivity)
        find = find_dust if self.config.kind == "dust" else find_scratches
        return find(colors, sensitivity=sensitivity)

    def write(self, inputs: Inputs, result: Masked, monitor: Monitor) -> Record:
        """See `Job.write`."""
        found = result.found
        write_png(self.output, np.where(found.hole, 255, 0).astype(np.uint8)[..., None])
        record: Record = {
            "status": "ok",
            "input": self.input,
            "output": self.output,
            "kind": self.config.kind,
            "infrared": None if inputs.infrared is None else inputs.infrared.origin,
            "fraction": found.fraction,
            "num_defects": found.num_defects,
            "score": round(found.score, 4),
            "seconds": result.seconds,
            "settings": asdict(self.config),
            "version": __version__,
            "notes": [*found.notes, *(() if found.hole.any() else ("nothing found, the mask is empty",))],
        }
        for note in record["notes"]:
            monitor.note(self.input, note)
        return record

    @staticmethod
    def lines(record: Record) -> Iterator[tuple[str, str]]:
        """See `Job.lines`."""
        yield "mask", str(record["output"])
        yield "found", _found_line(record)
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
        return Panel(partial(_images, record, side_px), list(cls.lines(record)))


def _found_line(record: Record) -> str:
    return (
        f"{record['kind']}, {record['num_defects']} defects, {100 * record['fraction']:.3g} % of the pixels"
    )


def _images(record: Record, side_px: int) -> list[Comparison]:
    """Read the image and its mask."""
    pixels = to_rgb(read_image(record["input"]).pixels)
    hole = read_image(record["output"]).pixels[..., 0] > 0
    marked = Layer("mask", marked_preview(pixels, hole, side_px))
    return [Comparison([Layer("image", preview(pixels, side_px))], [marked])]
