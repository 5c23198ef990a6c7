"""Means and maxima over square neighborhoods, one axis after the other."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d


def mean_within(values: Tensor, radius_px: int) -> Tensor:
    """Return the means of squares of ``2 radius_px + 1`` pixels, taken twice, about as a Gaussian blur.

    Args:
        values: Shape (b, c, h, w), absent pixels as zero. Not modified.
    """
    size = 2 * radius_px + 1
    for _ in range(2):
        values = avg_pool2d(values, (size, 1), stride=1, padding=(radius_px, 0))
        values = avg_pool2d(values, (1, size), stride=1, padding=(0, radius_px))
    return values


def largest_within(values: Tensor, radius_px: int) -> Tensor:
    """Return the maxima of squares of ``2 radius_px + 1`` pixels, shape (b, c, h, w)."""
    size = 2 * radius_px + 1
    values = max_pool2d(values, (size, 1), stride=1, padding=(radius_px, 0))
    return max_pool2d(values, (1, size), stride=1, padding=(0, radius_px))
