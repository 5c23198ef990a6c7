"""Inpainting by total variation."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative

# ||grad||^2 <= 8 for forward differences, so tau sigma = 1/8 is the largest product that converges.
_SQUARED_NORM = 8.0


@iterative
def tv(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    primal_step: float = 0.03,
    rtol: float = 1e-3,
    max_iterations: int = 1000,
) -> Completed:
    """Minimize TV(X) = sum over pixels ||grad X||_2 subject to P(X) = P(M), 0 <= X <= 1.

        p <- (p + sigma grad(2 X - X')) / max(1, |.|),   X <- clip(X + tau div p), then P(X) = P(M)

    X' is the previous X, tau the primal step, tau sigma = 1/8. |.| is taken over both directions and all
    channels, which aligns the edges of the channels (vectorial TV). The bounds do not change the minimum, as
    clipping an image lowers its TV. They make the duality gap finite, which bounds TV(X) - min TV from above.

    Args:
        monitor: Receives TV(X) after each step.
        primal_step: tau, in pixel values.
        rtol: Tolerance on the duality gap, relative to TV(X).

    Source: Chan, Shen, "Mathematical models for local nontexture inpaintings", 2002, without its data term;
        Blomgren, Chan, "Color TV", 1998, coupled as by Bresson, Chan 2008; solved by Chambolle, Pock, "A
        first-order primal-dual algorithm for convex problems with applications to imaging", 2011. The solver
        is our own, since neither scikit-image nor OpenCV inpaints by TV.
    """
    missing = ~observed
    mean = P.sum((-2, -1), keepdim=True) / observed.sum().clamp_min(1)
    X = torch.where(observed, P, mean)
    G = _gradient(X)
    p, before = torch.zeros_like(G), G
    converged = False
    while not converged and len(monitor.history) < max_iterations:
        p = p + (2 * G - before) / (_SQUARED_NORM * primal_step)
        p = p / p.square().sum((0, 1)).sqrt().clamp_min(1.0)
        slope = _divergence(p)
        X = torch.where(observed, P, (X + primal_step * slope).clamp(0.0, 1.0))
        before, G = G, _gradient(X)
        variation = float(G.square().sum((0, 1)).sqrt().sum())
        # min over X of -<div p, X>, with the known pixels fixed and each missing one at its better bound.
        bound = -float((slope * P).sum() + (slope * missing).clamp_min(0.0).sum())
        monitor.note(variation)
        converged = variation - bound <= rtol * variation
    return X, converged


def _gradient(X: Tensor) -> Tensor:
    """Return the forward differences along rows and columns, shape (2, c, h, w), 0 at the far border."""
    G = torch.zeros(2, *X.shape, dtype=X.dtype, device=X.device)
    torch.sub(X[:, 1:], X[:, :-1], out=G[0, :, :-1])
    torch.sub(X[:, :, 1:], X[:, :, :-1], out=G[1, :, :, :-1])
    return G


def _divergence(p: Tensor) -> Tensor:
    """Return the negative adjoint of `_gradient`, shape (c, h, w)."""
    d = torch.zeros(p.shape[1:], dtype=p.dtype, device=p.device)
    down, across = p[0, :, :-1], p[1, :, :, :-1]
    d[:, :-1] += down
    d[:, 1:] -= down
    d[:, :, :-1] += across
    d[:, :, 1:] -= across
    return d
