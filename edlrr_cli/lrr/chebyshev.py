"""Chebyshev polynomials: of numbers by Clenshaw's recurrence, of matrices by products only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.polynomial.chebyshev import Chebyshev
from torch import Tensor

from edlrr_cli.errors import NumericsError

_MAX_DEGREE = 512


def clenshaw(polynomial: Chebyshev, x: Tensor) -> Tensor:
    """Evaluate a Chebyshev series entrywise.

    Args:
        polynomial: The series, with its domain.
        x: Any shape, float64 for full accuracy. Not modified.

    Returns:
        Same shape, dtype and device as x.

    Example:
        >>> clenshaw(Chebyshev([0, 0, 1]), torch.tensor([0.5]))  # T_2(x) = 2 x^2 - 1
        tensor([-0.5000])
    """
    offset, factor = polynomial.mapparms()
    t: Tensor = float(offset) + float(factor) * x
    double, ahead, behind = 2 * t, torch.zeros_like(t), torch.zeros_like(t)
    constant: float
    constant, *others = polynomial.coef.tolist()  # torch.compile emulates reversed slices of arrays wrongly
    for c in reversed(others):
        ahead, behind = torch.addcmul(torch.rsub(behind, c), double, ahead), ahead
    total: Tensor = constant + t * ahead - behind
    return total


def fit(f: Callable[[Tensor], Tensor], x_max: float, rtol: float = 1e-13) -> Chebyshev:
    """Interpolate a smooth f on [0, x_max], doubling the degree until the last coefficients are negligible.

    Args:
        f: Entrywise function of a float64 tensor.
        x_max: End of the interval, > 0.
        rtol: Bound of the last coefficients, relative to the largest one.

    Raises:
        NumericsError: Degree 512 does not suffice, since f has a singularity too close to the interval.

    Example:
        >>> fit(torch.exp, 1.0)(0.5) - np.exp(0.5) < 1e-14
        np.True_
    """
    degree = 16
    while degree <= _MAX_DEGREE:
        series: Chebyshev = Chebyshev.interpolate(
            lambda x: f(torch.from_numpy(x)).numpy(), degree, domain=[0.0, x_max]
        )
        size = np.abs(series.coef)
        if size[-2:].max() <= rtol * size.max():
            return series.trim(float(rtol * size.max() / 10))
        degree *= 2
    raise NumericsError(
        f"no polynomial of degree {_MAX_DEGREE} follows the penalty on [0, {x_max:.3g}]",
        "raise gamma or scale, or use backend='gram'",
    )


def chebyshev_of_matrix(Q: Tensor, traced: Chebyshev, applied: Chebyshev) -> tuple[Tensor, Tensor]:
    """Evaluate tr p(Q) and q(Q) in one sweep of the three-term recurrence.

        T_{k+1}(A) = 2 A T_k(A) - T_{k-1}(A),   A = Q mapped so that its spectrum lies in [-1, 1].

    Args:
        Q: Symmetric, shape (..., m, m), spectrum within the common domain. Not modified.
        traced: p.
        applied: q, on the same domain.

    Returns:
        tr p(Q), shape (...), and q(Q), shape (..., m, m), by one product of m^3 multiplications per degree.

    Example:
        >>> Q = torch.diag(torch.tensor([1.0, 2.0], dtype=torch.float64))
        >>> p = Chebyshev([0, 1], domain=[0, 2])  # p(x) = x - 1
        >>> trace, matrix = chebyshev_of_matrix(Q, p, p)
        >>> trace, torch.diagonal(matrix)
        (tensor(1., dtype=torch.float64), tensor([0., 1.], dtype=torch.float64))
    """
    offset, factor = traced.mapparms()
    eye = torch.eye(Q.shape[-1], dtype=Q.dtype, device=Q.device).expand_as(Q)
    A = float(offset) * eye + float(factor) * Q
    degree = max(len(traced.coef), len(applied.coef)) - 1
    p = np.pad(traced.coef, (0, degree + 1 - len(traced.coef))).tolist()
    q = np.pad(applied.coef, (0, degree + 1 - len(applied.coef))).tolist()
    trace = p[0] * _trace(eye)
    matrix = q[0] * eye
    before, current = eye, A
    for k in range(1, degree + 1):
        trace = trace + p[k] * _trace(current)
        matrix = matrix + q[k] * current
        if k < degree:
            before, current = current, 2 * A @ current - before
    return trace, matrix


def _trace(A: Tensor) -> Tensor:
    return A.diagonal(dim1=-2, dim2=-1).sum(-1)
