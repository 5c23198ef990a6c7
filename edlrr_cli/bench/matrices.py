"""Test matrices with the spectrum of a photograph, and the two SVD references for all methods."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.lrr.series import Function
from edlrr_cli.lrr.spectral import resolve_scale

SPECTRUM = "sigma_i = 20 / i^1.2"
_SIGMA_1 = 20.0
_DECAY = 1.2


def image_spectrum(count: int, *, condition: float | None = None) -> Tensor:
    """Return singular values like those of a centered photograph: sigma_i = 20 / i^1.2, float64.

    Example:
        >>> image_spectrum(2)
        tensor([20.0000,  8.7055], dtype=torch.float64)
    """
    sigma: Tensor = _SIGMA_1 * torch.arange(1, count + 1, dtype=torch.float64) ** -_DECAY
    if condition is not None:
        head = (count + 1) // 2
        ends = torch.stack([sigma[head - 1], torch.tensor(_SIGMA_1 / condition, dtype=torch.float64)]).log()
        steps = torch.linspace(0, 1, count - head + 1, dtype=torch.float64)[1:]
        sigma[head:] = torch.lerp(ends[0], ends[1], steps).exp()
    return sigma


def image_like(shape: tuple[int, ...], *, seed: int, condition: float | None = None) -> Tensor:
    """Return matrices with this spectrum and random singular vectors, float64, on the CPU.

    Args:
        shape: (..., m, n).
    """
    *batch, m, n = shape
    count = min(m, n)
    generator = torch.Generator().manual_seed(seed)
    U, V = (
        torch.linalg.qr(torch.randn(*batch, side, count, generator=generator, dtype=torch.float64))[0]
        for side in (m, n)
    )
    S: Tensor = (U * image_spectrum(count, condition=condition)) @ V.mT
    return S


def definition(S: Tensor, h: Function) -> tuple[Tensor, Tensor]:
    """Return R = sum h(sigma / scale) and U diag(h'(sigma / scale) / scale) V^T, by a float64 SVD.

    Args:
        S: Shape (..., m, n). The scale is the default of `edlrr_cli.lrr.regularizer.lowrank_penalty`.
    """
    U, sigma, Vh = torch.linalg.svd(S.detach().double(), full_matrices=False)
    scale = resolve_scale(h, sigma[..., 0], None).unsqueeze(-1)
    slope = h.derivative(sigma / scale) / scale
    return h.value(sigma / scale).sum(-1), (U * slope.unsqueeze(-2)) @ Vh


def svdvals_penalty(S: Tensor, h: Function) -> Tensor:
    """Return R(S) in plain torch: h of `torch.linalg.svdvals`, differentiated by autograd.

    Args:
        S: Shape (..., m, n).
    """
    sigma = torch.linalg.svdvals(S)
    resolved = resolve_scale(h, sigma[..., 0].detach(), None)
    return h.value(sigma / resolved.unsqueeze(-1)).sum(-1)


def value_and_gradient(value: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values and the gradient of their sum with respect to S."""
    (gradient,) = torch.autograd.grad(value.sum(), S)
    return value.detach(), gradient


def relative_error(got: Tensor, expected: Tensor) -> float:
    """Return ||got - expected|| / ||expected||, the norm over all entries, in float64.

    Example:
        >>> relative_error(torch.tensor([3.0, 4.5]), torch.tensor([3.0, 4.0]))
        0.1
    """
    difference = got.detach().double() - expected.double()
    return float(difference.norm() / expected.double().norm())
