"""Matrix completion with FGSR, with exact known pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edlrr_cli.baselines.fgsr import Factors, Half, Regularizer, TwoThirds, prune, settled, step_A
from edlrr_cli.baselines.interface import Completed, Monitor, iterative

_SAFETY_A, _SAFETY_B = 1.0, 3.0


@iterative
def fgsr_two_thirds(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    penalty: float = 0.3,
    rtol: float = 1e-4,
    max_iterations: int = 1000,
) -> Completed:
    """Minimize FGSR-2/3(A, B) subject to A B = X, P(X) = P(M): the sum of the singular values' 2/3 powers.

    Steps, arguments and further details: see `fgsr_half`.

    Source: As `fgsr_half`.
    """
    return _complete(TwoThirds(), P, observed, monitor, penalty, rtol, max_iterations)


@iterative
def fgsr_half(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    penalty: float = 0.1,
    rtol: float = 1e-4,
    max_iterations: int = 1000,
) -> Completed:
    """Minimize FGSR-1/2(A, B) subject to A B = X, P(X) = P(M): the sum of the singular values' square roots.

        A, B <- a step each on the FGSR and penalty / 2 ||X + Y - A B||_F^2, A first
        X <- P(M) + the complement of P(A B - Y),   Y <- Y + X - A B

    then negligible pairs of a column of A and a row of B are removed, which makes the steps cheaper. The
    start is the leading singular triplets of P(M) / f, with the fraction f of known pixels; their number is
    f / 2 times the shorter side. Convergence of these steps is not proven.

    The penalty depends on the data scale: for entries s times as large it must be s^(p - 2) times as large, p
    the power of the singular values. The authors' 1e-3 (2/3) and 1e-4 (1/2) are for entries around 50. On
    pixels these remove columns in the first steps that the image needs, and removed columns do not return.

    Args:
        monitor: Receives the regularizer after each step.
        penalty: u, for pixels on [0, 1].
        rtol: Tolerance on relative changes, see `fgsr.settled`; all channels must meet it in the same step.

    Source: Fan, Ding, Chen, Udell, "Factor group-sparse regularization for efficient low-rank matrix
        recovery", 2019; the authors' settings, except the penalty, which is theirs on the scale of pixels.
    """
    return _complete(Half(), P, observed, monitor, penalty, rtol, max_iterations)


def _complete(
    fgsr: Regularizer,
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    penalty: float,
    rtol: float,
    max_iterations: int,
) -> Completed:
    """Run the steps that `fgsr_half` describes."""
    fraction = max(float(observed.double().mean()), 1 / observed.numel())
    A, B = fgsr.factorize(P / fraction, math.ceil(fraction * min(P.shape[-2:]) / 2))
    X, Y = P, torch.zeros_like(P)
    converged = False
    while not converged and len(monitor.history) < max_iterations:
        before = A, B, X
        target = X + Y
        A = step_A(Factors(A, B), target, penalty, _SAFETY_A)
        B = fgsr.step_B(Factors(A, B), target, penalty, _SAFETY_B)
        product = A @ B
        X = torch.where(observed, P, product - Y)
        Y = Y + X - product
        monitor.note(float(fgsr.cost(Factors(A, B))))
        converged = settled(before, (A, B, X), rtol)
        A, B = prune(Factors(A, B), by_rows=True)
    return X, converged
