"""R(S) = sum_i h(sigma_i / scale) and its gradient, by three exact routes with one interface.

With S = U diag(sigma) V^T, Q = (S S^T)^(1/2) and W the polar factor, S = Q W:

    dR/dS = U diag(h'(sigma / scale) / scale) V^T = h'(Q / scale) W / scale = M S,
    M = h'(Q / scale) Q^(-1) / scale.

`Factored` factors S once; then any number of functions can be evaluated. Its routes get S scaled to entries
of moderate size, so that neither squares nor gradients under- or overflow. The Gram and the polar route work
on the smaller side in float64 (the Gram matrix squares the condition number: in float32 it would lose every
sigma below 3e-4 sigma_1), the SVD in the dtype of S.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.chebyshev import chebyshev_of_matrix, fit
from edlrr_cli.lrr.names import BACKENDS, nearest
from edlrr_cli.lrr.penalties import Penalty
from edlrr_cli.lrr.pieces import Pieces
from edlrr_cli.lrr.pinv import require_finite, require_matrix, require_shape
from edlrr_cli.lrr.polar import polar_newton_schulz
from edlrr_cli.lrr.series import Series
from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz

Function = Penalty | Series
#: A scale of the singular values: a number, one per matrix, a function of sigma_1, or None for the default.
Scale = float | Tensor | Callable[[Tensor], Tensor] | None

_EPS = torch.finfo(torch.float64).eps
# Threshold of small singular values relative to sigma_1; above it float32 products are accurate to 1e-4.
_SMALL = 1e-3
# If the largest entry is within these bounds, squares and their inverses are in the range of float32.
_MODERATE = (1e-15, 1e15)
# Relative distance below which singular values are treated as repeated.
_NEAR = 1e-5


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


class Factored:
    """A batch of matrices, factored by a route after scaling their entries to moderate size.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified, not differentiated.
        route: Route of the factorization.

    Attributes:
        sigma_max: Largest singular value, shape (...), float64.

    Raises:
        NumericsError: S is not finite.
    """

    def __init__(self, S: Tensor, route: type[Route]) -> None:
        self._S, self._batch = S, S.shape[:-2]
        matrices = S.detach().reshape(-1, *S.shape[-2:])
        wide = _wide(matrices)
        self._pieces = Pieces(wide)
        largest = self._pieces.of_groups(lambda group: _largest_entry(matrices[group]))
        self._magnitude, self._is_moderate = _magnitudes(torch.cat(largest))
        scaled = (
            wide if self._is_moderate else (wide.double() / self._magnitude[:, None, None]).to(wide.dtype)
        )
        self._route = route(scaled, self._pieces)
        self.sigma_max = (self._route.sigma_max.double() * self._magnitude).reshape(self._batch)

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return R, shape (...), and dR/dS, shape and dtype of S.

        The gradient is 0 in the null space of S, and where it exceeds the range of the dtype.

        Args:
            h: The function.
            scale: Scale of the singular values, shape (...), float64.
        """
        scale = scale.reshape(-1)
        if self._is_moderate and _magnitudes(scale)[1]:
            value, gradient = self._route.evaluate(h, scale, 1 / scale)
        else:
            value, gradient = self._route.evaluate(h, scale / self._magnitude, torch.ones_like(scale))
            divided = (gradient / scale[:, None, None]).to(gradient.dtype)
            gradient = torch.where(torch.isfinite(divided), divided, 0.0)
        return value.reshape(self._batch), _like(gradient, self._S).reshape(self._S.shape)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Return R, shape (...), and M, shape (..., k, k), k = min(m, n), of `Route.weigh`."""
        scale = scale.reshape(-1)
        value, M = self._route.weigh(h, scale / self._magnitude, smoothing)
        M = M / (scale * self._magnitude)[:, None, None].to(M.dtype)
        return value.reshape(self._batch), M.reshape(*self._batch, *M.shape[1:])


def _largest_entry(S: Tensor) -> Tensor:
    """Return the largest absolute value of each matrix, shape (b,), float64."""
    entries = S.flatten(1)
    largest = torch.maximum(entries.amax(1), -entries.amin(1)).double()  # several times as fast as a norm
    if not bool(torch.isfinite(largest).all()):
        require_finite(S)
    return largest


def _magnitudes(largest: Tensor) -> tuple[Tensor, bool]:
    """Return the powers of 2 by which entries are divided, float64, and whether all are 1."""
    moderate = ((largest > _MODERATE[0]) & (largest < _MODERATE[1])) | (largest == 0)
    if bool(moderate.all()):
        return torch.ones_like(largest), True
    return torch.where(moderate, 1.0, torch.exp2(torch.log2(_positive(largest)).ceil())), False


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
        slope = _slope(h, self._sigma, scale, cutoff=self._Vh.shape[-1] * torch.finfo(self._Vh.dtype).eps)
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
        slope = _slope(h, self._sigma, scale, cutoff=math.sqrt(self._U.shape[-1] * _EPS))
        weight = (factor[:, None] * slope / _positive(self._sigma)).unsqueeze(-2)
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


_ROUTES: dict[str, type[Route]] = {
    "svd": SvdRoute,
    "gram": GramRoute,
    "polar": PolarRoute,
}


def factor(S: Tensor, h: Function, backend: str = "auto") -> Factored:
    """Factor a batch of matrices by the requested route, or by the fastest exact one.

    ``auto`` takes matrix products on a GPU if h is smooth, the SVD for float64 on a CPU, where only it is
    accurate to rounding, and the float64 Gram matrix otherwise.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified, not differentiated.
        h: The function to be evaluated, which determines whether matrix products are suitable.
        backend: One of `edlrr_cli.lrr.names.BACKENDS`.

    Raises:
        UsageError: Unknown backend, or ``polar`` with an h that is not smooth.
        NumericsError: S is not finite.
    """
    require_shape(S)
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}", nearest(backend, BACKENDS))
    if backend == "polar" and not h.smooth:
        raise UsageError(f"backend 'polar' needs a smooth penalty, got {h}", "use backend 'gram' or 'svd'")
    if backend == "auto":
        backend = _fastest(S, h)
    return Factored(S, _ROUTES[backend])


def resolve_scale(h: Function, sigma_max: Tensor, scale: Scale) -> Tensor:
    """Return the scale of the singular values, one per matrix, after checking the range of h.

    Args:
        h: The function with its ``x_fit`` and ``x_max``.
        sigma_max: Largest singular values, shape (...).
        scale: The requested scale, or a function from sigma_1, shape (...), to it; None: sigma_1 / x_fit, or
            1 if h has no bend.

    Raises:
        UsageError: scale is not positive.
        NumericsError: sigma_1 / scale is beyond the range of the series.
    """
    if scale is None:
        fitted = sigma_max / h.x_fit if h.x_fit is not None else torch.ones_like(sigma_max)
        return torch.where(sigma_max > 0, fitted, 1.0)
    if callable(scale):
        scale = scale(_positive(sigma_max))
    resolved = torch.as_tensor(scale, dtype=sigma_max.dtype, device=sigma_max.device).expand_as(sigma_max)
    if not bool((resolved > 0).all()):
        raise UsageError(f"scale must be positive, got {scale}", "omit it to derive it from the spectrum")
    largest = float((sigma_max / resolved).max())
    if largest > h.x_max * (1 + 1e-6):
        raise NumericsError(
            f"the series is accurate for sigma / scale up to {h.x_max:.3g}, got {largest:.3g}",
            f"use a scale of {float(sigma_max.max()) / h.x_max:.3g} or more, or the exact- form",
        )
    return resolved


def largest_singular_value(S: Tensor) -> Tensor:
    """Return sigma_1 by matrix products, shape (...), float64; not differentiated.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.

    Example:
        >>> largest_singular_value(torch.tensor([[0.0, 2.0], [-5.0, 0.0]]))
        tensor(5., dtype=torch.float64)
    """
    require_matrix(S)
    wide = _wide(S.detach().double())
    return largest_eigenvalue(wide @ wide.mT).clamp_min(0).sqrt()


def second_derivative(S: Tensor, D: Tensor, h: Function, scale: Tensor) -> Tensor:
    """Return the derivative of dR/dS in the direction D, for a constant scale.

    With S = U diag(sigma) V^T, m <= n, f = h'(sigma / scale) / scale and P = U^T D V it is

        U (F o (P + P^T) / 2 + G o (P - P^T) / 2) V^T + U diag(f / sigma) (U^T D - P V^T),
        F_ij = (f_i - f_j) / (sigma_i - sigma_j),   G_ij = (f_i + f_j) / (sigma_i + sigma_j),

    and F_ij = f' where singular values repeat. It is symmetric in the direction and the result.

    Args:
        S: Shape (..., m, n), float32 or float64; computed in float64. Not modified.
        D: Shape of S. Not modified.
        h: The function.
        scale: Scale of the singular values, shape (...), float64.

    Returns:
        Shape and dtype of S; finite, although R has no second derivative where a singular value is 0: there f
        is set to 0, as in the gradient.

    Source:
        Lewis and Sendov, "Nonsmooth analysis of singular values" (2005), section 7, for a diagonal S.
    """
    wide, direction = _wide(S.detach().double()), _wide(D.detach().double())
    largest = _positive(wide.abs().amax((-2, -1)))
    U, sigma, Vh = torch.linalg.svd(wide / largest[..., None, None], full_matrices=False)
    relative_scale = scale / largest
    cutoff = wide.shape[-1] * _EPS
    f = _slope(h, sigma, relative_scale, cutoff)
    over_sigma = torch.where(_is_present(sigma, cutoff), f / _positive(sigma), 0.0)
    rows = U.mT @ direction
    P = rows @ Vh.mT
    F, G = _divided_differences(h, sigma, relative_scale, cutoff)
    core = F * (P + P.mT) / 2 + G * (P - P.mT) / 2
    derivative = U @ (core @ Vh + over_sigma.unsqueeze(-1) * (rows - P @ Vh))
    return _like(derivative / (scale * largest)[..., None, None], S)


def _divided_differences(h: Function, sigma: Tensor, scale: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Return F and G of `second_derivative` for f = h'(sigma / scale), 0 where sigma is 0 up to rounding."""
    f, present = _slope(h, sigma, scale, cutoff), _is_present(sigma, cutoff)
    middle = (sigma.unsqueeze(-1) + sigma.unsqueeze(-2)) / 2
    G = (f.unsqueeze(-1) + f.unsqueeze(-2)) / _positive(2 * middle)
    half = (sigma.unsqueeze(-1) - sigma.unsqueeze(-2)).abs() / 2
    half = torch.maximum(half, _NEAR * middle)  # nearly repeated: a central difference instead of 0 / 0
    upper, lower = (h.derivative(_positive(middle + end) / scale[..., None, None]) for end in (half, -half))
    F = (upper - lower) / _positive(2 * half)
    both = present.unsqueeze(-1) & present.unsqueeze(-2)
    return torch.where(both, F, G), G  # F = G for a pair with a singular value of 0


