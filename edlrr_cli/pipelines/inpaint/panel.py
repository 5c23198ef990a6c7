"""The panel of a record on the page of ``edlrr inpaint``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

from edlrr_cli.media.boxes import parse_box
from edlrr_cli.media.images import read_image
from edlrr_cli.media.outputs import page_written
from edlrr_cli.media.preview import hole_preview, preview
from edlrr_cli.pipelines.curve import Curve, draw_curve
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.inputs import read_hole
from edlrr_cli.pipelines.inpaint.record import inpaint_lines
from edlrr_cli.pipelines.inpaint.settings import MaskSettings
from edlrr_cli.pipelines.pages import page_of
from edlrr_cli.pipelines.panel import Comparison, Layer, Panel, compare_pages

_ROUNDS = "The penalty changes from round to round, so values do not compare."
# What the values of a stage are, the unit of its steps, and a note; every other stage is a baseline.
_STAGES = {
    "global": (
        "objective of global low-rank completion",
        "step",
        "The penalty changes during the first 80 % of the steps; only values behind compare.",
    ),
    "local": ("penalty of the local windows", "round", _ROUNDS),
    "nonlocal": ("penalty of the similar patches", "round", _ROUNDS),
    "network": ("noise level that the network receives", "round", ""),
}
_WATCHED = ("what the method watches", "step", "")
# Fewer make no curve.
_FEWEST_POINTS = 3


def inpaint_panel(record: Record, *, side_px: int) -> Panel:
    """Return the panel of a record, with images of at most ``side_px`` pixels a side."""
    # A large image is not in memory, and its page has the numbers only.
    compare = partial(_comparison, record, side_px)
    read = tuple if record.get("is_large") else partial(compare_pages, record, compare)
    return Panel(read, list(inpaint_lines(record)), list(_curves(record["history"])))


def _comparison(record: Record, side_px: int, page: int, prefix: str) -> Comparison:
    """Read the images of a page, floats on the range of the computation."""
    image = read_image(record["input"], page)
    settings = record["settings"]
    reading = {field.name: settings[field.name] for field in fields(MaskSettings)}
    boxes = list(map(parse_box, record["boxes"]))
    mask = read_hole(record["input"], image, record["mask"], boxes, MaskSettings(**reading), page)
    image = image.within(mask.known)

    def layer(name: str, path: Path, page: int = 1) -> Layer:
        return Layer(prefix + name, preview(image.pixels_of(read_image(path, page)), side_px))

    left = [Layer(prefix + "damaged", preview(image.pixels, side_px))]
    right = [layer("restored", record["output"], page_written(record["output"], page))]
    if record["reference"] is not None:
        at = page_of(record["reference"], "reference", record["input"], page)
        left.append(layer("reference", record["reference"], at))
    if record["error_map"] is not None:
        right.append(layer("error map", record["error_map"]))
    hole = Layer("show the mask", hole_preview(mask.known, side_px))
    return Comparison(left, right, hole)


def _curves(history: list[Record]) -> Iterator[Curve]:
    for stage in history:
        if len(stage["points"]) < _FEWEST_POINTS:
            continue
        meaning, unit, note = _STAGES.get(stage["stage"], _WATCHED)
        runs = f"One of {stage['runs']} runs." if stage["runs"] > 1 else ""
        yield draw_curve(
            stage["points"],
            title=stage["stage"],
            x_label=unit,
            y_label=meaning,
            note=" ".join(filter(None, (note, runs))),
        )
