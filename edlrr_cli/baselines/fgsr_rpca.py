"""Robust PCA with FGSR: holes are gross errors at unknown positions."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.baselines.fgsr import Factors, Half, Regularizer, TwoThirds, prune, settled, step_A
from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import soft
from edlrr_cli.errors import UsageError

_REGULARIZERS: dict[str, Regularizer] = {"two-thirds": TwoThirds(), "half": Half()}
_SAFETY = 1.01


@iterative
def fgsr_rpca(
    D: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    regulariser: str = "two-thirds",
    weight: float = 0.02,
    penalty: float = 1.0,
    max_rank: int = 100,
    rtol: float = 1e-4,
    max_iterations: int = 1000,
) -> Completed:
    """Minimize FGSR(A, B) + weight ||E||_1 subject to D = A B + E, D each channel with its holes black.

        A, B <- a step each on the FGSR and penalty / 2 ||D - E + Y - A B||_F^2, B first
        E <- soft(D - A B + Y, weight / penalty),   Y <- Y + D - A B - E

    then negligible columns of A are removed with their rows of B. The penalty is constant. Convergence of
    these steps is not proven.

    The method does not know which pixels are missing. It can work while black pixels are rare and scattered,
    fails towards one half of them (where the low-rank part is black and the image is the error), and treats a
    block or thick text as part of the image. At penalty 1, D - E and A B agree.

    Args:
        observed: Unused; the missing pixels are black in D.
        monitor: Receives the objective after each step.
        regulariser: ``"two-thirds"`` or ``"half"``, the power of the singular values.
        weight: Weight of ||E||_1, in pixel values; small = low rank.
        penalty: Penalty parameter of the constraint.
        max_rank: Number of columns of A at the start.
        rtol: Tolerance on relative changes, see `fgsr.settled`; all channels must meet it in the same step.

    Returns:
        D - E.

    Raises:
        UsageError: Unknown regulariser.

    Source: Fan, Ding, Chen, Udell, "Factor group-sparse regularization for efficient low-rank matrix
        recovery", 2019; settings of the authors' image demo, where the weight is 0.02, 0.03 or 0.04; its 1500
        steps are the 1000 of their solver here.
    """
    if regulariser not in _REGULARIZERS:
        raise UsageError(f"unknown regulariser {regulariser!r}", "use " + " or ".join(_REGULARIZERS))
    fgsr = _REGULARIZERS[regulariser]
    A, B = fgsr.factorize(D, max_rank)
    E, Y = torch.zeros_like(D), torch.zeros_like(D)
    converged = False
    while not converged and len(monitor.history) < max_iterations:
        before = A, B, E
        target = D - E + Y
        B = fgsr.step_B(Factors(A, B), target, penalty, _SAFETY)
        A = step_A(Factors(A, B), target, penalty, _SAFETY)
        gap = D - A @ B + Y
        E = soft(gap, weight / penalty)
        Y = gap - E
        monitor.note(float(fgsr.cost(Factors(A, B)) + weight * E.abs().sum()))
        converged = settled(before, (A, B, E), rtol)
        A, B = prune(Factors(A, B), by_rows=False)
    return D - E, converged