def _fastest(S: Tensor, h: Function) -> str:
    if S.is_cuda and h.smooth:
        return "polar"
    return "svd" if S.dtype == torch.float64 and not S.is_cuda else "gram"


def _wide(S: Tensor) -> Tensor:
    """Transpose a tall matrix, so that m <= n."""
    return S if S.shape[-2] <= S.shape[-1] else S.mT


def _like(gradient: Tensor, S: Tensor) -> Tensor:
    """Invert `_wide`, and convert to the dtype of S."""
    return (gradient if S.shape[-2] <= S.shape[-1] else gradient.mT).to(S.dtype)


def _positive(x: Tensor) -> Tensor:
    """Replace zeros by ones, for denominators such that 0 / 0 is 0."""
    return torch.where(x > 0, x, 1.0)


def _sum_h(h: Function, sigma: Tensor, scale: Tensor) -> Tensor:
    return h.value(sigma / scale.unsqueeze(-1)).sum(-1)


def _slope(h: Function, sigma: Tensor, scale: Tensor, cutoff: float) -> Tensor:
    """Return h'(sigma / scale), or 0, the least subgradient, where sigma is 0 up to rounding."""
    scale, present = scale.unsqueeze(-1), _is_present(sigma, cutoff)
    return torch.where(present, h.derivative(torch.where(present, sigma, 1.0) / scale), 0.0)


