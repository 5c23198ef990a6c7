"""IRNN: a concave penalty of the singular values, by iteratively reweighted singular value thresholding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import shrink_singular_values
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import RegName, nearest
from edlrr_cli.lrr.penalties import Penalty, Schatten, make_penalty

# Inverse step of the proximal gradient; above 1, the Lipschitz constant of the data term.
_MU = 1.1
# A channel is done when the residual at its known pixels has this Frobenius norm, for pixels on [0, scale].
_FIT_ATOL = 1e-5

# Published shapes of the penalties for images: by the authors, the last two by Wang et al.
_SHAPES = {"lp": 0.35, "scad": 10.0, "log": 0.1, "mcp": 0.1, "etp": 0.001, "geman": 10.0, "laplace": 10.0}


@dataclass(frozen=True)
class _Weighted:
    """g(x) = lambda h(x), or lambda^2 h(x / lambda) for the penalties whose bend lies at lambda."""

    h: Penalty
    bends_at_weight: bool

    def value(self, x: Tensor, weight: Tensor) -> Tensor:
        if self.bends_at_weight:
            return weight**2 * self.h.value(x / weight)
        return weight * self.h.value(x)

    def derivative(self, x: Tensor, weight: Tensor) -> Tensor:
        return weight * self.h.derivative(x / weight if self.bends_at_weight else x)


@dataclass
class _Iterate:
    """Channels (c, h, w), their singular values (c, k), and the value that stops the inner loop (c,)."""

    X: Tensor
    sigma: Tensor
    watched: Tensor


@iterative
def irnn(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    penalty: str = "lp",
    shape: float | None = None,
    scale: float = 255.0,
    first_weight: float = 1000.0,
    last_weight: float = 1e-5,
    decay: float = 0.5,
    rtol: float = 1e-5,
    inner_iterations: int = 200,
    max_iterations: int = 1000,
) -> Completed:
    """Minimize sum_i g(sigma_i(X)) + 1/2 ||P(X - M)||_F^2 per channel, for decreasing weights lambda of g.

        Y = X + P(M - X) / mu = U diag(s) V^T,   X <- U diag(max(s - g'(s) / mu, 0)) V^T

    until ||P(X - M)||_F + lambda sum_ij |X_ij| stagnates; then lambda <- decay * lambda.

    The gains g'(s) decrease with s, so the step is the exact proximal map of sum_i g'(s_i) sigma_i. As in the
    authors' program, g' is evaluated at the singular values of Y. The paper evaluates it at those of X, for
    which the objective descends, but with lp a singular value of 0 stays 0. With those of Y the objective may
    rise in a step in which singular values leave 0, and fixed points are only nearly stationary.

    Args:
        monitor: Receives the objective, summed over the channels, after each lambda.
        penalty: lp, scad, log, mcp, etp, geman or laplace.
        shape: p of lp, gamma of the others; None: the published one for images.
        scale: Pixels are internally on [0, scale]: except for p = 1 the penalties are not homogeneous, and
            the settings are for 0..255.
        first_weight: First lambda, relative to the largest known pixel of the channel.
        last_weight: Last lambda, relative to the first.
        decay: Factor of lambda; 1/2 gives 17 values.
        rtol: Tolerance on the change of the value above.
        inner_iterations: Maximum number of steps per lambda.

    Raises:
        UsageError: Unknown penalty, or a shape outside its domain.

    Source: Lu, Tang, Yan, Lin, "Nonconvex nonsmooth low rank minimization via iteratively reweighted nuclear
        norm", TIP 2016, and its image demo. Log and etp have the authors' gamma.
    """
    g = _weighted(penalty, shape)
    P = scale * P
    first = first_weight * P.abs().amax((1, 2)).double()
    zero = torch.zeros_like(P)
    now = _Iterate(zero, zero.new_zeros(len(P), min(P.shape[1:]), dtype=torch.float64), _norm(P))
    factor, fitted = 1.0, _norm(P) < _FIT_ATOL
    while factor > last_weight and not fitted.all() and len(monitor.history) < max_iterations:
        weight = factor * first
        moving = ~fitted
        for _ in range(inner_iterations):
            moving = _step(now, P, observed, g, weight, moving, rtol)
            if not moving.any():
                break
        misfit = _norm(P - now.X * observed)
        penalties = g.value(now.sigma, weight[:, None]).sum(1).where(weight > 0, 0.0)
        monitor.note(float((penalties + misfit**2 / 2).sum()))
        fitted, factor = misfit < _FIT_ATOL, decay * factor
    return now.X / scale, factor <= last_weight or bool(fitted.all())


def _step(
    now: _Iterate, P: Tensor, observed: Tensor, g: _Weighted, weight: Tensor, moving: Tensor, rtol: float
) -> Tensor:
    """Update the moving channels by one step, in place; return which of them have not stagnated."""
    lam, target, before = weight[moving], P[moving], now.watched[moving]
    Y = now.X[moving] + (target - now.X[moving] * observed) / _MU
    X, sigma = shrink_singular_values(Y, lambda s: _shrink(s, g.derivative(s, lam[:, None])))
    watched = _norm(target - X * observed) + lam * X.abs().sum((1, 2)).double()
    now.X[moving], now.sigma[moving], now.watched[moving] = X, sigma, watched
    return moving.masked_scatter(moving, (watched - before).abs() >= rtol * (watched + before))


def _shrink(sigma: Tensor, gain: Tensor) -> Tensor:
    return torch.where(sigma > 0, (sigma - gain / _MU).clamp_min(0.0), 0.0)


def _norm(X: Tensor) -> Tensor:
    """Return the Frobenius norm of each channel, float64."""
    norm: Tensor = torch.linalg.matrix_norm(X.double())
    return norm


def _weighted(penalty: str, shape: float | None) -> _Weighted:
    """Return the penalty with a given name, with the authors' definition of its shape."""
    if penalty not in _SHAPES:
        raise UsageError(f"irnn: unknown penalty {penalty!r}", nearest(penalty, tuple(_SHAPES)))
    given = _SHAPES[penalty] if shape is None else shape
    if penalty == "lp":
        if not 0 < given <= 1:
            raise UsageError(f"irnn: lp needs 0 < shape <= 1, got {given}", "the published one is 0.35")
        return _Weighted(Schatten(given), bends_at_weight=False)
    h = make_penalty(RegName(penalty), 1 / given if penalty == "etp" else given)
    return _Weighted(h, bends_at_weight=penalty in ("scad", "mcp"))
