"""How far a frame is from its background, and from where on that is foreground."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

# A neighbourhood decides, not a pixel's own noise: two box filters of this width, a standard deviation of
# 2 pixels. The blur widens what it finds, so a closer neighbourhood has to agree.
_WIDE_PX, _CLOSE_PX = 5, 3
_CLOSE_SHARE = 0.7
# Of the differences over time, this share is taken for the variation of an uncovered pixel.
_QUANTILE = 0.25
# Rows of pixels sorted together: sorting takes four times their memory.
_ROWS = 32
# Foreground begins at so many gray levels, and so many times the variation above them.
_FLOOR, _FACTOR = 16.0, 3.0


def difference(frames: Tensor, backgrounds: Tensor) -> Tensor:
    """Return the largest difference of the channels, in gray levels of 255.

    Args:
        frames: Shape (b, h, w, c), values on [0, 1]. Not modified.
        backgrounds: Same shape.

    Returns:
        Shape (b, h, w).
    """
    return (frames - backgrounds).abs_().amax(-1).mul_(255)


def blur(differences: Tensor) -> Tensor:
    """Return the mean over a neighbourhood, of the same shape, (b, h, w)."""
    return _box(_box(differences, _WIDE_PX), _WIDE_PX)


def _box(values: Tensor, width: int) -> Tensor:
    margin = width // 2
    padded = pad(values.unsqueeze(1), [margin] * 4, mode="replicate").squeeze(1)
    return _means(_means(padded, 1, width), 2, width)


def _means(values: Tensor, dim: int, width: int) -> Tensor:
    """Return the means of neighbours along a dimension, by shifted sums: convolution is 8 times slower."""
    length = values.shape[dim] - width + 1
    total = values.narrow(dim, 0, length).clone()
    for shift in range(1, width):
        total += values.narrow(dim, shift, length)
    return total.div_(width)


def variation(blurred: Tensor) -> Tensor:
    """Return how much each pixel differs from the background while nothing covers it.

    Args:
        blurred: Differences of frames spread over time, shape (k, h, w).

    Returns:
        Shape (h, w): the lower quartile over time.
    """
    place = max(math.ceil(_QUANTILE * len(blurred)), 1)
    return torch.cat([rows.kthvalue(place, dim=0).values for rows in torch.split(blurred, _ROWS, dim=1)])


def threshold(noise: Tensor) -> Tensor:
    """Return where foreground begins, pixel by pixel, in gray levels of 255.

    Args:
        noise: `variation`, any shape.

    Example:
        >>> threshold(torch.tensor([0.0, 10.0]))
        tensor([16., 46.])
    """
    return _FLOOR + _FACTOR * noise


def foreground(differences: Tensor, blurred: Tensor, level: Tensor | float) -> Tensor:
    """Return the pixels whose wide and close neighbourhood differ.

    Args:
        differences: Shape (b, h, w).
        blurred: The same after `blur`.
        level: From where on, broadcast.

    Returns:
        Bool, shape (b, h, w).
    """
    return (blurred > level) & (_box(differences, _CLOSE_PX) > _CLOSE_SHARE * level)
