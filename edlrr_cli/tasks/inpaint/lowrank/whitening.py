"""Centering and whitening: the linear map from a channel X to the penalized matrix S = g(X)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Whitening:
    """S = A (X - row means - column means + mean) B, A = (I + strength L)^(1/2), B likewise.

    The means are a component of rank 2 that has most of the energy and should not be penalized: without them
    sigma_1 of a photograph falls from about 150 to about 20. L is the second difference along an axis
    (mirrored at the border), so that A and B amplify the high frequencies, which are weak in natural images:
    errors of all frequencies then have similar cost.

    Args:
        height: Rows of X.
        width: Columns of X.
        center: Whether to subtract the means.
        dtype: Dtype of X.
        device: Device of X.

    Attributes:
        filters: A and B, shapes (h, h) and (w, w), or None twice for the identity.
    """

    def __init__(
        self, height: int, width: int, *, center: bool, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._center = center
        self._modes = [_cosine_modes(n, dtype, device) for n in (height, width)]
        self.filters: tuple[Tensor, Tensor] | tuple[None, None] = (None, None)

    def set_strength(self, strength: float) -> None:
        """Set the strength of the whitening, 0 for none."""
        self.filters = (None, None)
        if strength > 0:
            A, B = ((D.mT * (1 + strength * mu).sqrt()) @ D for D, mu in self._modes)
            self.filters = (A, B)

    def centered(self, X: Tensor) -> Tensor:
        """Return X without its means, or X itself; differentiable."""
        if not self._center:
            return X
        rows, columns = X.mean(-1, keepdim=True), X.mean(-2, keepdim=True)
        return X - rows - columns + rows.mean(-2, keepdim=True)

    def __call__(self, X: Tensor) -> Tensor:
        """Return S, shape (..., h, w) like X; differentiable."""
        S = self.centered(X)
        A, B = self.filters
        return S if A is None or B is None else A @ S @ B


def _cosine_modes(n: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the orthonormal DCT-II matrix, whose rows are the eigenvectors of L, and the eigenvalues."""
    k = torch.arange(n, dtype=torch.float64)
    D = torch.cos(math.pi * k[:, None] * (k + 0.5) / n) * math.sqrt(2 / n)
    D[0] /= math.sqrt(2)
    mu = 2 - 2 * torch.cos(math.pi * k / n)
    return D.to(device, dtype), mu.to(device, dtype)
