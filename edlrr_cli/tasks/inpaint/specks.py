"""Specks: holes so small that a narrow window around each is enough, at full size and at little cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edlrr_cli.tasks.inpaint.geometry import Window, box_of, grown
from edlrr_cli.tasks.inpaint.problem import Bools, seen_of

# Holes closer than twice the gap are one speck; its window has the margin. Measured: see docs/decisions.md.
_GAP_PX, _MARGIN_PX = 6, 12
# A speck has at most this side, and at most this fraction of its window is missing or transparent.
_LONGEST_PX, _MOST_UNSEEN = 64, 0.15


@dataclass(frozen=True, eq=False)
class Specks:
    """The specks of an image.

    Attributes:
        missing: Their pixels, shape (h, w), True = missing.
        windows: A window for each.
    """

    missing: Bools
    windows: list[Window]


def specks_of(known: Bools, visible: Bools | None = None) -> Specks:
    """Return the holes that are small and have known pixels all around.

    Args:
        known: Shape (h, w), True = known pixel.
        visible: Shape (h, w), False = transparent pixel, which is no evidence; None: all are visible.
    """
    seen, specks = seen_of(known, visible), np.zeros_like(known)
    windows = []
    for box, hole in _groups(~known):
        window = grown(box, _MARGIN_PX, known.shape)
        if max(side.stop - side.start for side in box) <= _LONGEST_PX and (
            1 - seen[window].mean() <= _MOST_UNSEEN
        ):
            specks[box] |= hole
            windows.append(window)
    return Specks(specks, windows)


def _groups(missing: Bools) -> Iterator[tuple[Window, Bools]]:
    """Yield the holes, those near each other as one: the bounding box, and the missing pixels in it."""
    from scipy import ndimage

    near = missing.view(np.uint8)
    for axis in (0, 1):
        near = ndimage.maximum_filter1d(near, 2 * _GAP_PX + 1, axis)
    labels, _ = ndimage.label(near)
    for index, around in enumerate(ndimage.find_objects(labels), start=1):
        hole = missing[around] & (labels[around] == index)
        box = box_of(hole, (around[0].start, around[1].start))
        yield box, missing[box] & (labels[box] == index)
