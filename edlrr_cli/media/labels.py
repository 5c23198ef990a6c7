"""Label images as masks: integer labels instead of gray levels, 0 where nothing is marked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.still_image import StillImage

Bools = NDArray[np.bool_]

# Gray levels are labels if at most so many differ, or if at least this fraction of pixels equals the right
# neighbor; a photograph has neither property.
_FEW_VALUES, _MIN_EQUAL = 32, 0.8


def labeled_pixels(image: StillImage) -> Bools | None:
    """Return the mask of nonzero labels, shape (h, w); None if the gray levels are not labels.

    Labels are integers without transparency that include 0 but not full white, and are few, or constant over
    regions.
    """
    if image.pixels.shape[2] != 1 or image.alpha is not None:
        return None
    if image.ranged is not None:
        return None if image.ranged.are_floats else _labeled(image.ranged.values[..., 0])
    return _labeled(image.pixels[..., 0]) if image.pixels.max() < 1 else None


def _labeled(values: NDArray[Any]) -> Bools | None:
    labeled: Bools = values != 0
    if labeled.all() or not labeled.any():
        return None
    equal = float((values[:, 1:] == values[:, :-1]).mean())
    return labeled if equal >= _MIN_EQUAL or len(np.unique(values)) <= _FEW_VALUES else None
