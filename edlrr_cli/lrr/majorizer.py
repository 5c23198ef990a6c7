"""Quadratic majorizer of the penalty, whose gradient is valid for many optimizer steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.pinv import require_shape
from edlrr_cli.lrr.precision import at_least_float32, without_autocast
from edlrr_cli.lrr.series import Function
from edlrr_cli.lrr.spectral import Scale, factor, resolve_scale


class Filter(Protocol):
    """A filter of the columns of a matrix, whose square may be cheaper than a product with a matrix."""

    @property
    def matrix(self) -> Tensor:
        """The filter as a matrix A, shape (n, n)."""

    def square(self, X: Tensor) -> Tensor:
        """Return A^T A X, shape (..., n, k) like X."""


@dataclass(frozen=True)
class _MatrixFilter:
    matrix: Tensor

    def square(self, X: Tensor) -> Tensor:
        return self.matrix.mT @ (self.matrix @ X)


class Majorizer:
    """The quadratic majorizer of X -> R(A X B) at X_0 (iteratively reweighted least squares).

        q(X) = R(S_0) + tr M (S S^T - S_0 S_0^T) / 2,   S = A X B,   M = h'(Q_0) Q_0^(-1),
        dq/dX = (A^T M A) X (B B^T).

    Every h of this package is concave and non-decreasing, so h(sqrt(a)) is concave in a, and q >= R
    everywhere with q(S_0) = R(S_0) (for a truncated series, up to its error). A step that lowers q lowers R,
    and M need not be recomputed until S has moved far. Value and gradient take one product, and that with the
    square of a filter; the backward pass takes none.

    sigma is replaced by sqrt(sigma^2 + smoothing^2 sigma_1^2), since M is unbounded where sigma vanishes.

    Args:
        X: X_0, shape (..., m, n), float32 or float64, or 16 bits, which become float32. Not modified.
        h: The function; see `edlrr_cli.lrr.series.make_function`.
        scale: Scale of the singular values, as in `lowrank_penalty`.
        smoothing: Smoothing relative to sigma_1, more than 0.
        backend: One of `edlrr_cli.lrr.names.BACKENDS`.
        left: A, shape (m, m), or a filter of the columns of X; None for the identity.
        right: B, shape (n, n), or a filter of the rows of X, which is B^T; None for the identity.

    Attributes:
        scale: The resolved scale, shape (...).
        value: R(S_0) of the smoothed spectrum, shape (...).

    Raises:
        UsageError: smoothing is not positive; otherwise as `edlrr_cli.lrr.spectral.factor`.
        NumericsError: As `edlrr_cli.lrr.spectral.resolve_scale`.

    Source:
        Mohan and Fazel, "Iterative reweighted algorithms for matrix rank minimization" (2012), for
        Schatten-p; the argument holds for any concave h.

    Example:
        >>> import torch
        >>> from edlrr_cli.lrr.series import make_function
        >>> S = torch.diag(torch.tensor([3.0, 4.0]))
        >>> q = Majorizer(S, make_function("nuclear"), smoothing=1e-6)
        >>> q(S), q(2 * S)  # R = 7, and 7 + 3 * 7 / 2 >= 14
        (tensor(7.), tensor(17.5000))
    """

    def __init__(
        self,
        X: Tensor,
        h: Function,
        *,
        scale: Scale = None,
        smoothing: float = 1e-2,
        backend: str = "auto",
        left: Tensor | Filter | None = None,
        right: Tensor | Filter | None = None,
    ) -> None:
        if not smoothing > 0:
            raise UsageError(f"smoothing must be positive, got {smoothing}")
        start = at_least_float32(X.detach())
        require_shape(start, name="X")
        left = _MatrixFilter(left) if isinstance(left, Tensor) else left
        right = _MatrixFilter(right.mT) if isinstance(right, Tensor) else right
        with without_autocast(start):
            self._fit(start, h, scale, smoothing, backend, left, right)
            self._offset = self.value.to(start.dtype) - (start * self._pull(start)).sum((-2, -1)) / 2

    def _fit(
        self,
        start: Tensor,
        h: Function,
        scale: Scale,
        smoothing: float,
        backend: str,
        left: Filter | None,
        right: Filter | None,
    ) -> None:
        S = start if left is None else left.matrix @ start
        route = factor(S if right is None else S @ right.matrix.mT, h, backend, smoothing=smoothing)
        self.scale = resolve_scale(h, route.sigma_max, scale)
        self.value, M = route.weigh(h, self.scale, smoothing)
        self._is_on_rows = start.shape[-2] <= start.shape[-1]
        inner, self._outer = (left, right) if self._is_on_rows else (right, left)
        M = M.to(start.dtype)
        self._M = M if inner is None else inner.matrix.mT @ M @ inner.matrix

    def __call__(self, X: Tensor) -> Tensor:
        """Return q(X), shape (...), differentiable in X; X has the shape of X_0."""
        X = at_least_float32(X)
        current = X.detach()
        with without_autocast(current):
            pull = self._pull(current)
        return self._offset + (X * pull).sum((-2, -1)) - (current * pull).sum((-2, -1)) / 2

    def _pull(self, X: Tensor) -> Tensor:
        if self._is_on_rows:
            product = self._M @ X
            return product if self._outer is None else self._outer.square(product.mT).mT
        product = X @ self._M
        return product if self._outer is None else self._outer.square(product)
