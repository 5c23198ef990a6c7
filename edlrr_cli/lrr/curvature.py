"""Second derivative of the penalty: the derivative of its gradient in one direction."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.lrr.linear_algebra import positive, shaped_like, wide_of
from edlrr_cli.lrr.series import Function
from edlrr_cli.lrr.subgradient import is_present, subgradient

_EPS = torch.finfo(torch.float64).eps
# Relative distance below which singular values are treated as repeated.
_NEAR = 1e-5


def second_derivative(S: Tensor, D: Tensor, h: Function, scale: Tensor) -> Tensor:
    """Return the derivative of dR/dS in the direction D, for a constant scale.

    With S = U diag(sigma) V^T, m <= n, f = h'(sigma / scale) / scale and P = U^T D V it is

        U (F o (P + P^T) / 2 + G o (P - P^T) / 2) V^T + U diag(f / sigma) (U^T D - P V^T),
        F_ij = (f_i - f_j) / (sigma_i - sigma_j),   G_ij = (f_i + f_j) / (sigma_i + sigma_j),

    and F_ij = f' where singular values repeat. It is symmetric in the direction and the result.

    Args:
        S: Shape (..., m, n), float32 or float64; computed in float64. Not modified.
        D: Shape of S. Not modified.
        h: The function.
        scale: Scale of the singular values, shape (...), float64.

    Returns:
        Shape and dtype of S; finite, although R has no second derivative where a singular value is 0: there f
        is set to 0, as in the gradient.

    Source:
        Lewis and Sendov, "Nonsmooth analysis of singular values" (2005), section 7, for a diagonal S.
    """
    wide, direction = wide_of(S.detach().double()), wide_of(D.detach().double())
    largest = positive(wide.abs().amax((-2, -1)))
    U, sigma, Vh = torch.linalg.svd(wide / largest[..., None, None], full_matrices=False)
    relative_scale = scale / largest
    cutoff = wide.shape[-1] * _EPS
    f = subgradient(h, sigma, relative_scale, cutoff)
    over_sigma = torch.where(is_present(sigma, cutoff), f / positive(sigma), 0.0)
    rows = U.mT @ direction
    P = rows @ Vh.mT
    F, G = _divided_differences(h, sigma, relative_scale, cutoff)
    core = F * (P + P.mT) / 2 + G * (P - P.mT) / 2
    derivative = U @ (core @ Vh + over_sigma.unsqueeze(-1) * (rows - P @ Vh))
    return shaped_like(derivative / (scale * largest)[..., None, None], S)


def _divided_differences(h: Function, sigma: Tensor, scale: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Return F and G of `second_derivative` for f = h'(sigma / scale), 0 where sigma is 0 up to rounding."""
    f, present = subgradient(h, sigma, scale, cutoff), is_present(sigma, cutoff)
    middle = (sigma.unsqueeze(-1) + sigma.unsqueeze(-2)) / 2
    G = (f.unsqueeze(-1) + f.unsqueeze(-2)) / positive(2 * middle)
    half = (sigma.unsqueeze(-1) - sigma.unsqueeze(-2)).abs() / 2
    half = torch.maximum(half, _NEAR * middle)  # nearly repeated: a central difference instead of 0 / 0
    upper, lower = (h.derivative(positive(middle + end) / scale[..., None, None]) for end in (half, -half))
    F = (upper - lower) / positive(2 * half)
    both = present.unsqueeze(-1) & present.unsqueeze(-2)
    return torch.where(both, F, G), G  # F = G for a pair with a singular value of 0
