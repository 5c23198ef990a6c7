"""Windows of an image: cells of a grid, bounding boxes, and boxes with a margin."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np

from edlrr_cli.tasks.inpaint.problem import Bools

Window = tuple[slice, slice]
"""Rows and columns."""


def area_of(window: Window) -> int:
    """Return the number of pixels of a window."""
    rows, columns = window
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def cells_of(size_px: tuple[int, int], cell_px: int) -> Iterator[Window]:
    """Yield the cells of a grid, row by row, whose sides are nearly equal and at most ``cell_px``."""
    yield from product(*(_parts(size, cell_px) for size in size_px))


def _parts(size: int, cell_px: int) -> list[slice]:
    edges = np.linspace(0, size, math.ceil(size / cell_px) + 1).round().astype(int)
    return [slice(int(first), int(last)) for first, last in pairwise(edges)]


def box_of(hole: Bools, origin: tuple[int, int] = (0, 0)) -> Window:
    """Return the bounding box of the missing pixels, at least one, shape (h, w), True = missing.

    Args:
        origin: Row and column of the first pixel of the array.
    """
    rows, columns = (
        slice(start + int(indices[0]), start + int(indices[-1]) + 1)
        for start, indices in zip(origin, (np.flatnonzero(hole.any(axis)) for axis in (1, 0)), strict=True)
    )
    return rows, columns


def grown(box: Window, margin_px: int, size_px: tuple[int, ...]) -> Window:
    """Return a box with a margin, within an image of (height, width)."""
    rows, columns = (
        slice(max(side.start - margin_px, 0), min(side.stop + margin_px, size))
        for side, size in zip(box, size_px, strict=True)
    )
    return rows, columns
