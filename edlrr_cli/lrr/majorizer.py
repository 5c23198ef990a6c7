"""A quadratic that lies above the penalty: its gradient stays useful for many optimiser steps."""

from __future__ import annotations

from torch import Tensor

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.spectral import Function, Scale, factor, resolve_scale


class Majorizer:
    """The quadratic majorizer of R at a matrix S_0 (iteratively reweighted least squares).

        q(S) = R(S_0) + tr M (S S^T - S_0 S_0^T) / 2,   M = h'(Q_0) Q_0^(-1),   dq/dS = M S.

    Every h of this package is concave and non-decreasing, so h(sqrt(a)) is concave in a, and q >= R
    everywhere with q(S_0) = R(S_0) (for a truncated series: up to its error). A step that lowers q lowers R,
    and M need not be recomputed until S has moved far. One product
    of min(m, n) m n multiplications gives value and gradient.

    sigma is replaced by sqrt(sigma^2 + smoothing^2 sigma_1^2), since M is unbounded where sigma vanishes.

    Args:
        S: S_0, shape (..., m, n), float32 or float64. Not modified.
        h: The function; see `edlrr_cli.lrr.series.make_function`.
        scale: Unit of the singular values, as in `lowrank_penalty`.
        smoothing: Relative to sigma_1, more than 0.
        backend: One of `edlrr_cli.lrr.names.BACKENDS`.

    Attributes:
        scale: The unit used, shape (...), float64.
        value: R(S_0) of the smoothed spectrum, shape (...), float64.

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
        (tensor(7.0000), tensor(17.5000))
    """

    def __init__(
        self,
        S: Tensor,
        h: Function,
        *,
        scale: Scale = None,
        smoothing: float = 1e-2,
        backend: str = "auto",
    ) -> None:
        if not smoothing > 0:
            raise UsageError(f"smoothing must be positive, got {smoothing}")
        route = factor(S, h, backend)
        self.scale = resolve_scale(h, route.sigma_max, scale)
        self.value, M = route.weigh(h, self.scale, smoothing)
        self._M = M.to(S.dtype)
        self._on_rows = S.shape[-2] <= S.shape[-1]
        start = S.detach()
        self._offset = self.value.to(S.dtype) - (start * self._weighted(start)).sum((-2, -1)) / 2

    def __call__(self, S: Tensor) -> Tensor:
        """Return q(S), shape (...), differentiable in S; S has the shape of S_0."""
        current = S.detach()
        pull = self._weighted(current)
        return self._offset + (S * pull).sum((-2, -1)) - (current * pull).sum((-2, -1)) / 2

    def _weighted(self, S: Tensor) -> Tensor:
        return self._M @ S if self._on_rows else S @ self._M
