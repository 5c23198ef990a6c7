"""How far a frame is from its background, and from where on that is foreground."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import pad

# The differences are blurred by two box filters of this width, a standard deviation of 2 pixels: a
# neighbourhood decides, not a pixel's own noise.
_BOX_PX, _NUM_BOXES = 5, 2
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
    largest = (frames - backgrounds).abs_().amax(-1).mul_(255)
    margin = _NUM_BOXES * (_BOX_PX // 2)
    blurred = pad(largest.unsqueeze(1), [margin] * 4, mode="replicate").squeeze(1)
    for dim in (1, 2):
        for _ in range(_NUM_BOXES):
            blurred = _box(blurred, dim)
    return blurred


def _box(values: Tensor, dim: int) -> Tensor:
    """Return the means of neighbours along a dimension, by shifted sums: convolution is 8 times slower."""
    length = values.shape[dim] - _BOX_PX + 1
    total = values.narrow(dim, 0, length).clone()
    for shift in range(1, _BOX_PX):
        total += values.narrow(dim, shift, length)
    return total.div_(_BOX_PX)


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
        >>> import torch
        >>> threshold(torch.tensor([0.0, 10.0]))
        tensor([16., 46.])
    """
    return _FLOOR + _FACTOR * noise
