"""A penalty and its slope at a symmetric matrix, by matrix products only."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.lrr.chebyshev import chebyshev_of_matrix, fit
from edlrr_cli.lrr.series import Function


def matrix_function(h: Function, Q: Tensor, scale: Tensor, sigma_max: Tensor) -> tuple[Tensor, Tensor]:
    """Return tr h(Q / scale) and h'(Q / scale) by one polynomial for the whole batch."""
    x_max = float((sigma_max / scale).max()) * (1 + 1e-3)
    if x_max == 0:
        return torch.zeros_like(sigma_max), torch.zeros_like(Q)
    if x_max > h.x_max * 1.01:
        x_max = h.x_max
    value, slope = fit(h.value, x_max), fit(h.derivative, x_max)
    return chebyshev_of_matrix(Q / scale[..., None, None], value, slope)
