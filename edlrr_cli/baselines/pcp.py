"""Principal component pursuit by the inexact augmented Lagrangian method."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Monitor
from edlrr_cli.baselines.result import Callback
from edlrr_cli.baselines.shrinkage import soft, svt

# Largest penalty relative to the first one.
_MAX_GROWTH = 1e7


@dataclass(frozen=True, eq=False)
class Split:
    """Decomposition V = L + S.

    Attributes:
        low_rank: L, shape (m, n).
        sparse: S, shape (m, n).
        singular_values: Singular values of L, descending, float64; those removed by the thresholding are 0.
        objective: ||L||_* + weight ||V - L||_1, in float64.
        gap: Upper bound of objective / minimum - 1, from a feasible point of the dual problem.
        converged: Whether ``rtol`` was met.
    """

    low_rank: Tensor
    sparse: Tensor
    singular_values: Tensor
    objective: float
    gap: float
    iterations: int
    converged: bool


def pcp(
    V: Tensor,
    *,
    weight: float | None = None,
    growth: float = 1.5,
    rtol: float = 1e-7,
    max_iterations: int = 1000,
    callback: Callback | None = None,
) -> Split:
    """Minimize ||L||_* + weight ||S||_1 subject to L + S = V.

        L <- svt(V - S + Y / mu, 1 / mu),   S <- soft(V - L + Y / mu, weight / mu),
        Y <- Y + mu (V - L - S),   mu <- min(growth * mu, 1e7 mu_0),   mu_0 = 1.25 / ||V||_2

    The minimizer is that of sum |V - X| + ||X||_* / weight, at X = L. A growth closer to 1 takes more steps
    and gets closer to it; ``gap`` bounds the distance. Singular values are computed from the Gram matrix of
    the shorter side, so that a step costs two products of V's size.

    Args:
        V: Shape (m, n), floating. Not modified.
        weight: Weight of the sparse part; None: 1 / sqrt(max(m, n)), with which both parts are recovered
            exactly under the conditions of Candes et al.
        growth: Factor of mu per step, above 1.
        rtol: Tolerance on ||V - L - S||_F / ||V||_F.
        callback: Called with this ratio after each step.

    Source: Lin, Chen, Ma, "The augmented Lagrange multiplier method for exact recovery of corrupted low-rank
        matrices", 2010, inexact ALM; Candes, Li, Ma, Wright, "Robust principal component analysis?", 2011.
    """
    weight = max(V.shape) ** -0.5 if weight is None else weight
    size, largest = V.norm().clamp_min(torch.finfo(V.dtype).tiny), _spectral_norm(V)
    mu = first = 1.25 / largest
    Y = V / max(largest, float(V.abs().max()) / weight)
    S, L = torch.zeros_like(V), torch.zeros_like(V)
    monitor = Monitor("pcp", max_iterations, callback)
    gap = float("inf")
    while gap >= rtol and len(monitor.history) < max_iterations:
        L, sigma = svt(V - S + Y / mu, 1 / mu)
        S = soft(V - L + Y / mu, weight / mu)
        Z = V - L - S
        Y = Y + mu * Z
        mu = min(growth * mu, _MAX_GROWTH * first)
        gap = float(Z.norm() / size)
        monitor.note(gap)
    objective = float(sigma.sum()) + weight * float((V - L).abs().sum(dtype=torch.float64))
    excess = objective / _lower_bound(V, Y, weight) - 1 if objective > 0 else 0.0
    return Split(L, V - L, sigma, objective, excess, len(monitor.history), gap < rtol)


def _lower_bound(V: Tensor, Y: Tensor, weight: float) -> float:
    """Return <Y, V>, with Y scaled such that no singular value exceeds 1 and no entry exceeds the weight."""
    return float((Y * V).sum(dtype=torch.float64)) / max(_spectral_norm(Y), float(Y.abs().max()) / weight)


def _spectral_norm(V: Tensor) -> float:
    """Return the largest singular value, at least the smallest positive number."""
    _, sigma = svt(V, 0.0)
    return max(float(sigma[0]), torch.finfo(V.dtype).tiny)
