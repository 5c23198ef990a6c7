"""The panel of a record on the page of ``edlrr bgsep``."""

from __future__ import annotations

from edlrr_cli.pipelines.bgsep.record import bgsep_lines
from edlrr_cli.pipelines.curve import draw_curve
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.panel import Panel

_MAX_POINTS = 400


def bgsep_panel(record: Record) -> Panel:
    """Return the panel of a record with ``comparisons``."""
    fractions = record["foreground_fractions"]
    every = -(-len(fractions) // _MAX_POINTS)
    points = [(index, 100 * fractions[index]) for index in range(0, len(fractions), every)]
    curves = [draw_curve(points, title="foreground", x_label="frame", y_label="percent of the pixels")]
    return Panel(lambda: record["comparisons"], list(bgsep_lines(record)), curves if len(points) > 1 else [])
