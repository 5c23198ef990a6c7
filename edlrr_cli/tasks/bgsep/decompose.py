"""The paper's objective for videos: a low-rank background and a sparse rest.

min_X  sum |V - X| + lambda R(X),   V: one row a frame, one column a pixel value
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.adam import Adam
from edlrr_cli.baselines.pcp import pcp
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import Function, largest_singular_value

# Adam's first step on [0, 1], and the factor by which its steps fall to the end.
_LR, _LR_DECAY = 0.03, 300.0
# The penalty is normalised to the slope of the nuclear norm at this share of sigma_1.
_REFERENCE = 0.01
# Room above sigma_1 of V, since that of X may come to exceed it on the way.
_HEADROOM = 1.1
# Singular values below this share of the first, and differences below one gray level, count as none.
_RANK_SHARE, _LEVEL = 1e-3, 1 / 255


@dataclass(frozen=True, eq=False)
class Decomposition:
    """V = X + rest.

    Attributes:
        low_rank: X, shape (m, n).
        objective: sum |V - X| + lambda R(X).
        rank: Singular values of X above 0.1 % of the first.
        sparsity: Share of the entries where V and X agree to one gray level.
        iterations: Steps done.
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
) -> Decomposition:
    """Minimise sum |V - X| + lambda R(X) over X.

    Starts from the temporal median, the same in every frame. Penalties other than the nuclear norm are
    scaled so that small singular values feel the same pull as from it, and large ones less.

    Args:
        V: Shape (m, n), a frame a row, values in [0, 1], float32. Not modified.
        reg: One of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty; None for its default.
        weight: lambda / sqrt(max(m, n)); 1 is principal component pursuit.
        solver: ``"adam"``, or ``"ialm"`` for the exact minimum with the nuclear norm.
        steps: Adam steps.

    Raises:
        UsageError: Unknown reg, or gamma outside its domain.
        NumericsError: The penalty left the range of its series.

    Source: Section 4.2. With the nuclear norm: Candes, Li, Ma, Wright, "Robust principal component
        analysis?", 2011.
    """
    lam = weight * max(V.shape) ** 0.5
    if solver == "ialm":
        split = pcp(V, weight=1 / lam)
        return _summary(V, split.low_rank, lam * split.objective, split.iterations)
    h, scale = _scaled(V, reg, gamma)
    pull = lam / _slope(h, _REFERENCE * largest_singular_value(V) / scale) * scale
    X = V.median(dim=0).values.expand_as(V).clone().requires_grad_()
    optimizer = Adam(X, beta2=0.99, eps=1e-12)

    def objective() -> Tensor:
        total: Tensor = (V - X).abs().sum() + pull * lowrank_penalty(X, reg, gamma=gamma, scale=scale)
        return total

    for step in range(steps):
        (gradient,) = torch.autograd.grad(objective(), X)
        optimizer.step(gradient, lr=_LR * _LR_DECAY ** (-step / steps))
    with torch.no_grad():
        return _summary(V, X.detach(), float(objective()), steps)


def _scaled(V: Tensor, reg: str, gamma: float | None) -> tuple[Function, float]:
    """Return the function and the unit of the singular values, which puts those of V into its range."""
    h = make_function(reg, gamma)
    sigma = _HEADROOM * float(largest_singular_value(V))
    return h, sigma / h.x_fit if h.x_fit is not None and sigma > 0 else 1.0


def _slope(h: Function, x: Tensor) -> float:
    return float(h.derivative(x)) if x > 0 else 1.0


def _summary(V: Tensor, X: Tensor, objective: float, iterations: int) -> Decomposition:
    wide = (X if X.shape[0] <= X.shape[1] else X.mT).double()
    sigma = torch.linalg.eigvalsh(wide @ wide.mT).clamp_min(0).sqrt()
    rank = int((sigma > _RANK_SHARE * sigma[-1]).sum())
    sparsity = float(((V - X).abs() < _LEVEL).float().mean())
    return Decomposition(X, objective, rank, sparsity, iterations)
