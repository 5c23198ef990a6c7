"""TNNR: truncated nuclear norm regularization, the partial sum of `pssv` minimized by two nested loops."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import shrink_singular_values, svt


@dataclass
class _Iterate:
    """State of the inner loop, (c, h, w) each: X, its copy W with the known pixels, and the multiplier L."""

    X: Tensor
    W: Tensor
    L: Tensor


@iterative
def tnnr(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    rank: int = 5,
    penalty: float = 0.05,
    scale: float = 255.0,
    inner_rtol: float = 1e-4,
    inner_iterations: int = 200,
    rtol: float = 3e-4,
    max_iterations: int = 100,
) -> Completed:
    """Minimize ||X||_* - sum_{i <= rank} sigma_i(X) subject to P(X) = P(M), each channel a matrix.

    The outer loop takes the leading singular vectors U, V of X, at which the subtracted sum is tr(U^T X V);
    for all other X it is at least that. So this majorizes, and the true objective descends as far as the
    inner minimum is exact. The inner loop minimizes ||X||_* - tr(U^T W V) subject to X = W and P(W) = P(M):

        X <- svt(W - L / mu, 1 / mu),   W <- X + (U V^T + L) / mu with P(M) restored,   L <- L + mu (X - W)

    which converges for every mu; it starts with W = L = X and stops after at most ``inner_iterations`` steps.

    Args:
        monitor: Receives the largest change of X over ||P(M)||_F of the channels after each outer step.
        rank: Number of singular values of each channel that are not penalized.
        penalty: mu, for pixels on [0, scale].
        scale: Pixels are internally on [0, scale]; mu and the first multiplier are for 0..255.
        inner_rtol: Tolerance on the change of X in an inner step, relative to ||P(M)||_F.
        inner_iterations: Maximum number of inner steps.
        rtol: Tolerance on the value passed to the callback.

    Source: Hu, Zhang, Ye, Li, He, "Fast and accurate matrix completion via truncated nuclear norm
        regularization", TPAMI 2013, TNNR-ADMM; settings of Xue's program, which divides by the norm of the
        true image, unknown here, and selects ranks 1 to 20 by it.
    """
    P = scale * P
    size = _norm(P).clamp_min(torch.finfo(P.dtype).tiny)
    X = P
    moving = torch.ones(len(P), dtype=torch.bool, device=P.device)
    while moving.any() and len(monitor.history) < max_iterations:
        settled = X.clone()
        settled[moving] = _inner(
            X[moving], P[moving], observed, rank, penalty, inner_rtol * size[moving], inner_iterations
        )
        change = _norm(settled - X) / size
        X = settled
        monitor.note(float(change.max()))
        moving = moving & (change >= rtol)
    return X / scale, not bool(moving.any())


def _inner(
    X: Tensor, P: Tensor, observed: Tensor, rank: int, mu: float, atol: Tensor, inner_iterations: int
) -> Tensor:
    """Minimize ||X||_* minus the linear part at X, each channel until it stagnates."""
    top = torch.arange(min(X.shape[1:]), device=X.device) < rank
    UV, _ = shrink_singular_values(X, lambda sigma: top.to(sigma).expand_as(sigma))
    now = _Iterate(X.clone(), X.clone(), X.clone())
    moving = torch.ones(len(X), dtype=torch.bool, device=X.device)
    for _ in range(inner_iterations):
        before, L = now.X[moving], now.L[moving]
        closer, _ = svt(now.W[moving] - L / mu, 1 / mu)
        W = torch.where(observed, P[moving], closer + (UV[moving] + L) / mu)
        now.X[moving], now.W[moving], now.L[moving] = closer, W, L + mu * (closer - W)
        moving = moving.masked_scatter(moving, _norm(closer - before) >= atol[moving])
        if not moving.any():
            break
    return now.X


def _norm(X: Tensor) -> Tensor:
    """Return the Frobenius norm of each channel."""
    norm: Tensor = torch.linalg.matrix_norm(X)
    return norm
