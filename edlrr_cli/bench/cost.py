"""CPU time of a restoration against the area of the image and the number of missing pixels."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from edlrr_cli.bench.images import PHOTO, photo, text_hole
from edlrr_cli.bench.record import Row
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore

NAME = "cost"
SIDES_PX = (150, 200, 250, 300, 400, 500)
FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the rows that have text

PARAMETERS = {
    "image": PHOTO,
    "mask": "lines of text; where the fraction varies, in the upper rows only",
    "cpu_seconds": "of one restoration by one thread, without the start of the interpreter; least of all",
}
_SIDE_PX = 400


def run(*, repeats: int, progress: Callable[[str], None]) -> list[Row]:
    """Measure the areas, then the missing fractions, with the default settings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _cpu_seconds(photo(64), text_hole(64, 64))  # imports and tables
        rows = [("area", side_px, 1.0) for side_px in SIDES_PX]
        rows += [("missing", _SIDE_PX, fraction) for fraction in FRACTIONS]
        return [_row(kind, side_px, fraction, repeats, progress) for kind, side_px, fraction in rows]
    finally:
        torch.set_num_threads(before)


def _row(kind: str, side_px: int, fraction: float, repeats: int, progress: Callable[[str], None]) -> Row:
    hole = text_hole(side_px, side_px)
    hole[round(fraction * side_px) :] = False
    progress(f"{side_px} x {side_px} pixels, {100 * hole.mean():.1f} % missing")
    seconds = [_cpu_seconds(photo(side_px), hole) for _ in range(repeats)]
    return {
        "kind": kind,
        "side_px": side_px,
        "num_pixels": hole.size,
        "num_missing": int(hole.sum()),
        "cpu_seconds": min(seconds),
    }


def _cpu_seconds(clean: NDArray[np.float64], hole: NDArray[np.bool_]) -> float:
    started = time.process_time()
    restore(np.where(hole[..., None], 0.0, clean), ~hole, Config(noise=0.0))
    return time.process_time() - started


def plot(rows: Sequence[Row]) -> str:
    """Return an SVG: time against area and against missing pixels, with the straight lines that fit best."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = (
        ("area", "num_pixels", "pixels, 14 % missing"),
        ("missing", "num_missing", "missing pixels of 160,000"),
    )
    for axes, (kind, abscissa, label) in zip(figure.subplots(1, 2), panels, strict=True):
        measured = [row for row in rows if row["kind"] == kind]
        x, y = (np.array([row[key] for row in measured], dtype=float) for key in (abscissa, "cpu_seconds"))
        slope, constant = np.polyfit(x, y, 1)
        ends = np.array([0.0, x.max()])
        axes.plot(x, y, "o", color="#0062a3")
        axes.plot(ends, constant + slope * ends, color="#555555", linewidth=1)
        axes.set(xlabel=label, ylabel="CPU seconds", xlim=(0, None), ylim=(0, None))
        axes.xaxis.set_major_formatter("{x:,.0f}")
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return written.getvalue()
