"""Postprocessing of foreground masks: removal of small areas, holes and cast shadows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

# Range of the brightness of a cast shadow, relative to the background.
_DARKEST, _LIGHTEST = 0.4, 0.95
# Maximum color distortion of a shadow: gray levels of 255, plus this fraction of the background.
_COLOR_LEVELS, _COLOR_FRACTION = 6.0, 0.05


def clean(mask: NDArray[np.bool_], *, min_blob_px: int) -> NDArray[np.bool_]:
    """Remove small foreground areas, then small holes; pixels of an area are connected by their sides.

    Args:
        mask: Shape (h, w), True = foreground. Not modified.
        min_blob_px: Smallest area that is kept, in pixels.

    Example:
        >>> clean(np.array([[True, False, False], [False, True, True]]), min_blob_px=2).astype(int)
        array([[0, 0, 0],
               [0, 1, 1]])
    """
    solid = _without_small(mask, min_blob_px)
    return ~_without_small(~solid, min_blob_px)


def _without_small(mask: NDArray[np.bool_], min_px: int) -> NDArray[np.bool_]:
    from scipy import ndimage

    areas, _ = ndimage.label(mask)
    large = np.bincount(areas.ravel()) >= min_px
    large[0] = False
    kept: NDArray[np.bool_] = large[areas]
    return kept


def cast_shadow(frames: Tensor, backgrounds: Tensor) -> Tensor:
    """Detect pixels that look like the background in less light.

    Args:
        frames: Shape (b, h, w, c), values on [0, 1].
        backgrounds: Same shape.

    Returns:
        Bool, shape (b, h, w). With one channel colors cannot differ, so every darker pixel qualifies.

    Source: Horprasert, Harwood, Davis, "A statistical approach for real-time robust background subtraction
        and shadow detection", 1999: brightness and color distortion.
    """
    light = (frames * backgrounds).sum(-1) / (backgrounds**2).sum(-1).clamp_min(1e-6)
    distortion = (frames - light.unsqueeze(-1) * backgrounds).abs().amax(-1)
    allowed = _COLOR_LEVELS / 255 + _COLOR_FRACTION * backgrounds.amax(-1)
    return (light > _DARKEST) & (light < _LIGHTEST) & (distortion < allowed)
