"""The slope of a penalty at singular values, some of which are rounding errors of 0."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.lrr.series import Function


def subgradient(h: Function, sigma: Tensor, scale: Tensor, cutoff: float) -> Tensor:
    """Return h'(sigma / scale), or 0, the least subgradient, where sigma is 0 up to rounding."""
    scale, present = scale.unsqueeze(-1), is_present(sigma, cutoff)
    return torch.where(present, h.derivative(torch.where(present, sigma, 1.0) / scale), 0.0)


def is_present(sigma: Tensor, cutoff: float) -> Tensor:
    """Whether a singular value is more than rounding errors of 0."""
    return sigma > cutoff * sigma.amax(-1, keepdim=True)
