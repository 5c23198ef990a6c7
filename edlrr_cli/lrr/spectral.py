"""R(S) = sum_i h(sigma_i / scale) and its gradient, by three exact routes with one interface.

With S = U diag(sigma) V^T, Q = (S S^T)^(1/2) and W the polar factor, S = Q W:

    dR/dS = U diag(h'(sigma / scale) / scale) V^T = h'(Q / scale) W / scale = M S,
    M = h'(Q / scale) Q^(-1) / scale.

`Factored` factors S once; then any number of functions can be evaluated. Its route gets S scaled to entries
of moderate size, so that neither squares nor gradients under- or overflow.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.linear_algebra import largest_eigenvalue, positive, shaped_like, wide_of
from edlrr_cli.lrr.names import BACKENDS, nearest
from edlrr_cli.lrr.pieces import Pieces
from edlrr_cli.lrr.pinv import require_finite, require_matrix, require_shape
from edlrr_cli.lrr.routes import GramRoute, PolarRoute, Route, SmoothedRoute, SvdRoute
from edlrr_cli.lrr.series import Function

#: A scale of the singular values: a number, one per matrix, a function of sigma_1, or None for the default.
Scale = float | Tensor | Callable[[Tensor], Tensor] | None

# If the largest entry is within these bounds, squares and their inverses are in the range of float32.
_MODERATE = (1e-15, 1e15)


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
        wide = wide_of(matrices)
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
        return value.reshape(self._batch), shaped_like(gradient, self._S).reshape(self._S.shape)

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
    return torch.where(moderate, 1.0, torch.exp2(torch.log2(positive(largest)).ceil())), False


_ROUTES: dict[str, type[Route]] = {
    "svd": SvdRoute,
    "gram": GramRoute,
    "polar": PolarRoute,
    "smoothed": SmoothedRoute,
}
# With this smoothing, weights from a Gram matrix in float32 are accurate to half a percent; their error grows
# with its inverse cube.
_RESOLVED = 5e-3


def factor(S: Tensor, h: Function, backend: str = "auto", *, smoothing: float = 0.0) -> Factored:
    """Factor a batch of matrices by the requested route, or by the fastest exact one.

    ``auto`` takes matrix products on a GPU if h is smooth, the SVD for float64 on a CPU, where only it is
    accurate to rounding, and the float64 Gram matrix otherwise.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified, not differentiated.
        h: The function to be evaluated, which determines whether matrix products are suitable.
        backend: One of `edlrr_cli.lrr.names.BACKENDS`.
        smoothing: Least smoothing of what is evaluated. With ``auto``, singular values below this fraction of
            sigma_1 need not be resolved; then only `Factored.weigh` is accurate.

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
        is_resolved = smoothing >= _RESOLVED and S.dtype == torch.float32 and not S.is_cuda
        backend = "smoothed" if is_resolved else _fastest(S, h)
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
        scale = scale(positive(sigma_max))
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
    wide = wide_of(S.detach().double())
    return largest_eigenvalue(wide @ wide.mT).clamp_min(0).sqrt()


def _fastest(S: Tensor, h: Function) -> str:
    if S.is_cuda and h.smooth:
        return "polar"
    return "svd" if S.dtype == torch.float64 and not S.is_cuda else "gram"
