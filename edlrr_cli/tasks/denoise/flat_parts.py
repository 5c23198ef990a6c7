"""Detection of flat parts of an image, such as bars, cut-outs and clipped skies, which carry no noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def flat_neighborhoods(channel: NDArray[Any]) -> Bools:
    """Return the pixels whose 3 x 3 neighborhood is constant, shape (h, w); False along the sides.

    Noise of one level of 255 leaves one such neighborhood in 5000, noise of half a level one in 30.
    """
    down, across = channel[1:] == channel[:-1], channel[1:-1, 1:] == channel[1:-1, :-1]
    column = down[1:] & down[:-1]
    flat = np.zeros(channel.shape, bool)
    flat[1:-1, 1:-1] = across[:, 1:] & across[:, :-1] & column[:, :-2] & column[:, 1:-1] & column[:, 2:]
    return flat


def constant_squares(flat: Bools, side_px: int) -> Bools:
    """Return the union of all constant squares, shape (h, w).

    Args:
        flat: Result of `flat_neighborhoods`, shape (h, w).
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    inner_px = side_px - 2
    # Windows of an even side are not centered; those of the second filter must be the first's, mirrored.
    mirrored = 0 if inner_px % 2 else -1
    eroded = minimum_filter(flat.view(np.uint8), inner_px, mode="constant")
    opened = maximum_filter(eroded, inner_px, mode="constant", origin=mirrored)
    return np.asarray(maximum_filter(opened, 3, mode="constant").astype(bool))
