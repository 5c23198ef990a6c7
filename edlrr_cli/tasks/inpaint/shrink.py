"""Downscaling and upscaling of images and masks: at a coarser scale, wide holes are narrow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LEFT = 0.5


def shrunk(X: Tensor, factor: int) -> Tensor:
    """Return the means of squares of ``factor`` pixels a side, shape (b, c, h // factor, w // factor)."""
    return functional.avg_pool2d(X, factor)


def wholly_known(known: Tensor, factor: int) -> Tensor:
    """Downscale masks (b, h, w): a pixel is known if all pixels that it averages are."""
    return functional.avg_pool2d(known.float(), factor) == 1


def is_enough_left(known: Tensor, factor: int) -> bool:
    """Whether the downscaled image has two pixels a side, and half the fraction of known pixels of (h, w)."""
    if min(known.shape) < 2 * factor:
        return False
    return float(wholly_known(known[None], factor).float().mean()) >= _LEFT * float(known.float().mean())


def enlarged(X: Tensor, factor: int, shape: torch.Size) -> Tensor:
    """Upscale images to the shape (h, w), with zeros at sides that the downscaled images do not cover."""
    large = functional.interpolate(X, scale_factor=factor, mode="bicubic")
    height, width = shape
    return functional.pad(large, (0, width - large.shape[3], 0, height - large.shape[2]))
