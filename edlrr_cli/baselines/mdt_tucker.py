"""Completion by low Tucker rank in delay-embedded space: the tensor of all windows of an image."""

from __future__ import annotations

import logging
import math

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative

_log = logging.getLogger(__name__)

# The published code increases no rank before this step.
_FIRST_GROWTH = 4


@iterative
def mdt_tucker(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    window_px: int = 32,
    max_rank: int | None = None,
    atol: float = 1e-4,
    target: float = 1e-8,
    max_iterations: int = 10000,
    seed: int = 0,
) -> Completed:
    """Fit the windows of a completed image by a tensor of low Tucker rank.

        Z <- P(M) + Pc(X),   F_n <- the leading eigenvectors of G_n,
        X <- H^+[ H(Z) x_1 F_1 F_1^T x_2 F_2 F_2^T ]

    H(Z)[a, i] = Z[i + a] contains the windows, a = 0..window - 1 vertically and horizontally, i over all
    pixels of the periodic image. G_n is the Gram matrix of H(Z) x_m F_m^T, m the other direction, unfolded
    along a_n. H is never formed: G_n is Toeplitz, its entries are sums over the autocorrelation of Z, and X
    is a filtered Z, so that a step costs a few FFTs of the image. F_1 and F_2 are common to the channels; no
    rank couples them.

    With fixed ranks this is alternating least squares, in which the distance of H(Z) from its projection
    descends; the cost, its part at known pixels, may not. The ranks start at 1 x 1. If a step changes the
    cost by less than atol, the rank of the direction with the larger ||H(P(M - X)) x_m F_m^T|| increases by
    1. At full ranks X = Z: the cost is 0 and the known pixels are exact, so that the holes are determined by
    the path of the iteration, not by a minimum. The final ranks and cost are logged.

    Args:
        monitor: Receives the cost, the mean of (M - X)^2 over the known pixels, after each step.
        window_px: Side of the windows.
        max_rank: Upper bound of the ranks; None: the side of the window, as published.
        atol: Absolute tolerance on the change of the cost, in squared pixel values on [0, 1]; 6.5 for 0..255.
        target: Cost at which the iteration stops.
        seed: Seed of the initial X and F.

    Source: Yamamoto, Hontani, Imakura, Yokota, "Fast algorithm for low-rank tensor completion in
        delay-embedded space", 2022; settings of its image demonstration. Deviations: a direction at its
        largest rank is not increased, the loop also ends if no rank can increase and the cost has settled,
        and windows are no larger than the image.
    """
    W, sizes = observed.to(P), (P.shape[1], P.shape[2])
    windows = tuple(min(window_px, size) for size in sizes)
    caps = [window if max_rank is None else min(window, max_rank) for window in windows]
    generator = torch.Generator().manual_seed(seed)
    X = torch.rand(P.shape, generator=generator, dtype=torch.float64).to(P)
    starts = [torch.randn(window, 1, generator=generator, dtype=torch.float64) for window in windows]
    F = [(start / start.norm()).to(P.device) for start in starts]
    E = W * (P - X)
    spectrum, ranks, cost = torch.fft.rfft2(X + E), [1, 1], math.inf
    converged = False
    while not converged and len(monitor.history) < max_iterations:
        lags = _autocorrelation(spectrum, sizes, windows)
        for n in (0, 1):
            F[n] = torch.linalg.eigh(_gram(lags, F[1 - n], n)).eigenvectors[:, -ranks[n] :]
        filtered = spectrum * _gain(F, sizes)[:, : spectrum.shape[-1]].to(P.dtype)
        X = torch.fft.irfft2(filtered, s=sizes)
        E = W * (P - X)
        residual = torch.fft.rfft2(E)
        spectrum = filtered + residual  # of Z = X + E
        before, cost = cost, float(E.square().sum() / (W.sum() * len(P)).clamp_min(1))
        monitor.note(cost)
        settled = abs(cost - before) < atol and len(monitor.history) >= _FIRST_GROWTH
        converged = cost < target or (settled and ranks == caps)
        if settled and not converged:
            ranks[_direction_to_grow(_autocorrelation(residual, sizes, windows), F, ranks, caps)] += 1
    _log.info("mdt-tucker stopped at ranks %d x %d, cost %.2e", *ranks, cost)
    return X, converged


def _autocorrelation(spectrum: Tensor, sizes: tuple[int, int], windows: tuple[int, ...]) -> Tensor:
    """Return sum_i Z[i] Z[i + k] over pixels and channels, lags k of -(window - 1)..window - 1, float64."""
    power = (spectrum.real.square() + spectrum.imag.square()).sum(0)
    lags: Tensor = torch.fft.irfft2(power, s=sizes).double()
    for n, window in enumerate(windows):
        wanted = torch.arange(1 - window, window, device=lags.device) % sizes[n]
        lags = lags.index_select(n, wanted)
    return lags


def _diagonal_sums(F: Tensor) -> Tensor:
    """Return the sums of F F^T along its diagonals -(window - 1)..window - 1."""
    window = len(F)
    power = torch.fft.rfft(F, n=2 * window - 1, dim=0).abs().square().sum(1)
    sums: Tensor = torch.fft.irfft(power, n=2 * window - 1)
    return sums.roll(window - 1)


def _gram(lags: Tensor, other: Tensor, n: int) -> Tensor:
    """Return G_n of the Z with this autocorrelation, given the factor of the other direction."""
    weights = _diagonal_sums(other)
    sums = lags @ weights if n == 0 else weights @ lags
    window = (len(sums) + 1) // 2
    a = torch.arange(window, device=sums.device)
    return sums[(a[:, None] - a).abs() + window - 1]


def _gain(F: list[Tensor], sizes: tuple[int, int]) -> Tensor:
    """Return the frequency response, shape (h, w), by which X is a filter of Z."""
    rows, columns = (
        torch.fft.fft(factor, n=size, dim=0).abs().square().sum(1) / len(factor)
        for factor, size in zip(F, sizes, strict=True)
    )
    return torch.outer(rows, columns)


def _direction_to_grow(residual: Tensor, F: list[Tensor], ranks: list[int], caps: list[int]) -> int:
    """Return the direction, of those below their cap, whose G_n of the residual has the larger trace."""
    growing = [n for n in (0, 1) if ranks[n] < caps[n]]
    return max(growing, key=lambda n: float(_gram(residual, F[1 - n], n).trace()))
