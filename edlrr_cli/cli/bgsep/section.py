"""What the page of ``edlrr bgsep`` shows of a record."""

from __future__ import annotations

from typing import Any

import numpy as np

from edlrr_cli.cli.bgsep.outputs import MASKS
from edlrr_cli.cli.bgsep.report import bgsep_lines
from edlrr_cli.cli.bgsep.stills import Still
from edlrr_cli.cli.report.curve import draw_curve
from edlrr_cli.cli.report.section import Comparison, Layer, Section
from edlrr_cli.media.preview import preview

_SIDE_PX = 800
_MAX_POINTS = 400


def bgsep_section(record: dict[str, Any]) -> Section:
    """Return what is shown of a record with ``stills``, which are of `comparison_of`."""
    shares = record["foreground_fractions"]
    every = -(-len(shares) // _MAX_POINTS)
    points = [(index, 100 * shares[index]) for index in range(0, len(shares), every)]
    curves = [draw_curve(points, title="foreground", x_label="frame", y_label="percent of the pixels")]
    return Section(lambda: record["stills"], list(bgsep_lines(record)), curves if len(points) > 1 else [])


def comparison_of(still: Still) -> Comparison:
    """Return a frame against its layers."""
    frame, *layers = (
        Layer(name, preview(pixels / np.iinfo(pixels.dtype).max, _SIDE_PX))
        for name, pixels in still.layers.items()
    )
    share = f"{still.layers[MASKS].mean() / 255:.2%} foreground"
    return Comparison([frame], layers, caption=f"frame {still.index}, {still.time_s:.2f} s, {share}")