def _is_present(sigma: Tensor, cutoff: float) -> Tensor:
    """Whether a singular value is more than rounding errors of 0."""
    return sigma > cutoff * sigma.amax(-1, keepdim=True)


def _weights(
    h: Function, U: Tensor, sigma: Tensor, scale: Tensor, smoothing: float, pieces: Pieces
) -> tuple[Tensor, Tensor]:
    ridge = smoothing * sigma.amax(-1, keepdim=True)
    smoothed = _positive((sigma**2 + ridge**2).sqrt())
    scale = scale.unsqueeze(-1)
    weight = (h.derivative(smoothed / scale) / smoothed).to(U.dtype).unsqueeze(-2)
    M = pieces.of_groups(lambda group: (U[group] * weight[group]) @ U[group].mT)
    return h.value(smoothed / scale).sum(-1), _joined(M)


def matrix_function(h: Function, Q: Tensor, scale: Tensor, sigma_max: Tensor) -> tuple[Tensor, Tensor]:
    """Return tr h(Q / scale) and h'(Q / scale) by one polynomial for the whole batch."""
    x_max = float((sigma_max / scale).max()) * (1 + 1e-3)
    if x_max == 0:
        return torch.zeros_like(sigma_max), torch.zeros_like(Q)
    if x_max > h.x_max * 1.01:
        x_max = h.x_max
    value, slope = fit(h.value, x_max), fit(h.derivative, x_max)
    return chebyshev_of_matrix(Q / scale[..., None, None], value, slope)


def largest_eigenvalue(Q: Tensor) -> Tensor:
    """Return the largest eigenvalue of a symmetric positive matrix, by repeated squaring.

    It is the Rayleigh quotient of the largest column of Q^128, with relative error (lambda_2 / lambda_1)^256.
    """
    P = Q
    for _ in range(7):
        P = P / _positive(torch.linalg.matrix_norm(P))[..., None, None]
        P = P @ P
    column = P.norm(dim=-2).argmax(-1)[..., None, None].expand(*P.shape[:-1], 1)
    v = P.gather(-1, column)
    return (v.mT @ (Q @ v)).squeeze((-2, -1)) / _positive((v.mT @ v).squeeze((-2, -1)))
