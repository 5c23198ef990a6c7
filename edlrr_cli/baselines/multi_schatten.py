"""Completion with a multi-Schatten-p norm: Schatten norms of factors that bound that of their product."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import svt
from edlrr_cli.errors import UsageError

# Lower bound of squared spectral norms, which are denominators.
_TINY = 1e-12


@iterative
def multi_schatten(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    lam: float = 0.5,
    rank: int = 50,
    num_factors: int = 4,
    factor_p: float = 1.0,
    rtol: float = 1e-4,
    max_iterations: int = 200,
    seed: int = 0,
) -> Completed:
    """Minimize lam sum_i ||X_i||_{p_i}^{p_i} / p_i + ||P(M - X_1 ... X_I)||_F^2 / 2 over the factors.

    The minimal sum over all factors of X is ||X||_p^p / p, 1 / p = sum_i 1 / p_i. In turn, with L and R the
    products to the left and right of X_i and Z its extrapolation along its last step,

        Y = Z + L^T P(M - L Z R) R^T / t,   t = ||L||_2^2 ||R||_2^2
        X_i <- argmin_X  (lam / t) ||X||_{p_i}^{p_i} / p_i + ||X - Y||_F^2 / 2

    1 / t is the largest safe step, and a sweep that raises the objective is repeated without extrapolation,
    so that the objective descends. The problem is not convex, so the limit is a stationary point at best.

    Args:
        monitor: Receives the objective, summed over the channels, after each sweep over the factors.
        lam: Weight of the norms, for pixels on [0, 1]; published 200 is for ratings and blackens images.
        rank: Columns of X_1; published 10 is for ratings.
        num_factors: I, at least 2.
        factor_p: p_i of each factor, 1 or 2; that of the product is p_i / I.
        rtol: Tolerance on the objective of the slowest channel in one sweep; published 1e-7, with 2000
            sweeps.
        seed: Seed of X_1 and X_I, uniform on [0, 1]; the other X_i start as I.

    Raises:
        UsageError: The proximal map for p_i is not implemented.

    Source: Xu, Lin, Zha, "A unified convex surrogate for the Schatten-p norm", AAAI 2017: each channel a
        matrix; every factor is updated in every sweep, where the code skips some; t is not reduced to a
        tenth, which would lose the descent.
    """
    if factor_p not in (1.0, 2.0) or num_factors < 2:
        raise UsageError(f"factor_p: expected 1 or 2, got {factor_p}", "the product has p = factor_p / I")
    problem = _Problem(P, observed, lam, factor_p)
    factors = before = _start(P, rank, num_factors, seed)
    objective = torch.full((len(P), 1, 1), math.inf, dtype=P.dtype, device=P.device)
    momentum = torch.ones_like(objective)
    converged = False
    while not converged and len(monitor.history) < max_iterations:
        grown = (1 + torch.sqrt(1 + 4 * momentum**2)) / 2
        swept, value = problem.sweep(factors, before, (momentum - 1) / grown)
        rises = value > objective
        if rises.any():
            plain, plain_value = problem.sweep(factors, factors, torch.zeros_like(momentum))
            swept = [torch.where(rises, X, Y) for X, Y in zip(plain, swept, strict=True)]
            value, grown = torch.where(rises, plain_value, value), grown.masked_fill(rises, 1.0)
        converged = bool((objective - value <= rtol * value).all())
        factors, before, objective, momentum = swept, factors, value, grown
        monitor.note(float(value.sum()))
    return _product(factors), converged


class _Problem:
    """Data and weights of the objective, with the sweep that lowers it."""

    def __init__(self, P: Tensor, observed: Tensor, lam: float, factor_p: float) -> None:
        self._P, self._observed, self._lam, self._factor_p = P, observed, lam, factor_p

    def sweep(
        self, factors: list[Tensor], before: list[Tensor], extrapolation: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Update all factors in turn, and return them and the objective, shape (c, 1, 1)."""
        factors, norms = list(factors), torch.zeros_like(extrapolation)
        for i, (X, earlier) in enumerate(zip(factors, before, strict=True)):
            factors[i], norm = self._update(X + extrapolation * (X - earlier), factors[:i], factors[i + 1 :])
            norms = norms + norm
        return factors, self._lam * norms + self._misfit(_product(factors)).square().sum((-2, -1), True) / 2

    def _update(self, Z: Tensor, left: list[Tensor], right: list[Tensor]) -> tuple[Tensor, Tensor]:
        L, R = (_product(side) if side else None for side in (left, right))
        gradient = self._misfit(_product([X for X in (L, Z, R) if X is not None]))
        step = torch.ones_like(Z[:, :1, :1])
        if L is not None:
            gradient, step = L.mT @ gradient, step * _squared_norm(L)
        if R is not None:
            gradient, step = gradient @ R.mT, step * _squared_norm(R)
        return prox_schatten(Z + gradient / step, self._lam / step, self._factor_p)

    def _misfit(self, X: Tensor) -> Tensor:
        return torch.where(self._observed, self._P - X, 0.0)


def prox_schatten(Y: Tensor, weight: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """Return argmin_X  weight ||X||_p^p / p + ||X - Y||_F^2 / 2, and ||X||_p^p / p there, shape (c, 1, 1).

    Args:
        Y: Shape (c, m, n). Not modified.
        weight: Shape (c, 1, 1), positive.
        p: 1, which thresholds the singular values, or 2, which scales all entries.
    """
    if p == 1:
        X, sigma = svt(Y, weight[..., 0])
        return X, sigma.sum(-1).to(Y.dtype)[:, None, None]
    X = Y / (1 + weight)
    return X, X.square().sum((-2, -1), keepdim=True) / 2


def _start(P: Tensor, rank: int, num_factors: int, seed: int) -> list[Tensor]:
    """Return uniform outer factors and the identity between them, each of shape (c, r, k)."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = P.shape
    shapes = (height, rank), (rank, width)
    first, last = (
        torch.rand(channels, *shape, generator=generator, dtype=torch.float64).to(P) for shape in shapes
    )
    inner = torch.eye(rank, dtype=P.dtype, device=P.device).expand(channels, rank, rank)
    return [first, *[inner] * (num_factors - 2), last]


def _product(factors: list[Tensor]) -> Tensor:
    return reduce(torch.matmul, factors)


def _squared_norm(X: Tensor) -> Tensor:
    """Return ||X||_2^2 for each matrix, from its smaller Gram matrix, shape (c, 1, 1)."""
    tall = X if X.shape[-2] >= X.shape[-1] else X.mT
    squares: Tensor = torch.linalg.eigvalsh(tall.mT @ tall)[:, -1:, None]
    return squares.clamp_min(_TINY)
