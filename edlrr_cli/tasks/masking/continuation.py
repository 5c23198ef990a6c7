"""Gaps in lines, where what is below has the color of the line or hides it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, find_objects
from scipy.spatial import KDTree
from skimage.draw import line

Points = NDArray[np.float64]

# Ends of lines face each other at most at this distance, and deviate by at most this angle from each other's
# direction, which is that of so many pixels before the end.
_GAP_PX, _COSINE, _BEFORE_PX = 25, 0.97, 10


@dataclass(frozen=True, eq=False)
class Gap:
    """The straight line between two lines of which one continues the other.

    Attributes:
        labels: Those of both.
        pixels: Rows and columns.
    """

    labels: tuple[int, int]
    pixels: tuple[NDArray[np.intp], NDArray[np.intp]]


def gaps(skeletons: NDArray[np.int32]) -> list[Gap]:
    """Return the gaps between skeletons that continue each other.

    Args:
        skeletons: Labels from 1 of lines without branches, shape (h, w); 0 elsewhere.
    """
    ends, directions, owners = _ends(skeletons)
    found: list[Gap] = []
    if len(ends) < 2:
        return found
    for first, second in KDTree(ends).query_pairs(_GAP_PX):
        step = ends[second] - ends[first]
        length = float(np.hypot(*step))
        if owners[first] == owners[second] or length == 0:
            continue
        ahead = float(directions[first] @ step) / length, -float(directions[second] @ step) / length
        if min(ahead) > _COSINE:
            where = *ends[first].astype(int), *ends[second].astype(int)
            pixels = line(*where)  # type: ignore[no-untyped-call]
            found.append(Gap((owners[first], owners[second]), pixels))
    return found


def _ends(skeletons: NDArray[np.int32]) -> tuple[Points, Points, list[int]]:
    """Return the ends of lines, shape (n, 2), the directions in which they would go on, and their labels."""
    on = (skeletons > 0).astype(np.int8)
    is_end = (on > 0) & (convolve(on, np.ones((3, 3), np.int8), mode="constant") == 2)
    ends, directions, owners = [], [], []
    for number, where in enumerate(find_objects(skeletons), start=1):
        if where is None:
            continue
        corner = np.array([part.start for part in where])
        pixels = np.argwhere(skeletons[where] == number) + corner
        for end in np.argwhere((skeletons[where] == number) & is_end[where]) + corner:
            near = pixels[np.abs(pixels - end).max(axis=1) <= _BEFORE_PX]
            direction = end - near.mean(axis=0)
            length = float(np.hypot(*direction))
            if length > 1:
                ends.append(end)
                directions.append(direction / length)
                owners.append(number)
    return np.array(ends, float).reshape(-1, 2), np.array(directions).reshape(-1, 2), owners
