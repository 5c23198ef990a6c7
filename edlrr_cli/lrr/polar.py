"""Polar factor of a matrix by matrix products, without an inverse or root of a Gram matrix."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.iterate import Iterate, Status
from edlrr_cli.lrr.linear_algebra import positive
from edlrr_cli.lrr.pinv import require_matrix

# Above 1.65 the step shrinks the largest singular values (at sqrt(3) to zero) and rounding errors dominate;
# below it the growth of small ones, 1.5 times the scaling, is within 5 % of the optimum.
_MAX_SCALING = 1.65
_SIGMA_MIN = {torch.float32: 1e-5, torch.float64: 1e-7}
_RTOL = {torch.float32: 1e-3, torch.float64: 1e-5}


def polar_schedule(lower: float, *, tolerance: float, max_steps: int) -> list[float]:
    """Return the scalings that drive singular values in [lower, 1] to 1.

    The step x -> p(a x), p(t) = t (3 - t^2) / 2, maps [l, 1] into [l', 1], l' = min(p(a l), p(a)); the
    optimal scaling makes both equal, a = sqrt(3 / (1 + l + l^2)). It is capped at 1.65.

    Args:
        lower: Lower bound of the singular values, in (0, 1].
        tolerance: Bound of 1 - l at which the schedule ends.
        max_steps: Maximum number of steps.

    Returns:
        One scaling per step.

    Source:
        Chen and Chow, "A stable scaling of Newton-Schulz for improving the sign function computation of a
        Hermitian matrix", 2014. Deviation: the cap.

    Example:
        >>> [round(a, 2) for a in polar_schedule(0.1, tolerance=1e-3, max_steps=9)]
        [1.64, 1.52, 1.29, 1.07, 1.0]
    """
    scalings: list[float] = []
    while 1 - lower > tolerance and len(scalings) < max_steps:
        scaling = min(math.sqrt(3 / (1 + lower + lower * lower)), _MAX_SCALING)
        scalings.append(scaling)
        low, high = scaling * lower, scaling
        lower = min(low * (3 - low * low) / 2, high * (3 - high * high) / 2)
    return scalings


@torch.no_grad()
def polar_newton_schulz(
    S: Tensor, *, sigma_min: float | None = None, max_steps: int = 40, rtol: float | None = None
) -> Iterate:
    """Compute the polar factor W of S = Q W, Q = (S S^T)^(1/2), by scaled Newton-Schulz steps.

        W_0 = S / bound,   W_{k+1} = (a_k / 2) (3 W_k - a_k^2 (W_k W_k^T) W_k).

    With the singular value decomposition S = U diag(sigma) V^T, W = U_r V_r^T over the nonzero sigma: the
    gradient of the nuclear norm, and Q = S W^T.

    Why it converges: the steps act on each singular value independently and map [l, 1] into [l', 1]; with the
    scalings a_k, l grows fastest, 2.5 times per step at first and quadratically to 1 at the end
    (`polar_schedule`), so the number of steps is known in advance. bound = ||S S^T||_F^(1/2) or
    ||S S^T||_inf^(1/2), whichever is less; both are >= sigma_1 and the first is <= min(m, n)^(1/4) sigma_1,
    which is taken into account. The first step needs this Gram matrix anyway.

    When it does not: singular values below ``sigma_min`` sigma_1 end between 0 and 1, in proportion to their
    size; exact zeros stay zero. Rounding errors of a rank-deficient S, about eps sigma_1, are among them:
    with float32's default they reach about 0.1, and the residual shows it.

    Args:
        S: Shape (..., m, n), any m and n, float32 or float64, any device. Not modified.
        sigma_min: The smallest singular value to resolve, relative to sigma_1; None: 1e-7 for float64, 1e-5
            for float32. Steps: 24 for 1e-7, 19 for 1e-5, 14 for 1e-3 (300 x 300).
        max_steps: Maximum number of steps.
        rtol: Tolerance on ||W W^T W - W||_F / ||W||_F, for ``status`` only; None: 1e-5 for float64, 1e-3 for
            float32. A rank-deficient or very ill-conditioned S may fail it, although the directions above
            sigma_min are accurate to eps sigma_1 / sigma.

    Returns:
        An `Iterate`: value (..., m, n), and the residual above, shape (...), recomputed after the last step.
        Zero matrices give zero.

    Raises:
        UsageError: S is not a matrix of a supported dtype, sigma_min is outside (0, 1], or max_steps < 0.
        NumericsError: NaN or Inf in S or during the iteration.

    Note:
        Not differentiable: runs under ``torch.no_grad``; the gradient of a penalty needs only W itself. Two
        products of min(m, n) m n multiplications per step, in the dtype of S.

    Source:
        Newton-Schulz as in Proposition 2, applied to S itself; scaling of Chen and Chow (2014). Deviation:
        the scaling is capped at 1.65, which keeps the largest singular values from cancelling.

    Example:
        >>> W = polar_newton_schulz(torch.tensor([[0.0, 5.0], [-2.0, 0.0]])).value
        >>> W.round(decimals=4)
        tensor([[ 0.,  1.],
                [-1.,  0.]])
    """
    require_matrix(S)
    eps = torch.finfo(S.dtype).eps
    sigma_min = _SIGMA_MIN[S.dtype] if sigma_min is None else sigma_min
    rtol = _RTOL[S.dtype] if rtol is None else rtol
    if not 0 < sigma_min <= 1:
        raise UsageError(f"sigma_min: expected a number in (0, 1], relative to sigma_1, got {sigma_min}")
    if max_steps < 0:
        raise UsageError(f"max_steps: expected a count >= 0, got {max_steps}")
    wide = S.shape[-2] <= S.shape[-1]
    W = S if wide else S.mT
    W = W / positive(W.abs().amax(dim=(-2, -1), keepdim=True))
    G = W @ W.mT
    row_sum = G.abs().sum(dim=-1).amax(dim=-1)
    bound_squared = positive(torch.minimum(torch.linalg.vector_norm(G, dim=(-2, -1)), row_sum))
    W = W / bound_squared.sqrt()[..., None, None]
    G = G / bound_squared[..., None, None]
    lower = sigma_min / W.shape[-2] ** 0.25
    scalings = polar_schedule(lower, tolerance=eps, max_steps=max_steps)
    for scaling in scalings:
        W = (1.5 * scaling) * W - (0.5 * scaling**3) * (G @ W)
        G = W @ W.mT
    norm = positive(torch.linalg.vector_norm(W, dim=(-2, -1)))
    residual = torch.linalg.vector_norm(G @ W - W, dim=(-2, -1)) / norm
    if not bool(torch.isfinite(residual).all()):
        raise NumericsError(f"polar_newton_schulz: NaN or Inf after step {len(scalings)}")
    status = Status.CONVERGED if bool((residual <= rtol).all()) else Status.MAX_STEPS
    return Iterate(value=W if wide else W.mT, status=status, num_steps=len(scalings), residual=residual)
