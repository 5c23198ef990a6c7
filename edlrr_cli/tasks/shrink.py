"""Smaller pictures, and back: wide holes are narrow there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LEFT = 0.5


def shrunk(X: Tensor, factor: int) -> Tensor:
    """Return the means of squares of ``factor`` pixels a side, (c, h // factor, w // factor)."""
    return functional.avg_pool2d(X[None], factor)[0]


def wholly_known(known: Tensor, factor: int) -> Tensor:
    """Return which pixels of the smaller picture are made of known pixels alone."""
    return functional.avg_pool2d(known[None].float(), factor)[0] == 1


def is_enough_left(known: Tensor, factor: int) -> bool:
    """Whether the smaller picture has two pixels a side, and half of the share of known ones."""
    if min(known.shape) < 2 * factor:
        return False
    return float(wholly_known(known, factor).float().mean()) >= _LEFT * float(known.float().mean())


def enlarged(X: Tensor, factor: int, shape: torch.Size) -> Tensor:
    """Return it in the size (h, w) of the whole picture, 0 at sides that are not in the smaller one."""
    large = functional.interpolate(X[None], scale_factor=factor, mode="bicubic")[0]
    height, width = shape
    return functional.pad(large, (0, width - large.shape[2], 0, height - large.shape[1]))
