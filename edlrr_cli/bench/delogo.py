"""FFmpeg's filter ``delogo``: a rectangle interpolated from its border.

The builds of FFmpeg in PyAV leave out the filters under the GPL, so it is computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def delogo(frame: NDArray[Any], hole: Bools) -> NDArray[np.float64]:
    """Fill the rectangle around a hole.

    Each pixel is the mean of the four pixels of the border in its row and column, each averaged over three
    neighbors, weighted by the product of the distances to the other three sides.

    Args:
        frame: Shape (h, w, c). Not modified.
        hole: Shape (h, w), True = missing; at least one pixel.

    Returns:
        Shape (h, w, c); pixels outside of the rectangle unchanged.

    Source: ``libavfilter/vf_delogo.c``.
    """
    rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
    height, width = hole.shape
    top, bottom = max(rows[0] - 1, 0), min(rows[-1] + 1, height - 1)
    left, right = max(columns[0] - 1, 0), min(columns[-1] + 1, width - 1)
    y = np.arange(top + 1, bottom)[:, None, None]
    x = np.arange(left + 1, right)[None, :, None]
    padded = np.pad(frame.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    sides = (
        (_averaged(padded[top + 1 : bottom + 2, left + 1])[:, None], (right - x) * (y - top) * (bottom - y)),
        (_averaged(padded[top + 1 : bottom + 2, right + 1])[:, None], (x - left) * (y - top) * (bottom - y)),
        (_averaged(padded[top + 1, left + 1 : right + 2])[None], (x - left) * (right - x) * (bottom - y)),
        (_averaged(padded[bottom + 1, left + 1 : right + 2])[None], (x - left) * (right - x) * (y - top)),
    )
    filled = frame.astype(np.float64)
    total = sum(weight for _, weight in sides)
    filled[top + 1 : bottom, left + 1 : right] = sum(side * weight for side, weight in sides) / total
    return filled


def _averaged(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of three neighbors along the first axis, without the ends."""
    return np.asarray((line[:-2] + line[1:-1] + line[2:]) / 3)
