"""Ghosts: what stood still for most of a window and left, or came late, and was taken for background."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.tasks.bgsep.keys import Keys
from edlrr_cli.tasks.bgsep.robust import l1_fit

Floats = NDArray[np.floating[Any]]

# Share of the frames in which a pixel must be foreground to have another background, and share of those
# that must agree with it, to so many gray levels of 255.
_MIN_SHARE, _MIN_AGREEMENT, _LEVELS = 0.15, 0.5, 10.0
_MIN_REGION_PX = 40
# The other background is taken if it lowers the contrast along the region's outline at least so much.
_CONTRAST_SHARE = 0.8
_OUTLINE_PX = 2


def without_ghosts(images: Tensor, course: Tensor, keys: Keys, masks: Tensor) -> Tensor:
    """Exchange parts of the background for what is seen there as foreground, where that fits in better.

    A person who stands still for most of the time becomes background, and the wall behind him foreground.
    The outline tells: that of a person is an edge of the background, and the wall continues what is
    around it.

    Args:
        images: Shape (1, n), of the background. Not modified.
        course: Its course in time, shape (k, 1).
        keys: The k frames.
        masks: Their foreground, shape (k, h, w).

    Returns:
        An image of the same shape, or the same if there is no ghost.

    Source: The problem and its name: Cucchiara, Grana, Piccardi, Prati, "Detecting moving objects, ghosts,
        and shadows in video streams", 2003, who tell ghosts by optical flow. The outline is our own test.
    """
    share = masks.float().mean(0)
    if not bool((share > _MIN_SHARE).any()):
        return images
    other, agreement = _seen_there(course, keys, masks)
    stable = (share > _MIN_SHARE) & (agreement > _MIN_AGREEMENT)
    before, after = (_picture(course.median() * image[0], keys) for image in (images, other))
    exchanged = torch.from_numpy(_better(before, after, stable.cpu().numpy())).to(images.device)
    return torch.where(exchanged.flatten().repeat_interleave(keys.num_channels), other, images)


def _seen_there(course: Tensor, keys: Keys, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the masked frames show, shape (1, n), and the share of them that agree, shape (h, w)."""
    fits, agreements = [], []
    where = masks.flatten(1)
    for chunk in keys.chunks():
        values = keys.values(chunk)
        pixels = slice(chunk.start // keys.num_channels, chunk.stop // keys.num_channels)
        weights = where[:, pixels].float().repeat_interleave(keys.num_channels, dim=1)
        fitted = l1_fit(course, values, where=weights)
        near = (255 * (values - course @ fitted).abs() < _LEVELS) * weights
        fits.append(fitted)
        agreement = near.sum(0) / weights.sum(0).clamp_min(1.0)
        agreements.append(agreement.view(-1, keys.num_channels).amin(-1))
    return torch.cat(fits, dim=1), torch.cat(agreements).view(keys.size_px)


def _picture(values: Tensor, keys: Keys) -> Floats:
    picture: Floats = values.view(*keys.size_px, -1).cpu().numpy()
    return picture


def _better(before: Floats, after: Floats, stable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of the regions whose outline has less contrast afterwards."""
    from scipy import ndimage

    stable = ndimage.binary_opening(stable)
    regions, _ = ndimage.label(ndimage.binary_closing(stable, iterations=_OUTLINE_PX))
    old, new = _contrast(before), _contrast(np.where(stable[..., None], after, before))
    exchanged = np.zeros_like(stable)
    for index, tight in enumerate(ndimage.find_objects(regions), start=1):
        box = _grown(tight, 2 * _OUTLINE_PX, stable.shape)
        region = regions[box] == index
        if region.sum() < _MIN_REGION_PX:
            continue
        outline = ndimage.binary_dilation(region, iterations=_OUTLINE_PX)
        outline &= ~ndimage.binary_erosion(region, iterations=_OUTLINE_PX, border_value=1)
        if new[box][outline].mean() < _CONTRAST_SHARE * old[box][outline].mean():
            exchanged[box] |= region & stable[box]
    return exchanged


def _contrast(picture: Floats) -> Floats:
    """Return the largest gradient of the channels."""
    from scipy import ndimage

    contrast: Floats = np.hypot(*(ndimage.sobel(picture, axis=axis) for axis in (0, 1))).max(axis=-1)
    return contrast


def _grown(box: tuple[slice, ...], margin: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(max(side.start - margin, 0), min(side.stop + margin, length))
        for side, length in zip(box, shape, strict=True)
    )
