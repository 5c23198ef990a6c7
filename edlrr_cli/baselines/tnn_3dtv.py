"""Low tubal rank with total variation: the image is one tensor, whose frontal slices are the channels."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import soft, svt

_MAX_PENALTY = 1e10


@iterative
def tnn_3dtv(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    smoothness: float = 0.01,
    colour_smoothness: float = 0.0,
    penalty: float = 1e-2,
    smooth_penalty: float = 1e-4,
    growth: float = 1.05,
    rtol: float = 1e-5,
    max_iterations: int = 100,
) -> Completed:
    """Minimize ||X||_TNN + sum_k mu_k ||D_k X||_1 subject to P(X) = P(M), the image one tensor h x w x c.

        Y <- prox_TNN(X + K / beta, 1 / beta),   Z_k <- soft(D_k X + L_k / lam, mu_k / lam),
        V <- P(M) + Pc(X + N / beta),
        X <- the solution of (2 beta I + lam sum_k D_k^T D_k) X
                             = beta (Y + V) - K - N + sum_k D_k^T (lam Z_k - L_k),
        K <- K + beta (X - Y),   L_k <- L_k + lam (D_k X - Z_k),   N <- N + beta (X - V),
        beta <- growth * beta,   lam <- growth * lam

    ||X||_TNN is the mean of the nuclear norms of the c frontal slices of the Fourier transform along the
    channels, D_k the periodic forward difference along mode k, so that the FFT solves for X.

    Converges for growth = 1: ADMM with (Y, Z, V) and X as its two blocks. The published growth freezes the
    iterate instead, and X is returned, which fits the known pixels only up to the remaining gap.

    Args:
        monitor: Receives the objective of Y and Z after each step.
        smoothness: mu_k along rows and columns.
        colour_smoothness: mu_k along the channels.
        penalty: The first beta, for pixels on [0, 1].
        smooth_penalty: The first lam, for pixels on [0, 1].
        growth: Factor of both per step.
        rtol: Tolerance on the change of X, relative to X.

    Source: Jiang, Liu, Lu, Shen, "Anisotropic total variation regularized low-rank tensor completion based
        on tensor nuclear norm for color image inpainting", 2018, as re-implemented by Zhao et al., "Deep
        plug-and-play prior for low-rank tensor completion", 2020, for its comparison; settings of its
        demonstration of color images. Only half of the slices are decomposed, as the others are conjugates.
    """
    weights = torch.tensor([colour_smoothness, smoothness, smoothness], dtype=P.dtype, device=P.device)
    mu = weights[:, None, None, None]
    X, K, N = P, torch.zeros_like(P), torch.zeros_like(P)
    D = _differences(X)
    L = torch.zeros_like(D)
    curvature = _curvature(P)
    beta, lam, converged = penalty, smooth_penalty, False
    while not converged and len(monitor.history) < max_iterations:
        Y, nuclear_norm = _tubal_svt(X + K / beta, 1 / beta)
        Z = soft(D + L / lam, mu / lam)
        V = torch.where(observed, P, X + N / beta)
        C = beta * (Y + V) - K - N + _adjoint_differences(lam * Z - L)
        before, X = X, _filter(C, 1 / (2 * beta + lam * curvature))
        D = _differences(X)
        monitor.note(nuclear_norm + float((mu * Z).abs().sum()))
        converged = bool((X - before).norm() < rtol * before.norm())
        K, L, N = K + beta * (X - Y), L + lam * (D - Z), N + beta * (X - V)
        beta, lam = min(growth * beta, _MAX_PENALTY), min(growth * lam, _MAX_PENALTY)
    return X, converged


def _tubal_svt(A: Tensor, threshold: float) -> tuple[Tensor, float]:
    """Return argmin_Y threshold ||Y||_TNN + ||Y - A||_F^2 / 2, shape (c, h, w), and ||Y||_TNN there."""
    num_channels = len(A)
    slices = torch.fft.rfft(A, dim=0)
    mean, mean_sigma = svt(slices[0].real, threshold)
    others, sigma = svt(slices[1:], threshold)
    # Each slice counts twice, for its conjugate, except the first and, if c is even, the last.
    copies = torch.full((len(others), 1), 2.0, dtype=sigma.dtype, device=sigma.device)
    if num_channels % 2 == 0:
        copies[-1] = 1.0
    shrunk = torch.cat([mean[None].to(others.dtype), others])
    norm = (mean_sigma.sum() + (copies * sigma).sum()) / num_channels
    return torch.fft.irfft(shrunk, n=num_channels, dim=0), float(norm)


def _differences(X: Tensor) -> Tensor:
    """Return the periodic forward differences along the channels, rows and columns, shape (3, c, h, w)."""
    return torch.stack([X.roll(-1, dim) - X for dim in range(3)])


def _adjoint_differences(Z: Tensor) -> Tensor:
    """Return the adjoint of `_differences`, shape (c, h, w)."""
    return sum((Z[dim].roll(1, dim) - Z[dim] for dim in range(3)), torch.zeros_like(Z[0]))


def _curvature(P: Tensor) -> Tensor:
    """Return the eigenvalues of sum_k D_k^T D_k, at the frequencies of `torch.fft.rfftn`."""
    turns = [torch.fft.fftfreq(size, dtype=P.dtype, device=P.device) for size in P.shape]
    c, h, w = (2 - 2 * torch.cos(2 * torch.pi * turn) for turn in turns)
    return (c[:, None, None] + h[:, None] + w)[..., : P.shape[-1] // 2 + 1]


def _filter(C: Tensor, gain: Tensor) -> Tensor:
    """Return C with its Fourier coefficients multiplied by a gain."""
    filtered: Tensor = torch.fft.irfftn(torch.fft.rfftn(C) * gain, s=C.shape)
    return filtered
