"""How far a frame is from its background, and from where on that is foreground."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

# Blur of the differences, in pixels: a neighbourhood decides, not a pixel's own noise.
_SIGMA_PX = 2.0
_RADIUS_PX = 6
# Of the differences over time, this share is taken for the variation of an uncovered pixel.
_QUANTILE = 0.25
# Foreground begins at so many gray levels, and so many times the variation above them.
_FLOOR, _FACTOR = 16.0, 3.0


def difference(frames: Tensor, backgrounds: Tensor) -> Tensor:
    """Return the largest difference of the channels, blurred, in gray levels of 255.

    Args:
        frames: Shape (b, h, w, c), values on [0, 1]. Not modified.
        backgrounds: Same shape.

    Returns:
        Shape (b, h, w).
    """
    largest = (frames - backgrounds).abs_().amax(-1).mul_(255).unsqueeze(1)
    place = torch.arange(-_RADIUS_PX, _RADIUS_PX + 1, device=frames.device, dtype=frames.dtype)
    bell = torch.exp(-(place**2) / (2 * _SIGMA_PX**2))
    bell = bell / bell.sum()
    padded = pad(largest, [_RADIUS_PX] * 4, mode="replicate")
    return conv2d(conv2d(padded, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1)).squeeze(1)


def variation(differences: Tensor) -> Tensor:
    """Return how much each pixel differs from the background while nothing covers it.

    Args:
        differences: Shape (k, h, w), of frames spread over time.

    Returns:
        Shape (h, w): the lower quartile over time.
    """
    place = max(math.ceil(_QUANTILE * len(differences)), 1)
    return differences.kthvalue(place, dim=0).values


def threshold(noise: Tensor) -> Tensor:
    """Return where foreground begins, pixel by pixel, in gray levels of 255.

    Args:
        noise: `variation`, shape (h, w).

    Example:
        >>> threshold(torch.tensor([0.0, 10.0]))
        tensor([16., 46.])
    """
    return _FLOOR + _FACTOR * noise
