"""Taylor and Laguerre series of a penalty, with the range on which the truncated sum is accurate.

A truncated series is a polynomial and diverges outside a range: a Taylor series beyond the radius of
convergence, a Laguerre series beyond about half its order. The range is therefore computed and enforced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.polynomial import Laguerre, Polynomial
from numpy.polynomial.chebyshev import Chebyshev
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.errors import NumericsError
from edlrr_cli.lrr.chebyshev import clenshaw
from edlrr_cli.lrr.names import parse_reg
from edlrr_cli.lrr.penalties import Analytic, Penalty, make_penalty

ORDER = 20
#: A series is in range where its error is at most this fraction of h and its slope is not negative.
RTOL = 0.01
_GRID = 4001

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """The truncated series of a penalty, shifted to be 0 at 0.

    The shift does not change gradients and avoids the p = 0 term, the rank, of Theorems 2 and 3.

    Attributes:
        penalty: The expanded h.
        polynomial: The truncated sum, in its own basis (power or Laguerre), including the constant.
    """

    penalty: Penalty
    polynomial: Polynomial | Laguerre
    smooth: ClassVar[bool] = True

    @property
    def order(self) -> int:
        """Degree of the truncated sum."""
        return len(self.polynomial.coef) - 1

    @cached_property
    def coefficients(self) -> Floats:
        """Coefficients of the powers 0 to order: the c_p of Theorem 2, sum_k c_k a_{k,p} of Theorem 3."""
        return np.asarray(self.polynomial.convert(kind=Polynomial).coef, dtype=np.float64)

    @cached_property
    def x_max(self) -> float:
        """The largest x such that |series - h| <= 1 % of h(x) and the slope is >= 0 on [0, x].

        Raises:
            NumericsError: There is no such x > 0.
        """
        x = np.concatenate([[0.0], np.geomspace(1e-3, 4.0 * ORDER, _GRID)])
        exact = self._exact(x)
        error = np.maximum.accumulate(np.abs(self.polynomial(x) - self.polynomial(0.0) - exact))
        falling = np.maximum.accumulate(self.polynomial.deriv()(x) < 0)
        fit = np.flatnonzero((error <= RTOL * exact) & ~falling)
        if fit[-1] == 0:
            raise NumericsError(
                f"the series of {self.penalty} to order {self.order} is nowhere accurate to {RTOL:.0%}",
                "raise gamma, or use the exact- form",
            )
        return float(x[fit[-1]])

    @property
    def x_fit(self) -> float:
        """The largest scaled singular value if no scale is given: the end of the range."""
        return self.x_max

    def error_bound(self, x_max: float) -> float:
        """Bound |series(x) - h(x)| on [0, x_max].

        The largest error on a grid plus the largest increase between its points that its slope allows.
        """
        x = np.linspace(0.0, x_max, _GRID)
        error = np.abs(self.polynomial(x) - self.polynomial(0.0) - self._exact(x))
        slope = np.abs(self.polynomial.deriv()(x) - self.penalty.derivative(torch.from_numpy(x)).numpy())
        return float(error.max() + slope.max() * (x[1] - x[0]) / 2)

    @cached_property
    def _chebyshev(self) -> Chebyshev:
        """The polynomial in the Chebyshev basis, which is evaluated without cancellation."""
        fit: Chebyshev = Chebyshev.interpolate(
            lambda x: self.polynomial(x) - self.polynomial(0.0), self.order, domain=[0.0, self.x_max]
        )
        return fit

    @cached_property
    def _chebyshev_slope(self) -> Chebyshev:
        return self._chebyshev.deriv()

    def value(self, x: Tensor) -> Tensor:
        """Return the truncated sum at x minus its value at 0; any shape."""
        return clenshaw(self._chebyshev, x)

    def derivative(self, x: Tensor) -> Tensor:
        """Return the slope of the truncated sum at x; any shape."""
        return clenshaw(self._chebyshev_slope, x)

    def _exact(self, x: Floats) -> Floats:
        return np.asarray(self.penalty.value(torch.from_numpy(x)).numpy(), dtype=np.float64)


Function = Penalty | Series


def taylor_series(penalty: Analytic, order: int = ORDER) -> Series:
    """Expand h about 0 (Theorem 2).

    Example:
        >>> from edlrr_cli.lrr.penalties import LNN
        >>> taylor_series(LNN(), 3).coefficients.round(3)
        array([ 0.   ,  1.   , -0.5  ,  0.333])
    """
    return Series(penalty, Polynomial(penalty.taylor(order)))


def laguerre_series(penalty: Penalty, order: int = ORDER) -> Series:
    """Expand h in Laguerre polynomials, c_k = int_0^inf L_k(x) e^(-x) h(x) dx (Theorem 3).

    All coefficients are computed by one adaptive quadrature, to 1e-12.

    Example:
        For h = 1 - e^(-x), c_0 = 1/2 and c_k = -2^(-k-1):

        >>> from edlrr_cli.lrr.penalties import Laplace
        >>> laguerre_series(Laplace(1.0), 2).polynomial.coef.round(6)
        array([ 0.5  , -0.25 , -0.125])
    """
    from scipy.integrate import quad_vec  # its import takes 0.3 s

    basis = np.polynomial.laguerre.lagvander

    def integrand(x: float) -> Floats:
        h = penalty.value(torch.tensor(x, dtype=torch.float64, device="cpu")).item()
        return np.asarray(basis(np.array([x]), order)[0] * math.exp(-x) * h)

    coefficients, _ = quad_vec(integrand, 0.0, math.inf, epsabs=1e-12, epsrel=1e-12)
    return Series(penalty, Laguerre(coefficients))


@lru_cache(maxsize=64)
def make_function(reg: str, gamma: float | None = None) -> Function:
    """Return the scalar function of a ``--reg`` name.

    Args:
        reg: One of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty; None for its default.

    Returns:
        The exact `Penalty`, or the `Series` of order 20 for ``taylor-X`` and ``laguerre-X``.

    Raises:
        UsageError: Unknown name, or gamma outside its domain.

    Example:
        >>> round(make_function("laguerre-gamma").x_max, 1)
        11.9
    """
    name = parse_reg(reg)
    penalty = make_penalty(name, gamma)
    if name.expansion == "taylor" and isinstance(penalty, Analytic):
        return taylor_series(penalty)
    if name.expansion == "laguerre":
        return laguerre_series(penalty)
    return penalty
