"""Conversion of CMYK to RGB for display, without a color profile: each ink absorbs its part of the light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUM_INKS = 4


def to_rgb(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert CMYK to RGB; return anything else unchanged.

    Args:
        pixels: Shape (h, w) or (h, w, c), in [0, 1]; c = 4 is CMYK, 1 = full ink. Not modified.

    Example:
        >>> to_rgb(np.array([[[0.0, 1.0, 0.5, 0.0]]])).tolist()
        [[[1.0, 0.0, 0.5]]]
    """
    if pixels.shape[2:] != (NUM_INKS,):
        return pixels
    light: NDArray[np.float64] = 1.0 - pixels
    return light[..., :3] * light[..., 3:]
