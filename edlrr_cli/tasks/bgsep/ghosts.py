"""Ghosts: what stood still for most of a window and left, or came late, and was taken for background."""

from __future__ import annotations

from collections.abc import Iterator
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
# Pixels looked at together.
_CHUNK = 2**12
# The other background is taken if it lowers the contrast along the region's outline at least so much.
_CONTRAST_SHARE = 0.8
_OUTLINE_PX = 2
# A ghost reaches as far beyond the pixels that tell it; it is away when so much of it is foreground.
_REACH_PX, _AWAY_SHARE = 8, 0.5


def without_ghosts(image: Tensor, course: Tensor, keys: Keys, masks: Tensor) -> Tensor:
    """Exchange parts of the background for what is seen there as foreground, where that fits in better.

    A person who stands still for most of the time becomes background, and the wall behind him foreground.
    The outline tells: that of a person is an edge of the background, and the wall continues what is
    around it.

    Args:
        image: Shape (1, n), of the background. Not modified.
        course: Its course in time, shape (k, 1).
        keys: The k frames.
        masks: Their foreground, shape (k, h, w).

    Returns:
        An image of the same shape, or the same if there is no ghost.

    Source: The problem and its name: Cucchiara, Grana, Piccardi, Prati, "Detecting moving objects, ghosts,
        and shadows in video streams", 2003, who tell ghosts by optical flow. The outline is our own test.
    """
    often = masks.float().mean(0) > _MIN_SHARE
    if not bool(often.any()):
        return image
    other, agreement = _seen_there(image, course, keys, masks & often)
    before, after = (_picture(course.median() * values, keys) for values in (image, other))
    stable = (often & (agreement > _MIN_AGREEMENT)).cpu().numpy()
    ghosts = list(_ghosts(before, after, stable))
    cleared = image.clone() if ghosts else image
    for ghost in ghosts:
        away = masks[:, torch.from_numpy(ghost).to(image.device)].float().mean(1) > _AWAY_SHARE
        if bool(away.any()):
            places = _places(torch.from_numpy(_grown(ghost)).flatten().nonzero().to(image.device), keys)
            cleared[:, places] = l1_fit(course[away], keys.values(places)[away])
    return cleared


def _seen_there(image: Tensor, course: Tensor, keys: Keys, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the masked frames show, shape (1, n), and the share of them that agree, shape (h, w)."""
    other, agreement = image.clone(), torch.zeros(masks[0].numel(), device=image.device)
    for pixels in torch.split(masks.any(0).flatten().nonzero(), _CHUNK):
        places = _places(pixels, keys)
        values, weights = keys.values(places), masks.flatten(1)[:, pixels.flatten()].float()
        per_value = weights.repeat_interleave(keys.num_channels, dim=1)
        other[:, places] = l1_fit(course, values, where=per_value)
        near = (255 * (values - course @ other[:, places]).abs() < _LEVELS) * per_value
        shares = near.sum(0) / per_value.sum(0)
        agreement[pixels.flatten()] = shares.view(-1, keys.num_channels).amin(-1)
    return other, agreement.view(keys.size_px)


def _places(pixels: Tensor, keys: Keys) -> Tensor:
    """Return the places of all values of some pixels, which come as a column."""
    return (pixels * keys.num_channels + torch.arange(keys.num_channels, device=pixels.device)).flatten()


def _picture(values: Tensor, keys: Keys) -> Floats:
    picture: Floats = values.view(*keys.size_px, -1).cpu().numpy()
    return picture


def _ghosts(before: Floats, after: Floats, stable: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Yield the regions whose outline has less contrast afterwards."""
    from scipy import ndimage

    stable = ndimage.binary_opening(stable)
    regions, _ = ndimage.label(ndimage.binary_closing(stable, iterations=_OUTLINE_PX))
    old, new = _contrast(before), _contrast(np.where(stable[..., None], after, before))
    for index, box in enumerate(ndimage.find_objects(regions), start=1):
        region = np.zeros_like(stable)
        region[box] = regions[box] == index
        if region.sum() < _MIN_REGION_PX:
            continue
        outline = ndimage.binary_dilation(region, iterations=_OUTLINE_PX)
        outline &= ~ndimage.binary_erosion(region, iterations=_OUTLINE_PX, border_value=1)
        if new[outline].mean() < _CONTRAST_SHARE * old[outline].mean():
            yield region


def _grown(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    grown: NDArray[np.bool_] = ndimage.binary_fill_holes(
        ndimage.binary_dilation(region, iterations=_REACH_PX)
    )
    return grown


def _contrast(picture: Floats) -> Floats:
    """Return the largest gradient of the channels."""
    from scipy import ndimage

    contrast: Floats = np.hypot(*(ndimage.sobel(picture, axis=axis) for axis in (0, 1))).max(axis=-1)
    return contrast
