"""Smaller pictures, and back: wide holes are narrow there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shrunk(X: Tensor, factor: int) -> Tensor:
    """Return the means of squares of ``factor`` pixels a side, (c, h // factor, w // factor)."""
    return functional.avg_pool2d(X[None], factor)[0]


def wholly_known(known: Tensor, factor: int) -> Tensor:
    """Return which pixels of the smaller picture are made of known pixels alone."""
    return functional.avg_pool2d(known[None].float(), factor)[0] == 1


def enlarged(X: Tensor, factor: int, shape: torch.Size) -> Tensor:
    """Return it in the size (h, w) of the whole picture, 0 at sides that are not in the smaller one."""
    large = functional.interpolate(X[None], scale_factor=factor, mode="bicubic")[0]
    height, width = shape
    return functional.pad(large, (0, width - large.shape[2], 0, height - large.shape[1]))
