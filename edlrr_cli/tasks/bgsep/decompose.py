"""The paper's objective for videos: a low-rank background and a sparse residual.

min_X  sum |V - X| + lambda R(X),   rows of V are frames, columns are pixel values
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.adam import Adam
from edlrr_cli.baselines.pcp import pcp
from edlrr_cli.lrr.linear_algebra import wide_of
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import Function, make_function
from edlrr_cli.lrr.spectral import largest_singular_value

# Adam's first step size on [0, 1], and the factor by which it decays.
_LR, _LR_DECAY = 0.03, 300.0
# The penalty is normalized to the slope of the nuclear norm at this fraction of sigma_1.
_REFERENCE = 0.01
# Margin above sigma_1 of V, which sigma_1 of X may exceed during the optimization.
_HEADROOM = 1.1
# Singular values below this fraction of the first, and differences below one gray level, count as zero.
_RANK_FRACTION, _LEVEL = 1e-3, 1 / 255


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Decomposition of V into a low-rank X and a sparse residual V - X.

    Attributes:
        low_rank: X, shape (m, n).
        objective: sum |V - X| + lambda R(X).
        rank: Number of singular values of X above 0.1 % of the first.
        sparsity: Fraction of the entries where V and X agree to one gray level.
    """

    low_rank: Tensor
    objective: float
    rank: int
    sparsity: float
    iterations: int


def decompose(
    V: Tensor,
    *,
    reg: str = "nuclear",
    gamma: float | None = None,
    weight: float = 1.0,
    solver: str = "adam",
    steps: int = 100,
    known: Tensor | None = None,
) -> Decomposition:
    """Minimize sum |V - X| + lambda R(X) over X, where the sum is over the known entries.

    Starts from the temporal median in every frame. Penalties other than the nuclear norm are scaled such that
    they have its slope at small singular values, and a smaller one at large singular values.

    Args:
        V: Shape (m, n), one frame per row, values in [0, 1], float32. Not modified.
        reg: One of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty; None for its default.
        weight: lambda / sqrt(max(m, n)); 1 is principal component pursuit.
        solver: ``"adam"``, or ``"ialm"`` for the exact minimum with the nuclear norm.
        steps: Adam steps.
        known: Shape (m, n), True = known entry; every column has one. None: all entries are known. Only with
            the solver ``"adam"``.

    Raises:
        UsageError: Unknown reg, or gamma outside its domain.
        NumericsError: The penalty left the range of its series.

    Source: Section 4.2. With the nuclear norm: Candes, Li, Ma, Wright, "Robust principal component
        analysis?", 2011.
    """
    lam = weight * max(V.shape) ** 0.5
    if solver == "ialm":
        split = pcp(V, weight=1 / lam)
        return _summary(V - split.low_rank, split.low_rank, lam * split.objective, split.iterations)
    median = V.median(dim=0).values if known is None else V.where(known, torch.nan).nanmedian(dim=0).values
    V = V if known is None else V.where(known, median)
    h, scale = _scaled(V, reg, gamma)
    pull = lam / _slope(h, _REFERENCE * largest_singular_value(V) / scale) * scale
    X = median.expand_as(V).clone().requires_grad_()
    optimizer = Adam(X, beta2=0.99, eps=1e-12)

    def residual() -> Tensor:
        return V - X if known is None else (V - X) * known

    def objective() -> Tensor:
        total: Tensor = residual().abs().sum() + pull * lowrank_penalty(X, reg, gamma=gamma, scale=scale)
        return total

    for step in range(steps):
        (gradient,) = torch.autograd.grad(objective(), X)
        optimizer.step(gradient, lr=_LR * _LR_DECAY ** (-step / steps))
    with torch.no_grad():
        return _summary(residual(), X.detach(), float(objective()), steps)


def _scaled(V: Tensor, reg: str, gamma: float | None) -> tuple[Function, float]:
    """Return the penalty and the scale of the singular values that maps those of V into its range."""
    h = make_function(reg, gamma)
    sigma = _HEADROOM * float(largest_singular_value(V))
    return h, sigma / h.x_fit if h.x_fit is not None and sigma > 0 else 1.0


def _slope(h: Function, x: Tensor) -> float:
    return float(h.derivative(x)) if x > 0 else 1.0


def _summary(residual: Tensor, X: Tensor, objective: float, iterations: int) -> Decomposition:
    wide = wide_of(X).double()
    sigma = torch.linalg.eigvalsh(wide @ wide.mT).clamp_min(0).sqrt()
    rank = int((sigma > _RANK_FRACTION * sigma[-1]).sum())
    sparsity = float((residual.abs() < _LEVEL).float().mean())
    return Decomposition(X, objective, rank, sparsity, iterations)
