"""Regions of an image that is too large for the memory: each is restored like an image of its own.

The image is divided into cells. The region of a cell is the bounding box of its holes with a margin. A hole
that is no longer than the margin is seen whole by all regions that it touches, and restored by one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from threading import Event
from typing import Protocol, TypeVar

import numpy as np

from edlrr_cli.parallel import map_in_threads
from edlrr_cli.tasks.inpaint.geometry import Window, box_of, cells_of, grown
from edlrr_cli.tasks.inpaint.problem import Bools
from edlrr_cli.tasks.inpaint.restore import threads_for
from edlrr_cli.tasks.inpaint.stages import quality_of
from edlrr_cli.tasks.inpaint.windows import num_px, windows_of

R = TypeVar("R")

_CELL_PX, _MARGIN_PX = 1024, 256
# The margin of a region grows until this fraction is known, but not beyond the last margin.
_MIN_KNOWN, MOST_MARGIN_PX = 0.25, 2048


class Hole(Protocol):
    """The missing pixels of a large image.

    Attributes:
        size_px: (height, width).
    """

    size_px: tuple[int, int]

    def __getitem__(self, window: Window, /) -> Bools:
        """Return the pixels of a window, shape (h, w), True = missing."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of an image that is restored at once.

    Attributes:
        window: Its rows and columns.
        missing: Its missing pixels, shape (h, w).
        owned: Those of them that no other region restores, shape (h, w).
        is_cut: Whether a hole, of which some pixels are owned, continues beyond the window.
    """

    window: Window
    missing: Bools
    owned: Bools
    is_cut: bool


def cells_with_holes(hole: Hole) -> Iterator[Window]:
    """Yield the cells that have missing pixels, row by row; `region_of` returns the region of each."""
    return (cell for cell in cells_of(hole.size_px, _CELL_PX) if hole[cell].any())


def window_of(hole: Hole, cell: Window) -> Window:
    """Return the window of the region of a cell that has missing pixels."""
    box, margin_px = box_of(hole[cell], (cell[0].start, cell[1].start)), _MARGIN_PX
    window = grown(box, margin_px, hole.size_px)
    while hole[window].mean() > 1 - _MIN_KNOWN and margin_px < MOST_MARGIN_PX:
        margin_px *= 2
        window = grown(box, margin_px, hole.size_px)
    return window


def region_of(hole: Hole, cell: Window) -> Region:
    """Return the region of a cell that has missing pixels; all regions restore each of them once."""
    from scipy import ndimage

    window = window_of(hole, cell)
    missing = hole[window]
    in_cell = np.zeros_like(missing)
    in_cell[_within(cell, window)] = True
    labels, count = ndimage.label(missing, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    is_short = np.array([False, *(max(_lengths(box)) <= _MARGIN_PX for box in boxes)])
    # A short hole is owned where its first pixel is, and any other one pixel by pixel.
    _, firsts = np.unique(labels, return_index=True)
    is_first_here = np.zeros(count + 1, bool)
    is_first_here[labels.flat[firsts]] = in_cell.flat[firsts]
    owned = missing & np.where(is_short[labels], is_first_here[labels], in_cell)
    cut = [label for label in np.unique(labels[_edge(window, hole.size_px)]) if label and not is_short[label]]
    return Region(window, missing, owned, bool(np.isin(labels[owned], cut).any()))


def _lengths(box: Window) -> tuple[int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start


def _within(cell: Window, window: Window) -> Window:
    """Return the part of a window that is in a cell, counted from the first pixel of the window."""
    rows, columns = (
        slice(max(side.start - around.start, 0), max(min(side.stop, around.stop) - around.start, 0))
        for side, around in zip(cell, window, strict=True)
    )
    return rows, columns


def _edge(window: Window, size_px: tuple[int, int]) -> Bools:
    """Return the outermost pixels of a window, without those at the sides of the image, shape (h, w)."""
    inner = tuple(
        slice(int(side.start > 0), side.stop - side.start - int(side.stop < size))
        for side, size in zip(window, size_px, strict=True)
    )
    edge = np.ones(_lengths(window), bool)
    edge[inner] = False
    return edge


def restore_in_regions(
    hole: Hole, restore: Callable[[Region, Callable[[object], None]], R], *, device: str
) -> tuple[int, Iterator[R]]:
    """Restore the regions of an image, on a CPU several in parallel.

    Args:
        restore: Restores a region; it must pass the callback on, which raises an exception to cancel it.
        device: As in `edlrr_cli.tasks.inpaint.config.Config`.

    Returns:
        The number of regions, and their results in order, each when it is finished.
    """
    cells, stop = list(cells_with_holes(hole)), Event()

    def check(progress: object) -> None:
        if stop.is_set():
            raise CancelledError

    def restored(cell: Window) -> R:
        return restore(region_of(hole, cell), check)

    num_threads = threads_for(device, len(cells))
    return len(cells), map_in_threads(restored, cells, num_threads=num_threads, stop=stop)


def region_quality(hole: Hole, requested: str) -> str:
    """Return the quality of all regions: a draft instead of ``"auto"`` where many pixels are in windows."""
    windows = (window_of(hole, cell) for cell in cells_with_holes(hole))
    resolved = quality_of(requested, sum(num_px(windows_of(~hole[window])) for window in windows))
    return resolved if resolved == "draft" else requested
