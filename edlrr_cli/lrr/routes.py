"""Exact routes to R(S) and its gradient, with one interface.

The Gram and the polar route work on the smaller side in float64 (the Gram matrix squares the condition
number: in float32 it would lose every sigma below 3e-4 sigma_1), the SVD in the dtype of S. S has entries of
moderate size, as `edlrr_cli.lrr.spectral.Factored` scales them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from edlrr_cli.lrr.linear_algebra import eigenvectors, largest_eigenvalue, positive
from edlrr_cli.lrr.matrix_function import matrix_function
from edlrr_cli.lrr.pieces import Pieces
from edlrr_cli.lrr.polar import polar_newton_schulz
from edlrr_cli.lrr.series import Function
from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz
from edlrr_cli.lrr.subgradient import subgradient

_EPS = torch.finfo(torch.float64).eps
# Threshold of small singular values relative to sigma_1; above it float32 products are accurate to 1e-4.
_SMALL = 1e-3


class Route(Protocol):
    """A factored batch of matrices, shape (b, m, n).

    Attributes:
        sigma_max: Largest singular value, shape (b,), in the working dtype of the route, as all below.
    """

    sigma_max: Tensor

    def __init__(self, S: Tensor, pieces: Pieces) -> None:
        """Factor S, shape (b, k, n), k <= n."""

    def evaluate(self, h: Function, scale: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Return R, shape (b,), and scale times dR/dS times a factor, (b,), shape and dtype of S.

        The gradient is 0 in the null space of S.
        """

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Return R, shape (b,), and scale times M, shape (b, k, k).

        Evaluated at sqrt(sigma^2 + smoothing^2 sigma_1^2) instead of sigma, so that M is bounded.
        """


class SvdRoute:
    """Singular value decomposition (LAPACK, cuSOLVER): the definition.

    In float32 the direction of sigma is accurate to about eps sigma_1 / sigma only.
    """

    def __init__(self, S: Tensor, pieces: Pieces) -> None:
        self._pieces = pieces
        factors = pieces.of_groups(lambda group: torch.linalg.svd(S[group], full_matrices=False))
        self._U, self._sigma, self._Vh = (_joined(parts) for parts in zip(*factors, strict=True))
        self.sigma_max = self._sigma[:, 0]

    def evaluate(self, h: Function, scale: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate the definition."""
        slope = subgradient(
            h, self._sigma, scale, cutoff=self._Vh.shape[-1] * torch.finfo(self._Vh.dtype).eps
        )
        scaled_U = self._U * (factor[:, None] * slope).unsqueeze(-2).to(self._U.dtype)
        gradient = torch.empty_like(self._Vh)

        def multiply(group: slice, columns: slice) -> None:
            gradient[group, :, columns] = scaled_U[group] @ self._Vh[group, :, columns]

        self._pieces.of_blocks(multiply)
        return _sum_h(h, self._sigma, scale), gradient

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Reuse the left singular vectors."""
        return _weights(h, self._U, self._sigma, scale, smoothing, self._pieces)


class GramRoute:
    """Eigendecomposition of the smaller Gram matrix in float64: the fastest on a CPU.

    Accurate to about eps (sigma_1 / sigma)^2 in the direction of sigma: exact for a float32 S, whose own
    rounding is larger; a float64 S with small singular values needs `SvdRoute`.
    """

    def __init__(self, S: Tensor, pieces: Pieces) -> None:
        self._S, self._pieces = S, pieces
        grams = pieces.of_blocks(lambda group, columns: _gram(S[group, :, columns]))
        whole = _joined([_total(blocks) for blocks in grams])
        factors = pieces.of_groups(lambda group: torch.linalg.eigh(whole[group]))
        eigenvalues, self._U = (_joined(parts) for parts in zip(*factors, strict=True))
        self._sigma = eigenvalues.clamp_min(0).sqrt()
        self.sigma_max = self._sigma[:, -1]

    def evaluate(self, h: Function, scale: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Apply M, in the dtype of S for large singular values and in float64 for small ones."""
        slope = subgradient(h, self._sigma, scale, cutoff=math.sqrt(self._U.shape[-1] * _EPS))
        weight = (factor[:, None] * slope / positive(self._sigma)).unsqueeze(-2)
        small = self._num_small()
        S, dtype = self._S, self._S.dtype
        U, U_small = self._U[..., small:].to(dtype), self._U[..., :small]
        weight_of_rest = weight[..., small:].to(dtype)
        M = _joined(self._pieces.of_groups(lambda group: (U[group] * weight_of_rest[group]) @ U[group].mT))
        gradient = torch.empty_like(S)

        def multiply(group: slice, columns: slice) -> None:
            block = S[group, :, columns]
            product = M[group] @ block
            if small:
                rows = (U_small[group] * weight[group, :, :small]).mT @ block.double()
                product += U_small[group].to(dtype) @ rows.to(dtype)
            gradient[group, :, columns] = product

        self._pieces.of_blocks(multiply)
        return _sum_h(h, self._sigma, scale), gradient

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Reuse the left singular vectors."""
        return _weights(h, self._U, self._sigma, scale, smoothing, self._pieces)

    def _num_small(self) -> int:
        """Return the number of singular values whose weight, 1 / sigma, would amplify float32 rounding."""
        if self._S.dtype == torch.float64:
            return 0
        return int((self._sigma < _SMALL * self.sigma_max.unsqueeze(-1)).sum(-1).max())


class SmoothedRoute(GramRoute):
    """Eigenvectors of the smaller Gram matrix in the dtype of S: for weights of a smoothed spectrum.

    Singular values, the lengths of the rows of U^T S, are accurate to rounding of sigma_1.
    """

    def __init__(self, S: Tensor, pieces: Pieces) -> None:
        def factors(group: slice) -> tuple[Tensor, Tensor]:
            U = eigenvectors(S[group] @ S[group].mT)
            return U, (U.mT @ S[group]).norm(dim=-1).double()

        self._S, self._pieces = S, pieces
        self._U, self._sigma = (_joined(parts) for parts in zip(*pieces.of_groups(factors), strict=True))
        self.sigma_max = self._sigma.amax(-1)


class PolarRoute:
    """Matrix products only (Newton-Schulz, Chebyshev): no factorization, suited to GPUs.

    Singular values below 1e-7 sigma_1 get a fraction of their gradient.
    """

    def __init__(self, S: Tensor, pieces: Pieces) -> None:
        self._S, precise = S, S.double()
        self._W = polar_newton_schulz(precise).value
        Q = self._W @ precise.mT
        self._Q = (Q + Q.mT) / 2
        self.sigma_max = largest_eigenvalue(self._Q)

    def evaluate(self, h: Function, scale: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate h and h' of Q as Chebyshev polynomials."""
        value, slope = matrix_function(h, self._Q, scale, self.sigma_max)
        return value, (factor[:, None, None] * (slope @ self._W)).to(self._S.dtype)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Compute (Q^2 + ridge I)^(1/2) and its inverse by one coupled iteration (Proposition 2)."""
        ridge = (smoothing * self.sigma_max)[..., None, None] ** 2
        eye = torch.eye(self._Q.shape[-1], dtype=self._Q.dtype, device=self._Q.device)
        root = sqrtm_newton_schulz(self._Q @ self._Q + ridge * eye)
        largest = self.sigma_max * math.hypot(1.0, smoothing)
        trace, slope = matrix_function(h, root.value, scale, largest)
        M = slope @ root.inverse_root
        return trace, (M + M.mT) / 2


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Return the parts of a batch as one; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _total(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors, added to the first one in place."""
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def _gram(S: Tensor) -> Tensor:
    S = S.double()
    return S @ S.mT


def _sum_h(h: Function, sigma: Tensor, scale: Tensor) -> Tensor:
    return h.value(sigma / scale.unsqueeze(-1)).sum(-1)


def _weights(
    h: Function, U: Tensor, sigma: Tensor, scale: Tensor, smoothing: float, pieces: Pieces
) -> tuple[Tensor, Tensor]:
    ridge = smoothing * sigma.amax(-1, keepdim=True)
    smoothed = positive((sigma**2 + ridge**2).sqrt())
    scale = scale.unsqueeze(-1)
    weight = (h.derivative(smoothed / scale) / smoothed).to(U.dtype).unsqueeze(-2)
    M = pieces.of_groups(lambda group: (U[group] * weight[group]) @ U[group].mT)
    return h.value(smoothed / scale).sum(-1), _joined(M)
