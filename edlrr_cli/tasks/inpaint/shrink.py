"""Smaller pictures, and back: wide holes are narrow there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LEFT = 0.5


def shrunk(X: Tensor, factor: int) -> Tensor:
    """Return the means of squares of ``factor`` pixels a side, shape (b, c, h // factor, w // factor)."""
    return functional.avg_pool2d(X, factor)


def wholly_known(known: Tensor, factor: int) -> Tensor:
    """Return which pixels of the smaller pictures are made of known pixels (b, h, w) alone."""
    return functional.avg_pool2d(known.float(), factor) == 1


def is_enough_left(known: Tensor, factor: int) -> bool:
    """Whether a smaller picture has two pixels a side, and half of the share of known ones (h, w)."""
    if min(known.shape) < 2 * factor:
        return False
    return float(wholly_known(known[None], factor).float().mean()) >= _LEFT * float(known.float().mean())


def enlarged(X: Tensor, factor: int, shape: torch.Size) -> Tensor:
    """Return them in the size (h, w) of the whole pictures, 0 at sides that are not in the smaller ones."""
    large = functional.interpolate(X, scale_factor=factor, mode="bicubic")
    height, width = shape
    return functional.pad(large, (0, width - large.shape[3], 0, height - large.shape[2]))
