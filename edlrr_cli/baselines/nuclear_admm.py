"""Nuclear-norm completion by ADMM, without approximation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import svt

# Maps a batch of matrices and a threshold to the proximal point and the objective there.
Prox = Callable[[Tensor, float], tuple[Tensor, Tensor]]

_MAX_PENALTY = 1e10


@iterative
def nuclear_admm(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    penalty: float = 1e-4,
    growth: float = 1.1,
    rtol: float = 1e-5,
    max_iterations: int = 500,
) -> Completed:
    """Minimize ||X||_* subject to P(X) = P(M), each channel a matrix.

        X <- svt(P(M) - E + L / mu, 1 / mu),   E <- the complement of P(M) - X + L / mu,
        L <- L + mu (P(M) - X - E),   mu <- growth * mu

    Converges for bounded mu. Increasing mu is the usual heuristic; if it increases fast, the iteration stops
    above the minimum.

    Args:
        monitor: Receives the objective after each step.
        penalty: The first mu, for pixels on [0, 1].
        growth: Factor of mu per step.
        rtol: Tolerance on the entries of ``P(M) - X - E`` and of the changes of X and E, in pixel values.

    Source: Lin, Chen, Ma, "The augmented Lagrange multiplier method for exact recovery of corrupted low-rank
        matrices", 2010; settings of the LibADMM toolbox (its 1e-8 is 1e-5 here, invisible in pixels).
    """

    def prox(Y: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        X, sigma = svt(Y, threshold)
        return X, sigma.sum()

    return complete(
        P, observed, prox, monitor, penalty=penalty, growth=growth, rtol=rtol, max_iterations=max_iterations
    )


def complete(
    P: Tensor,
    observed: Tensor,
    prox: Prox,
    monitor: Monitor,
    *,
    penalty: float,
    growth: float,
    rtol: float,
    max_iterations: int,
) -> Completed:
    """Run the loop of `nuclear_admm` with the proximal map of another function of X."""
    X, E, L, mu = torch.zeros_like(P), torch.zeros_like(P), torch.zeros_like(P), penalty
    converged = False
    while not converged and len(monitor.history) < max_iterations:
        before = X, E
        X, objective = prox(P - E + L / mu, 1 / mu)
        E = (P - X + L / mu).masked_fill(observed, 0.0)
        gap = P - X - E
        L = L + mu * gap
        mu = min(growth * mu, _MAX_PENALTY)
        monitor.note(float(objective))
        change = max(float(D.abs().max()) for D in (gap, X - before[0], E - before[1]))
        converged = change < rtol
    return X, converged
