"""The panel of a record on the page of ``edlrr bgsep``."""

from __future__ import annotations

from edlrr_cli.pipelines.bgsep.record import bgsep_lines
from edlrr_cli.pipelines.curve import draw_curve
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.panel import Comparison, Panel
from edlrr_cli.pipelines.preview_frames import PreviewFrame

_MAX_POINTS = 400


def bgsep_panel(record: Record) -> Panel:
    """Return the panel of a record with ``comparisons``, made by `comparison_of`."""
    fractions = record["foreground_fractions"]
    every = -(-len(fractions) // _MAX_POINTS)
    points = [(index, 100 * fractions[index]) for index in range(0, len(fractions), every)]
    curves = [draw_curve(points, title="foreground", x_label="frame", y_label="percent of the pixels")]
    return Panel(lambda: record["comparisons"], list(bgsep_lines(record)), curves if len(points) > 1 else [])


def comparison_of(shown: PreviewFrame, fraction: float) -> Comparison:
    """Return the comparison of a frame with its layers.

    Args:
        fraction: Its foreground fraction.
    """
    frame, *layers = map(shown.layer, shown.layers)
    return Comparison([frame], layers, caption=f"{shown.caption}, {fraction:.2%} foreground")
