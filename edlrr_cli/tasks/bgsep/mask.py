"""Postprocessing of foreground masks: removal of small areas, holes and cast shadows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.tasks.bgsep.difference import box_mean

# Range of the brightness of a cast shadow, relative to the background.
_DARKEST, _LIGHTEST = 0.4, 0.95
# Maximum color distortion of a shadow: gray levels of 255, plus this fraction of the background.
_COLOR_LEVELS, _COLOR_FRACTION = 6.0, 0.05


# Width of the guided filter, and the variance of the guide, on [0, 1], above which edges are followed. The
# guide is smoothed, or outlines would be as rough as the texture.
_WIDTH_PX, _VARIANCE, _GUIDE_PX = 9, 1e-2, 3
# Holes below this fraction of the area around them are filled.
_HOLE_FRACTION = 0.1


def follow_edges(masks: Tensor, frames: Tensor) -> Tensor:
    """Move the outlines of masks to the nearby edges of the frames, and smooth them elsewhere.

    Args:
        masks: Bool, shape (b, h, w).
        frames: Shape (b, h, w, c), values on [0, 1].

    Returns:
        Bool, shape (b, h, w).

    Source: He, Sun, Tang, "Guided image filtering", 2010. The guide is the gray or green channel.
    """
    guide, mask = box_mean(frames[..., frames.shape[-1] // 2], _GUIDE_PX), masks.to(frames.dtype)
    guide_mean, mask_mean = box_mean(guide, _WIDTH_PX), box_mean(mask, _WIDTH_PX)
    covariance = box_mean(guide * mask, _WIDTH_PX) - guide_mean * mask_mean
    slope = covariance / (box_mean(guide**2, _WIDTH_PX) - guide_mean**2 + _VARIANCE)
    offset = mask_mean - slope * guide_mean
    return box_mean(slope, _WIDTH_PX) * guide + box_mean(offset, _WIDTH_PX) > 0.5


def clean(mask: NDArray[np.bool_], *, min_blob_px: int) -> NDArray[np.bool_]:
    """Remove small foreground areas, then small holes, also relative to the area around them.

    Pixels of an area are connected by their sides.

    Args:
        mask: Shape (h, w), True = foreground. Not modified.
        min_blob_px: Smallest area that is kept, in pixels; 0 leaves the mask as it is.

    Example:
        >>> clean(np.array([[True, False, False], [False, True, True]]), min_blob_px=2).astype(int)
        array([[0, 0, 0],
               [0, 1, 1]])
    """
    from scipy import ndimage

    if min_blob_px == 0:
        return mask.copy()
    areas, _ = ndimage.label(mask)
    area_px = np.bincount(areas.ravel())
    areas[area_px[areas] < min_blob_px] = 0
    if not areas.any():
        return np.zeros_like(mask)
    holes, _ = ndimage.label(areas == 0)
    hole_px = np.bincount(holes.ravel())
    small = hole_px < min_blob_px
    for index, (rows, columns) in enumerate(ndimage.find_objects(holes), start=1):
        inside = (
            rows.start > 0 and columns.start > 0 and rows.stop < len(mask) and columns.stop < mask.shape[1]
        )
        if inside and not small[index]:
            first = columns.start + int((holes[rows.start, columns] == index).argmax())
            small[index] = hole_px[index] < _HOLE_FRACTION * area_px[areas[rows.start - 1, first]]
    small[0] = True
    cleaned: NDArray[np.bool_] = small[holes]
    return cleaned


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
