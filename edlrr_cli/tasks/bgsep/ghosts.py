"""Removal of ghosts: objects in the background that stood still for most of a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.robust import l1_fit

Floats = NDArray[np.floating[Any]]

# Minimum fraction of the frames in which a pixel is foreground for it to have an alternative background, and
# minimum fraction of those that agree with it to _LEVELS gray levels of 255.
_MIN_FRACTION, _MIN_AGREEMENT, _LEVELS = 0.15, 0.5, 10.0
_MIN_REGION_PX = 40
# Pixels per chunk.
_CHUNK = 2**12
# The alternative is accepted if it lowers the contrast along the region's outline at least to this fraction.
_CONTRAST_FRACTION = 0.8
_OUTLINE_PX = 2
# Dilation from the detected pixels to the ghost; its object is absent when this fraction of it is foreground.
_REACH_PX, _AWAY_FRACTION = 8, 0.5


def without_ghosts(image: Tensor, basis: Tensor, keyframes: Keyframes, masks: Tensor) -> Tensor:
    """Replace parts of the background by the frequent foreground there, where its outline vanishes.

    A person who stands still for most of the time becomes background, and the wall behind them foreground.
    The outline shows it: that of a person is an edge in the background; the wall continues its surroundings.

    Args:
        image: Background image, shape (1, n). Not modified.
        basis: Temporal basis of the background, shape (k, 1).
        keyframes: The k keyframes.
        masks: Foreground of the keyframes, shape (k, h, w).

    Returns:
        An image of the same shape; ``image`` itself if there is no ghost.

    Source: The problem and its name: Cucchiara, Grana, Piccardi, Prati, "Detecting moving objects, ghosts,
        and shadows in video streams", 2003, who detect ghosts by optical flow. The outline test is our own.
    """
    often = masks.float().mean(0) > _MIN_FRACTION
    if not bool(often.any()):
        return image
    other, agreement = _seen_there(image, basis, keyframes, masks & often)
    before, after = (_image(basis.median() * values, keyframes) for values in (image, other))
    stable = (often & (agreement > _MIN_AGREEMENT)).cpu().numpy()
    ghosts = list(_ghosts(before, after, stable))
    cleared = image.clone() if ghosts else image
    for ghost in ghosts:
        away = masks[:, torch.from_numpy(ghost).to(image.device)].float().mean(1) > _AWAY_FRACTION
        if bool(away.any()):
            pixels = torch.from_numpy(_grown(ghost)).flatten().nonzero().to(image.device)
            indices = _value_indices(pixels, keyframes)
            cleared[:, indices] = l1_fit(basis[away], keyframes.values(indices)[away])
    return cleared


def _seen_there(image: Tensor, basis: Tensor, keyframes: Keyframes, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return an image fitted to the masked frames, (1, n), and the fraction that agrees with it, (h, w)."""
    other, agreement = image.clone(), torch.zeros(masks[0].numel(), device=image.device)
    for pixels in torch.split(masks.any(0).flatten().nonzero(), _CHUNK):
        indices = _value_indices(pixels, keyframes)
        values, weights = keyframes.values(indices), masks.flatten(1)[:, pixels.flatten()].float()
        per_value = weights.repeat_interleave(keyframes.num_channels, dim=1)
        other[:, indices] = l1_fit(basis, values, where=per_value)
        near = (255 * (values - basis @ other[:, indices]).abs() < _LEVELS) * per_value
        fractions = near.sum(0) / per_value.sum(0)
        agreement[pixels.flatten()] = fractions.view(-1, keyframes.num_channels).amin(-1)
    return other, agreement.view(keyframes.size_px)


def _value_indices(pixels: Tensor, keyframes: Keyframes) -> Tensor:
    """Return the indices of the values of all channels for pixel indices of shape (p, 1)."""
    channels = torch.arange(keyframes.num_channels, device=pixels.device)
    return (pixels * keyframes.num_channels + channels).flatten()


def _image(values: Tensor, keyframes: Keyframes) -> Floats:
    image: Floats = values.view(*keyframes.size_px, -1).cpu().numpy()
    return image


def _ghosts(before: Floats, after: Floats, stable: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Yield the regions whose outline has less contrast after the replacement."""
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
        if new[outline].mean() < _CONTRAST_FRACTION * old[outline].mean():
            yield region


def _grown(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    grown: NDArray[np.bool_] = ndimage.binary_fill_holes(
        ndimage.binary_dilation(region, iterations=_REACH_PX)
    )
    return grown


def _contrast(image: Floats) -> Floats:
    """Return the largest gradient magnitude over the channels."""
    from scipy import ndimage

    contrast: Floats = np.hypot(*(ndimage.sobel(image, axis=axis) for axis in (0, 1))).max(axis=-1)
    return contrast
