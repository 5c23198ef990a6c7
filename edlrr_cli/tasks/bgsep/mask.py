"""From differences to a mask that a person can use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

# A cast shadow keeps the colour and takes this share of the light at most, and at least that.
_DARKEST, _LIGHTEST = 0.4, 0.95
# By so many gray levels of 255, and so much of the light, a shadow's colour may differ.
_COLOUR_LEVELS, _COLOUR_SHARE = 6.0, 0.05


def clean(mask: NDArray[np.bool_], *, min_blob_px: int) -> NDArray[np.bool_]:
    """Remove small foreground areas, then small holes; areas are connected by their sides.

    Args:
        mask: Shape (h, w), True = foreground. Not modified.
        min_blob_px: Smallest area that stays, in pixels.

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
    """Tell pixels that look like the background in less light.

    Args:
        frames: Shape (b, h, w, c), values on [0, 1].
        backgrounds: Same shape.

    Returns:
        Bool, shape (b, h, w). With one channel colours cannot differ, and all that is darker passes.

    Source: Horprasert, Harwood, Davis, "A statistical approach for real-time robust background subtraction
        and shadow detection", 1999: brightness and colour distortion.
    """
    light = (frames * backgrounds).sum(-1) / (backgrounds**2).sum(-1).clamp_min(1e-6)
    distortion = (frames - light.unsqueeze(-1) * backgrounds).abs().amax(-1)
    allowed = _COLOUR_LEVELS / 255 + _COLOUR_SHARE * backgrounds.amax(-1)
    return (light > _DARKEST) & (light < _LIGHTEST) & (distortion < allowed)
