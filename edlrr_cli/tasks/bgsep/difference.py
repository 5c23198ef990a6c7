"""Difference of a frame from its background, and its threshold for foreground."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from edlrr_cli.tasks.bgsep.tuning import DEFAULT, Tuning

# Against pixel noise, differences are averaged over a neighborhood: two box filters of the first width, a
# standard deviation of 2 pixels. As the blur widens objects, the mean over a smaller one must agree.
_WIDE_PX, _CLOSE_PX = 5, 3
_CLOSE_FRACTION = 0.7
# This quantile of the differences over time is the variation of an uncovered pixel.
_QUANTILE = 0.25
# Rows of pixels per batch; sorting takes four times their memory.
_ROWS = 32


def difference(frames: Tensor, backgrounds: Tensor) -> Tensor:
    """Return the largest absolute difference over the channels, in gray levels of 255.

    Args:
        frames: Shape (b, h, w, c), values on [0, 1]. Not modified.
        backgrounds: Same shape.

    Returns:
        Shape (b, h, w).
    """
    return (frames - backgrounds).abs_().amax(-1).mul_(255)


def blur(differences: Tensor) -> Tensor:
    """Return the mean over a neighborhood, of the same shape, (b, h, w)."""
    return box_mean(box_mean(differences, _WIDE_PX), _WIDE_PX)


def box_mean(values: Tensor, width: int) -> Tensor:
    """Return the mean over squares of an odd width, of the same shape, (b, h, w)."""
    margin = width // 2
    padded = pad(values.unsqueeze(1), [margin] * 4, mode="replicate").squeeze(1)
    return _sums(_sums(padded, 1, width), 2, width).div_(width**2)


def _sums(values: Tensor, dim: int, width: int) -> Tensor:
    """Return moving sums along a dimension, from those of half the width; a convolution is 8 times slower."""
    if width == 1:
        return values
    length = values.shape[dim] - width + 1
    if width % 2:
        return _sums(values, dim, width - 1).narrow(dim, 0, length) + values.narrow(dim, width - 1, length)
    half = _sums(values, dim, width // 2)
    return half.narrow(dim, 0, length) + half.narrow(dim, width // 2, length)


def variation(blurred: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the variation: how much each pixel differs from the background while nothing covers it.

    Args:
        blurred: Blurred differences of frames spread over time, shape (k, h, w).
        seen: Whether the background is seen, of the same shape; None: always.

    Returns:
        The lower quartile over time, or the median of the frames in which the background is seen if that is
        lower, shape (h, w).
    """
    k = len(blurred)
    fractions = blurred.new_full((1, *blurred.shape[1:]), _QUANTILE)
    if seen is not None:
        fractions = (seen.float().mean(0, keepdim=True) / 2).clamp_max_(_QUANTILE)
    ranks = (fractions * k).ceil_().clamp_min_(1).long() - 1
    rows = zip(torch.split(blurred, _ROWS, dim=1), torch.split(ranks, _ROWS, dim=1), strict=True)
    lowest = math.ceil(_QUANTILE * k)
    return torch.cat(
        [part.topk(lowest, dim=0, largest=False).values.gather(0, rank)[0] for part, rank in rows]
    )


def threshold(noise: Tensor, tuning: Tuning = DEFAULT) -> Tensor:
    """Return the threshold of foreground for each pixel, in gray levels of 255.

    Args:
        noise: Result of `variation`, any shape.

    Example:
        >>> threshold(torch.tensor([0.0, 10.0]))
        tensor([16., 46.])
    """
    return tuning.floor + tuning.factor * noise


def foreground(differences: Tensor, blurred: Tensor, level: Tensor | float) -> Tensor:
    """Return the pixels whose differences exceed the threshold in a wide and a close neighborhood.

    Args:
        differences: Shape (b, h, w).
        blurred: Differences after `blur`.
        level: Threshold in gray levels of 255, broadcast.

    Returns:
        Bool, shape (b, h, w).
    """
    return (blurred > level) & (box_mean(differences, _CLOSE_PX) > _CLOSE_FRACTION * level)
