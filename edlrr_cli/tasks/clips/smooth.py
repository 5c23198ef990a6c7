"""Smooth interpolation of images with unknown pixels, in time linear in the number of pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

# A coarse pixel with at least this weight needs no values from coarser scales.
_FULL_WEIGHT = 0.25
_TINY = 1e-8


def interpolate_smoothly(values: Tensor, weights: Tensor) -> Tensor:
    """Interpolate values of known weights: averages over ever larger neighborhoods, until one has weight.

    Args:
        values: Shape (b, c, h, w). Not modified; ignored where the weight is 0.
        weights: Shape (b, 1, h, w), from 0 (unknown) to 1 (kept).

    Returns:
        Shape (b, c, h, w); 0 where all weights are 0.

    Source: The pull-push algorithm of Gortler, Grzeszczuk, Szeliski, Cohen, "The lumigraph", 1996.

    Example:
        >>> row = torch.tensor([[[[1.0, 0.0, 0.0, 3.0]]]])
        >>> interpolate_smoothly(row, (row > 0).float())[0, 0, 0, [0, 3]]
        tensor([1., 3.])
    """
    height, width = values.shape[2:]
    if max(height, width) == 1:
        return values * (weights > 0)
    mean = _pooled(weights)
    coarse_values = _pooled(values * weights) / mean.clamp_min(_TINY)
    coarse = interpolate_smoothly(coarse_values, (mean / _FULL_WEIGHT).clamp_max(1))
    finer = interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return weights * values + (1 - weights) * finer


def _pooled(values: Tensor) -> Tensor:
    """Return the means of blocks of 2 x 2 pixels; borders of odd size count absent pixels as zero."""
    height, width = values.shape[2:]
    padded = torch.nn.functional.pad(values, (0, width % 2, 0, height % 2))
    return avg_pool2d(padded, 2)
