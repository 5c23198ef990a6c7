"""Dilation of holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def dilated(missing: Bools, radius_px: int) -> Bools:
    """Return the hole dilated by a disk, shape (h, w), True = missing; an empty one stays empty."""
    if radius_px == 0 or not missing.any():
        return missing
    from skimage.morphology import isotropic_dilation

    grown: Bools = isotropic_dilation(missing, radius_px)  # type: ignore[no-untyped-call]
    return grown
