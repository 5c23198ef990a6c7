"""Batched least-absolute-deviations fits with few coefficients each."""

from __future__ import annotations

import torch
from torch import Tensor

# Reaches the minimum to 0.02 %; more iterations change fits of noisy videos by a hundredth of a gray level.
_ITERATIONS = 8
# A difference below one gray level of 255 is rounding; this bounds its weight.
_LEVEL = 1 / 255
_RIDGE = 1e-6
# Values agree with a fit within this difference. The agreement is refined this many times, from fits of few
# iterations.
_AGREEMENT, _ROUNDS, _FEW = 10 / 255, 2, 3


def l1_fit(A: Tensor, V: Tensor, *, where: Tensor | None = None, iterations: int = _ITERATIONS) -> Tensor:
    """Minimize sum_i where_ij |V_ij - (A C)_ij| over C, column by column.

    Iteratively reweighted least squares, started from the unweighted fit. Each iteration lowers the sum of
    Huber's function, which equals |x| up to a constant beyond one gray level.

    Args:
        A: Shape (m, r), r small.
        V: Shape (m, n), values on [0, 1].
        where: Non-negative weights, shape (m, n); None: 1.
        iterations: Number of iterations.

    Returns:
        C, shape (r, n); 0 where all weights are 0.

    Source: Holland, Welsch, "Robust regression using iteratively reweighted least-squares", 1977.

    Example:
        >>> l1_fit(torch.ones(5, 1), torch.tensor([[0.2], [0.2], [0.9], [0.2], [0.8]])).round(decimals=1)
        tensor([[0.2000]])
    """
    pairs = (A.unsqueeze(1) * A.unsqueeze(2)).flatten(1)
    weights = torch.ones_like(V) if where is None else where
    C = _weighted(A, pairs, V, weights)
    for _ in range(iterations):
        pull = (V - A @ C).abs_().clamp_min_(_LEVEL).reciprocal_()
        C = _weighted(A, pairs, V, pull if where is None else pull.mul_(where))
    return C


def consensus_fit(A: Tensor, V: Tensor, usual: Tensor) -> Tensor:
    """Fit A C = V, column by column, to the values that agree with one another; the others may be most.

    Starts from the fit to all values and from given coefficients, and keeps what agrees with more values.

    Args:
        A: Shape (m, r), r small.
        V: Shape (m, n), values on [0, 1].
        usual: Coefficients, shape (r, 1).

    Returns:
        C, shape (r, n).
    """
    fits = [l1_fit(A, V), usual.expand(-1, V.shape[1])]
    for _ in range(_ROUNDS):
        fits = [l1_fit(A, V, where=_agrees(A, C, V), iterations=_FEW) for C in fits]
    counts = torch.stack([_agrees(A, C, V).sum(0) for C in fits])
    best: Tensor = torch.where(counts[0] >= counts[1], fits[0], fits[1])
    return best


def _agrees(A: Tensor, C: Tensor, V: Tensor) -> Tensor:
    return ((V - A @ C).abs_() < _AGREEMENT).to(V.dtype)


def _weighted(A: Tensor, pairs: Tensor, V: Tensor, weights: Tensor) -> Tensor:
    """Solve the normal equations (A^T W_j A) c_j = A^T W_j v_j for every column j."""
    rank = A.shape[1]
    normal = (pairs.mT @ weights).view(rank, rank, -1)
    ridge = _RIDGE * normal.diagonal().sum(-1).clamp_min(_RIDGE)
    normal = normal + ridge * torch.eye(rank, dtype=A.dtype, device=A.device).unsqueeze(-1)
    return _solve(normal, A.mT @ (weights * V))


def _solve(N: Tensor, b: Tensor) -> Tensor:
    """Solve N_j c_j = b_j by elimination, vectorized over j; LAPACK solves one small system at a time.

    Args:
        N: Positive definite matrices, shape (r, r, n).
        b: Shape (r, n).
    """
    rank = len(b)
    rows = [torch.cat([N[i], b[i : i + 1]]) for i in range(rank)]
    for i in range(rank):
        rows[i] = rows[i] / rows[i][i]
        for k in range(rank):
            if k != i:
                rows[k] = rows[k] - rows[k][i] * rows[i]
    return torch.stack([row[-1] for row in rows])
