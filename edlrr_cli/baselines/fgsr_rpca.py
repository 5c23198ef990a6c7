"""Robust PCA with FGSR: holes as gross errors that nobody points out."""

from __future__ import annotations

import torch

from edlrr_cli.baselines.channels import to_channels, to_pixels
from edlrr_cli.baselines.fgsr import Factors, Half, Regulariser, TwoThirds, prune, settled, step_A
from edlrr_cli.baselines.result import Bools, Callback, Monitor, Pixels, Result
from edlrr_cli.baselines.shrinkage import soft
from edlrr_cli.errors import UsageError

_REGULARISERS: dict[str, Regulariser] = {"two-thirds": TwoThirds(), "half": Half()}
_SAFETY = 1.01


def fgsr_rpca(
    image: Pixels,
    known: Bools,
    *,
    device: torch.device,
    dtype: torch.dtype,
    callback: Callback | None = None,
    regulariser: str = "two-thirds",
    weight: float = 0.02,
    penalty: float = 1.0,
    max_rank: int = 100,
    rtol: float = 1e-4,
    max_iterations: int = 1000,
) -> Result:
    """Minimise FGSR(A, B) + weight ||E||_1 subject to D = A B + E, D each channel with its holes black.

        A, B <- a step each on the FGSR and penalty / 2 ||D - E + Y - A B||_F^2, B first
        E <- soft(D - A B + Y, weight / penalty),   Y <- Y + D - A B - E

    then negligible columns of A are dropped with their rows of B. The penalty stays as it is. Nothing is
    proved about convergence of these steps.

    The method is never told which pixels are missing. It can work while black pixels look rare and scattered,
    breaks down towards one half of them (then black is what the rank explains and the picture is the error),
    and takes a block or thick text for a part of the picture. At penalty 1, D - E and A B agree.

    Args:
        image: Shape (h, w, c), in [0, 1]; missing pixels are not looked at. Not modified.
        known: Shape (h, w), True = known pixel. Used only to blacken the others.
        device: To compute on.
        dtype: Of the computation.
        callback: Told the objective of each step.
        regulariser: ``"two-thirds"`` or ``"half"``, the power of the singular values.
        weight: Of the errors' sum, in pixel values; small = low rank.
        penalty: Of the constraint.
        max_rank: Number of columns of A at the start.
        rtol: Of the relative changes, see `fgsr.settled`; all channels must meet it in the same step.
        max_iterations: Steps at most.

    Returns:
        D - E.

    Raises:
        UsageError: Unknown regulariser.

    Source: Fan, Ding, Chen, Udell, "Factor group-sparse regularization for efficient low-rank matrix
        recovery", 2019; settings of the authors' image demo, where the weight is 0.02, 0.03 or 0.04; its 1500
        steps are the 1000 of their solver here.
    """
    if regulariser not in _REGULARISERS:
        raise UsageError(f"unknown regulariser {regulariser!r}", "use " + " or ".join(_REGULARISERS))
    fgsr = _REGULARISERS[regulariser]
    D, _ = to_channels(image, known, device=device, dtype=dtype)
    A, B = fgsr.factorise(D, max_rank)
    E, Y = torch.zeros_like(D), torch.zeros_like(D)
    monitor = Monitor("fgsr-rpca", max_iterations, callback)
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
    return monitor.result(to_pixels(D - E), converged=converged)
