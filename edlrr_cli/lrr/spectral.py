"""R(S) = sum_i h(sigma_i / scale) with its gradient, by three exact routes that share one interface.

With S = U diag(sigma) V^T, Q = (S S^T)^(1/2) and W the polar factor, S = Q W:

    dR/dS = U diag(h'(sigma / scale) / scale) V^T = h'(Q / scale) W / scale = M S,
    M = h'(Q / scale) Q^(-1) / scale.

`Factored` factors S once; afterwards any number of functions may be evaluated. Its routes see S scaled to
entries of moderate size, so that neither squares nor gradients of a faint matrix under- or overflow. The
Gram and the polar route work on the smaller side and in float64 (the Gram matrix squares the condition
number: in float32 it would lose every sigma below 3e-4 sigma_1), the SVD in the dtype of S.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.chebyshev import chebyshev_of_matrix, fit
from edlrr_cli.lrr.names import BACKENDS, nearest
from edlrr_cli.lrr.penalties import Penalty
from edlrr_cli.lrr.pinv import require_finite, require_matrix, require_shape
from edlrr_cli.lrr.polar import polar_newton_schulz
from edlrr_cli.lrr.series import Series
from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz
from edlrr_cli.parallel import num_workers, run_single_threaded

R = TypeVar("R")

Function = Penalty | Series
#: A unit of the singular values: a number, one per matrix, a function of sigma_1, or None for the default.
Scale = float | Tensor | Callable[[Tensor], Tensor] | None

_EPS = torch.finfo(torch.float64).eps
# Relative to sigma_1: float32 products with weights up to its inverse err by 1e-4 at most.
_SMALL = 1e-3
# Entries whose largest is within these bounds have squares, and their inverses, in the range of float32.
_MODERATE = (1e-15, 1e15)
# Relative to singular values: those nearer to each other are taken for repeated.
_NEAR = 1e-5
# Up to this smaller side LAPACK gains nothing from a second thread (two cores, MKL); see docs/decisions.md.
_SMALL_SIDE = 400


class Route(Protocol):
    """A factored batch of matrices.

    Attributes:
        sigma_max: Largest singular value, shape (b,), in the dtype the route works in, as all below.
        uses_lapack: Whether the route calls LAPACK, whose threads wait for each other all the time.
    """

    sigma_max: Tensor
    uses_lapack: ClassVar[bool]

    def __init__(self, S: Tensor) -> None:
        """Factor S, shape (b, m, n)."""

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return R, shape (b,), and scale times dR/dS, as S; the gradient is 0 in the null space of S."""

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Return R, shape (b,), and scale times M, shape (b, k, k), k = min(m, n).

        Taken at sqrt(sigma^2 + smoothing^2 sigma_1^2) in place of sigma, so that M stays bounded.
        """


class Factored:
    """A batch of matrices, factored by a route; on a CPU spread over the cores, one thread for each.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified, not differentiated.
        route: How.

    Attributes:
        sigma_max: Largest singular value, shape (...), float64.

    Raises:
        NumericsError: S is not finite.
    """

    def __init__(self, S: Tensor, route: type[Route]) -> None:
        self._batch = S.shape[:-2]
        matrices = S.detach().reshape(-1, *S.shape[-2:])
        num_parts = _num_parts(matrices) if route.uses_lapack else 0
        self._is_spread = num_parts > 0
        self._parts = self._run([partial(_Part, part, route) for part in _split(matrices, num_parts)])
        self.sigma_max = torch.cat([part.sigma_max for part in self._parts]).reshape(self._batch)

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return R, shape (...), and dR/dS, in shape and dtype of S.

        The gradient is 0 in the null space of S, and where it exceeds the range of the dtype.

        Args:
            h: The function.
            scale: Unit of the singular values, shape (...), float64.
        """
        units = _split(scale.reshape(-1), len(self._parts))
        calls = [partial(part.evaluate, h, unit) for part, unit in zip(self._parts, units, strict=True)]
        return self._joined(calls)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Return R, shape (...), and M, shape (..., k, k), k = min(m, n), of `Route.weigh`."""
        units = _split(scale.reshape(-1), len(self._parts))
        calls = [
            partial(part.weigh, h, unit, smoothing) for part, unit in zip(self._parts, units, strict=True)
        ]
        return self._joined(calls)

    def _joined(self, calls: Sequence[Callable[[], tuple[Tensor, Tensor]]]) -> tuple[Tensor, Tensor]:
        values, matrices = zip(*self._run(calls), strict=True)
        matrix = self._run([partial(torch.cat, matrices)])[0] if len(matrices) > 1 else matrices[0]
        return torch.cat(values).reshape(self._batch), matrix.reshape(*self._batch, *matrix.shape[-2:])

    def _run(self, calls: Sequence[Callable[[], R]]) -> list[R]:
        return run_single_threaded(calls) if self._is_spread else [call() for call in calls]


class _Part:
    """Some matrices of a batch, factored in units in which their entries are of moderate size.

    Args:
        S: Shape (b, m, n).
        route: How.
    """

    def __init__(self, S: Tensor, route: type[Route]) -> None:
        require_finite(S)
        largest = S.abs().amax((-2, -1)).double()
        moderate = ((largest > _MODERATE[0]) & (largest < _MODERATE[1])) | (largest == 0)
        self._unit = torch.where(moderate, 1.0, torch.exp2(torch.log2(_positive(largest)).ceil()))
        scaled = S if bool(moderate.all()) else (S.double() / self._unit[:, None, None]).to(S.dtype)
        self._route = route(scaled)
        self.sigma_max = self._route.sigma_max.double() * self._unit

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return R and dR/dS, finite."""
        value, gradient = self._route.evaluate(h, scale / self._unit)
        gradient = _over(gradient, scale)
        return value, torch.where(torch.isfinite(gradient), gradient, 0.0)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Return R and M."""
        value, M = self._route.weigh(h, scale / self._unit, smoothing)
        return value, _over(M, scale * self._unit)


def _num_parts(S: Tensor) -> int:
    """Return in how many parts a batch is factored, each in a thread of its own; 0 for all in this one."""
    workers = num_workers()
    few_large = min(S.shape[-2:]) > _SMALL_SIDE and S.shape[0] < workers
    return 0 if S.device.type != "cpu" or few_large else min(S.shape[0], workers)


def _split(x: Tensor, num_parts: int) -> Sequence[Tensor]:
    return x.tensor_split(max(num_parts, 1))


def _over(matrix: Tensor, scale: Tensor) -> Tensor:
    """Divide each matrix by its scale, which the dtype of the matrix need not hold."""
    return (matrix / scale[..., None, None]).to(matrix.dtype)


class SvdRoute:
    """Singular value decomposition (LAPACK, cuSOLVER): the definition.

    In float32 the direction of sigma is accurate to about eps sigma_1 / sigma only.
    """

    uses_lapack: ClassVar[bool] = True

    def __init__(self, S: Tensor) -> None:
        self._S = S
        self._U, self._sigma, self._Vh = torch.linalg.svd(_wide(S), full_matrices=False)
        self.sigma_max = self._sigma[..., 0]

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Follow the definition."""
        slope = _slope(h, self._sigma, scale, cutoff=self._Vh.shape[-1] * torch.finfo(self._S.dtype).eps)
        gradient = (self._U * slope.unsqueeze(-2).to(self._U.dtype)) @ self._Vh
        return _sum_h(h, self._sigma, scale), _like(gradient, self._S)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Reuse the left singular vectors."""
        return _weights(h, self._U, self._sigma, scale, smoothing)


class GramRoute:
    """Eigendecomposition of the smaller Gram matrix in float64: the fastest on a CPU.

    Accurate to about eps (sigma_1 / sigma)^2 in the direction of sigma, so for a float32 S, whose own
    rounding is larger, it is exact; a float64 S with small singular values wants `SvdRoute`.
    """

    uses_lapack: ClassVar[bool] = True

    def __init__(self, S: Tensor) -> None:
        self._S = S
        self._wide = _wide(S)
        self._precise = self._wide.double()
        eigenvalues, self._U = torch.linalg.eigh(self._precise @ self._precise.mT)
        self._sigma = eigenvalues.clamp_min(0).sqrt()
        self.sigma_max = self._sigma[..., -1]

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Apply M, of the large singular values in the dtype of S, of the small ones in float64."""
        slope = _slope(h, self._sigma, scale, cutoff=math.sqrt(self._U.shape[-1] * _EPS))
        weight = (slope / _positive(self._sigma)).unsqueeze(-2)
        small = self._num_small()
        dtype = self._S.dtype
        U, U_small = self._U[..., small:].to(dtype), self._U[..., :small]
        gradient = (U * weight[..., small:].to(dtype)) @ U.mT @ self._wide
        if small:
            rows = (U_small * weight[..., :small]).mT @ self._precise
            gradient += U_small.to(dtype) @ rows.to(dtype)
        return _sum_h(h, self._sigma, scale), _like(gradient, self._S)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Reuse the left singular vectors."""
        return _weights(h, self._U, self._sigma, scale, smoothing)

    def _num_small(self) -> int:
        """Count the singular values whose weight, 1 / sigma, would magnify the rounding of float32."""
        if self._S.dtype == torch.float64:
            return 0
        return int((self._sigma < _SMALL * self.sigma_max.unsqueeze(-1)).sum(-1).max())


class PolarRoute:
    """Matrix products alone (Newton-Schulz, Chebyshev): no factorisation, made for GPUs.

    Singular values below 1e-7 sigma_1 get a share of their gradient.
    """

    uses_lapack: ClassVar[bool] = False

    def __init__(self, S: Tensor) -> None:
        self._S = S
        self._wide = _wide(S.double())
        self._W = polar_newton_schulz(self._wide).value
        Q = self._W @ self._wide.mT
        self._Q = (Q + Q.mT) / 2
        self.sigma_max = _largest_eigenvalue(self._Q)

    def evaluate(self, h: Function, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Take h and h' of Q as Chebyshev polynomials."""
        value, slope = _of_matrix(h, self._Q, scale, self.sigma_max)
        return value, _like(slope @ self._W, self._S)

    def weigh(self, h: Function, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Take (Q^2 + ridge I)^(1/2) and its inverse from one coupled iteration (Proposition 2)."""
        ridge = (smoothing * self.sigma_max)[..., None, None] ** 2
        eye = torch.eye(self._Q.shape[-1], dtype=self._Q.dtype, device=self._Q.device)
        root = sqrtm_newton_schulz(self._Q @ self._Q + ridge * eye)
        largest = self.sigma_max * math.hypot(1.0, smoothing)
        trace, slope = _of_matrix(h, root.value, scale, largest)
        M = slope @ root.inverse_root
        return trace, (M + M.mT) / 2


_ROUTES: dict[str, type[Route]] = {
    "svd": SvdRoute,
    "gram": GramRoute,
    "polar": PolarRoute,
}


def factor(S: Tensor, h: Function, backend: str = "auto") -> Factored:
    """Factor a batch of matrices by the route asked for, or by the fastest exact one.

    ``auto`` takes matrix products on a GPU where h is smooth, the decomposition itself for
    float64 on a CPU, where only it is accurate to rounding, and the float64 Gram matrix otherwise.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified, not differentiated.
        h: The function to come; decides whether matrix products can serve it.
        backend: One of `edlrr_cli.lrr.names.BACKENDS`.

    Raises:
        UsageError: Unknown backend, or ``polar`` with an h that is not smooth.
        NumericsError: S is not finite.
    """
    require_shape(S)
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}", nearest(backend, BACKENDS))
    if backend == "polar" and not h.smooth:
        raise UsageError(f"backend 'polar' needs a smooth penalty, got {h}", "take backend 'gram' or 'svd'")
    if backend == "auto":
        backend = _fastest(S, h)
    return Factored(S, _ROUTES[backend])


def resolve_scale(h: Function, sigma_max: Tensor, scale: Scale) -> Tensor:
    """Return the unit of the singular values, one per matrix, and refuse one that h cannot bear.

    Args:
        h: The function; its ``x_fit`` and ``x_max`` decide.
        sigma_max: Largest singular values, shape (...).
        scale: The unit asked for, or a function from sigma_1, shape (...), to it; None: sigma_1 / x_fit, or
            1 where h has no bend.

    Raises:
        UsageError: scale is not positive.
        NumericsError: sigma_1 / scale lies beyond the range of the series.
    """
    if scale is None:
        fitted = sigma_max / h.x_fit if h.x_fit is not None else torch.ones_like(sigma_max)
        return torch.where(sigma_max > 0, fitted, 1.0)
    if callable(scale):
        scale = scale(_positive(sigma_max))
    unit = torch.as_tensor(scale, dtype=sigma_max.dtype, device=sigma_max.device).expand_as(sigma_max)
    if not bool((unit > 0).all()):
        raise UsageError(f"scale must be positive, got {scale}", "leave it out to take it from the spectrum")
    largest = float((sigma_max / unit).max())
    if largest > h.x_max * (1 + 1e-6):
        raise NumericsError(
            f"the series is accurate for sigma / scale up to {h.x_max:.3g}, got {largest:.3g}",
            f"take a scale of {float(sigma_max.max()) / h.x_max:.3g} or more, or the exact- form",
        )
    return unit


def largest_singular_value(S: Tensor) -> Tensor:
    """Return sigma_1 by matrix products alone, shape (...), float64; not differentiated.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.

    Example:
        >>> largest_singular_value(torch.tensor([[0.0, 2.0], [-5.0, 0.0]]))
        tensor(5., dtype=torch.float64)
    """
    require_matrix(S)
    wide = _wide(S.detach().double())
    return _largest_eigenvalue(wide @ wide.mT).clamp_min(0).sqrt()


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
        scale: Unit of the singular values, shape (...), float64.

    Returns:
        Shape and dtype of S; finite, though R has no second derivative where a singular value is 0: there f
        is taken for 0, as in the gradient.

    Source:
        Lewis and Sendov, "Nonsmooth analysis of singular values" (2005), section 7, for a diagonal S.
    """
    wide, direction = _wide(S.detach().double()), _wide(D.detach().double())
    largest = _positive(wide.abs().amax((-2, -1)))
    U, sigma, Vh = torch.linalg.svd(wide / largest[..., None, None], full_matrices=False)
    unit = scale / largest
    cutoff = wide.shape[-1] * _EPS
    f = _slope(h, sigma, unit, cutoff)
    over_sigma = torch.where(_is_present(sigma, cutoff), f / _positive(sigma), 0.0)
    rows = U.mT @ direction
    P = rows @ Vh.mT
    F, G = _divided_differences(h, sigma, unit, cutoff)
    core = F * (P + P.mT) / 2 + G * (P - P.mT) / 2
    derivative = U @ (core @ Vh + over_sigma.unsqueeze(-1) * (rows - P @ Vh))
    return _like(_over(derivative, scale * largest), S)


def _divided_differences(h: Function, sigma: Tensor, scale: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Return F and G of `second_derivative` for f = h'(sigma / scale), 0 for what is 0 to rounding."""
    f, present = _slope(h, sigma, scale, cutoff), _is_present(sigma, cutoff)
    middle = (sigma.unsqueeze(-1) + sigma.unsqueeze(-2)) / 2
    G = (f.unsqueeze(-1) + f.unsqueeze(-2)) / _positive(2 * middle)
    half = (sigma.unsqueeze(-1) - sigma.unsqueeze(-2)).abs() / 2
    half = torch.maximum(half, _NEAR * middle)  # nearly repeated: a central difference instead of 0 / 0
    upper, lower = (h.derivative(_positive(middle + end) / scale[..., None, None]) for end in (half, -half))
    F = (upper - lower) / _positive(2 * half)
    both = present.unsqueeze(-1) & present.unsqueeze(-2)
    return torch.where(both, F, G), G  # of a pair with one that is 0, F is G


def _fastest(S: Tensor, h: Function) -> str:
    if S.is_cuda and h.smooth:
        return "polar"
    return "svd" if S.dtype == torch.float64 and not S.is_cuda else "gram"


def _wide(S: Tensor) -> Tensor:
    """Lay the matrix on its longer side: m <= n."""
    return S if S.shape[-2] <= S.shape[-1] else S.mT


def _like(gradient: Tensor, S: Tensor) -> Tensor:
    """Undo `_wide`, and return to the dtype of S."""
    return (gradient if S.shape[-2] <= S.shape[-1] else gradient.mT).to(S.dtype)


def _positive(x: Tensor) -> Tensor:
    """Replace zeros by ones: a denominator for which 0 / 0 is 0."""
    return torch.where(x > 0, x, 1.0)


def _sum_h(h: Function, sigma: Tensor, scale: Tensor) -> Tensor:
    return h.value(sigma / scale.unsqueeze(-1)).sum(-1)


def _slope(h: Function, sigma: Tensor, scale: Tensor, cutoff: float) -> Tensor:
    """Return h'(sigma / scale), and 0 for what is 0 to rounding: the least subgradient there."""
    unit, present = scale.unsqueeze(-1), _is_present(sigma, cutoff)
    return torch.where(present, h.derivative(torch.where(present, sigma, 1.0) / unit), 0.0)


def _is_present(sigma: Tensor, cutoff: float) -> Tensor:
    """Whether a singular value is more than 0 to rounding."""
    return sigma > cutoff * sigma.amax(-1, keepdim=True)


def _weights(h: Function, U: Tensor, sigma: Tensor, scale: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    ridge = smoothing * sigma.amax(-1, keepdim=True)
    smoothed = _positive((sigma**2 + ridge**2).sqrt())
    unit = scale.unsqueeze(-1)
    weight = (h.derivative(smoothed / unit) / smoothed).to(U.dtype)
    return h.value(smoothed / unit).sum(-1), (U * weight.unsqueeze(-2)) @ U.mT


def _of_matrix(h: Function, Q: Tensor, scale: Tensor, sigma_max: Tensor) -> tuple[Tensor, Tensor]:
    """Return tr h(Q / scale) and h'(Q / scale) by one polynomial for the whole batch."""
    unit = scale[..., None, None]
    x_max = float((sigma_max / scale).max()) * (1 + 1e-3)
    if x_max == 0:
        return torch.zeros_like(sigma_max), torch.zeros_like(Q)
    if x_max > h.x_max * 1.01:
        x_max = h.x_max
    value, slope = fit(h.value, x_max), fit(h.derivative, x_max)
    return chebyshev_of_matrix(Q / unit, value, slope)


def _largest_eigenvalue(Q: Tensor) -> Tensor:
    """Return the largest eigenvalue of a symmetric positive matrix, by repeated squaring.

    The Rayleigh quotient of the largest column of Q^128: relative error (lambda_2 / lambda_1)^256.
    """
    P = Q
    for _ in range(7):
        P = P / _positive(torch.linalg.matrix_norm(P))[..., None, None]
        P = P @ P
    column = P.norm(dim=-2).argmax(-1)[..., None, None].expand(*P.shape[:-1], 1)
    v = P.gather(-1, column)
    return (v.mT @ (Q @ v)).squeeze((-2, -1)) / _positive((v.mT @ v).squeeze((-2, -1)))
