"""Partial sum minimization of singular values: all but the N largest are penalized."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.nuclear_admm import complete
from edlrr_cli.baselines.shrinkage import shrink_singular_values, soft

# Largest penalty of the robust variant relative to its first one.
_MAX_GROWTH = 1e7


def psvt(Y: Tensor, threshold: float | Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Threshold all singular values but the ``rank`` largest.

    The proximal map of threshold * sum_{i > rank} sigma_i; the largest are always kept.

    Returns:
        The matrices and their singular values, descending in both parts.

    Source: Oh et al. 2016, PSVT. Their program removes those of the first N that are below the threshold,
        which does not give the minimizer; here they are kept.

    Example:
        >>> psvt(torch.diag(torch.tensor([3.0, 2.0, 1.5])), 1.0, rank=1)[1].tolist()
        [3.0, 1.0, 0.5]
    """

    def rule(sigma: Tensor) -> Tensor:
        return torch.cat([sigma[..., :rank], (sigma[..., rank:] - threshold).clamp_min(0.0)], dim=-1)

    return shrink_singular_values(Y, rule)


@iterative
def pssv(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    rank: int = 5,
    penalty: float = 1e-4,
    growth: float = 1.1,
    rtol: float = 1e-5,
    max_iterations: int = 500,
) -> Completed:
    """Minimize sum_{i > rank} sigma_i(X) subject to P(X) = P(M), each channel a matrix.

    The steps of `nuclear_admm` with `psvt` for the thresholding; rank 0 is that method. Not convex: the
    increasing penalty stops the iteration, at a point that depends on it. If singular values rank and rank +
    1 are close, the early steps amplify rounding errors, so that results may differ between machines.

    Args:
        monitor: Receives the objective after each step.
        rank: Number of singular values of each channel that are not penalized.
        penalty, growth, rtol: As in `nuclear_admm`.

    Source: Oh, Tai, Bazin, Kim, Kweon, "Partial sum minimization of singular values in robust PCA", TPAMI
        2016, which has no mask; here its functional with the completion constraint, settings of LibADMM.
    """

    def prox(Y: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        X, sigma = psvt(Y, threshold, rank)
        return X, sigma[..., rank:].sum()

    return complete(
        P, observed, prox, monitor, penalty=penalty, growth=growth, rtol=rtol, max_iterations=max_iterations
    )


@iterative
def pssv_rpca(
    D: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    rank: int = 5,
    sparsity: float = 1.0,
    growth: float = 1.1,
    rtol: float = 1e-7,
    max_iterations: int = 1000,
) -> Completed:
    """Minimize sum_{i > rank} sigma_i(A) + lambda ||E||_1 subject to A + E = D, holes black in D, no mask.

        E <- soft(D - A + L / mu, lambda / mu),   A <- psvt(D - E + L / mu, 1 / mu, rank),
        L <- L + mu (D - A - E),   mu <- min(growth * mu, 1e7 mu_0),   mu_0 = 1.25 / ||D||_2

    As published: the method must detect the holes as outliers, and beyond some fraction of missing pixels it
    treats the image as the outlier.

    Args:
        observed: Unused; the missing pixels are black in D.
        monitor: Receives the largest ||D - A - E||_F / ||D||_F of the channels after each step.
        rank: Number of singular values of each channel that are not penalized.
        sparsity: lambda sqrt(max(h, w)).
        growth: Factor of mu per step.
        rtol: Tolerance on the value passed to the callback.

    Source: as `pssv`; settings of the inexact augmented Lagrangian method that its program is based on.
    """
    lam = sparsity / max(D.shape[1:]) ** 0.5
    size = torch.linalg.matrix_norm(D, keepdim=True).clamp_min(torch.finfo(D.dtype).tiny)
    first = 1.25 / torch.linalg.matrix_norm(D, ord=2, keepdim=True).clamp_min(torch.finfo(D.dtype).tiny)
    A, L, mu = torch.zeros_like(D), torch.zeros_like(D), first
    gap = float("inf")
    while gap >= rtol and len(monitor.history) < max_iterations:
        E = soft(D - A + L / mu, lam / mu)
        A, _ = psvt(D - E + L / mu, 1 / mu[..., 0].double(), rank)
        Z = D - A - E
        L = L + mu * Z
        mu = torch.minimum(growth * mu, _MAX_GROWTH * first)
        gap = float((torch.linalg.matrix_norm(Z, keepdim=True) / size).max())
        monitor.note(gap)
    return A, gap < rtol
