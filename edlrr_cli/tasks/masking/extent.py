"""From the strength of defects at each pixel to the pixels that belong to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter
from skimage.filters import apply_hysteresis_threshold

from edlrr_cli.tasks.masking.found import Bools

Pixels = NDArray[np.float64]

_HALF = 0.5
_SQUARE = np.ones((3, 3), bool)


def inside(core: Bools, strength: Pixels, *, floor: Pixels | float, reach_px: int) -> Bools:
    """Return the defects that contain a core, up to where they fall to half of their strength, shape (h, w).

    A pixel is inside if its strength exceeds both the floor and half of the greatest strength near it, and if
    it is connected with a core by such pixels; so strong defects do not bleed into their surroundings.

    Args:
        core: Shape (h, w), True where a defect is certain.
        strength: Shape (h, w).
        floor: Least strength, a number or shape (h, w).
        reach_px: Radius in pixels of the square in which the greatest strength is taken.
    """
    belongs = strength > np.maximum(_HALF * maximum_filter(strength, 2 * reach_px + 1), floor)
    levels = belongs.astype(float) + (belongs & core)
    found: Bools = apply_hysteresis_threshold(levels, 0.5, 1.5)  # type: ignore[no-untyped-call]
    return found


def with_rim(hole: Bools, strength: Pixels, *, edge: float) -> Bools:
    """Return defects with the pixels that they cover in part, at most one beyond half of their strength.

    Args:
        hole: Shape (h, w), up to half of the strength; see `inside`.
        strength: Shape (h, w).
        edge: Least strength of the rim, as a fraction of the greatest strength of the defect near it.
    """
    peak = maximum_filter(np.where(hole, strength, 0), 5)
    rim: Bools = binary_dilation(hole, _SQUARE) & (strength > edge * peak)
    return hole | rim
