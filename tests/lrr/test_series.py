from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import exp1

from edlrr_cli.errors import NumericsError
from edlrr_cli.lrr.chebyshev import chebyshev_of_matrix, clenshaw, fit
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.lrr.penalties import ETP, LNN, Gamma, Geman, Laplace
from edlrr_cli.lrr.series import Series, laguerre_series, make_function

SERIES = [name for name in REG_NAMES if name.startswith(("taylor-", "laguerre-"))]


@pytest.mark.parametrize("gamma", [0.5, 1.0, 4.0])
def test_laguerre_coefficients_of_laplace_and_etp_in_closed_form(gamma):
    k = np.arange(1, 21)
    closed = np.concatenate([[1 / (gamma + 1)], -gamma / (gamma + 1.0) ** (k + 1)])
    np.testing.assert_allclose(laguerre_series(Laplace(gamma)).polynomial.coef, closed, atol=1e-11)
    height = -math.expm1(-1 / gamma)
    np.testing.assert_allclose(laguerre_series(ETP(gamma)).polynomial.coef, closed / height, atol=1e-11)


@pytest.mark.parametrize("gamma", [0.2, 1.0, 3.0])
def test_first_laguerre_coefficient_by_the_exponential_integral(gamma):
    c_0 = (1 + gamma) * (1 - gamma * math.exp(gamma) * exp1(gamma))
    assert laguerre_series(Gamma(gamma)).polynomial.coef[0] == pytest.approx(c_0, abs=1e-11)
    assert laguerre_series(LNN()).polynomial.coef[0] == pytest.approx(math.e * exp1(1.0), abs=1e-11)


@pytest.mark.parametrize("reg", SERIES)
def test_accurate_within_its_range_and_bounded_by_the_bound(reg):
    series = make_function(reg)
    assert isinstance(series, Series)
    x = torch.linspace(0, series.x_max, 7919, dtype=torch.float64)
    error = (series.value(x) - series.penalty.value(x)).abs()
    height = float(series.penalty.value(torch.tensor(series.x_max, dtype=torch.float64)))
    assert float(error.max()) <= 0.0101 * height
    assert float(error.max()) <= series.error_bound(series.x_max)
    assert (series.derivative(x) >= -1e-6).all()
    assert float(series.value(torch.zeros(1, dtype=torch.float64))) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(
        series.derivative(x[1:-1]),
        (series.value(x[2:]) - series.value(x[:-2])) / (x[2:] - x[:-2]),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("reg", ["laguerre-gamma", "taylor-lnn"])
def test_the_bound_explodes_beyond_the_range(reg):
    series = make_function(reg)
    assert series.error_bound(2.5 * series.x_max) > 20 * series.error_bound(series.x_max)


def test_no_range_is_refused_with_a_remedy():
    with pytest.raises(NumericsError, match="raise gamma"):
        _ = make_function("laguerre-gamma", 0.01).x_max


def test_monomials_are_the_same_polynomial():
    series = make_function("laguerre-laplace")
    x = np.linspace(0, 4, 9)
    np.testing.assert_allclose(
        np.polynomial.polynomial.polyval(x, series.coefficients), series.polynomial(x), atol=1e-9
    )


def test_geman_is_half_of_gamma_at_one():
    np.testing.assert_allclose(
        2 * laguerre_series(Geman(1.0)).polynomial.coef,
        laguerre_series(Gamma(1.0)).polynomial.coef,
        atol=1e-12,
    )


def test_matrix_polynomial_equals_the_scalar_one(matrix_with_spectrum):
    sigma = torch.tensor([3.0, 1.5, 0.2, 0.0], dtype=torch.float64)
    Q = matrix_with_spectrum(sigma, 4, 4)
    Q = (Q @ Q.T + (Q @ Q.T).T) / 2
    eigenvalues, U = torch.linalg.eigh(Q)
    h = Gamma(0.7)
    p, q = fit(h.value, 9.5), fit(h.derivative, 9.5)
    trace, matrix = chebyshev_of_matrix(Q, p, q)
    assert float(trace) == pytest.approx(float(h.value(eigenvalues).sum()), rel=1e-12)
    torch.testing.assert_close(matrix, (U * h.derivative(eigenvalues.clamp_min(0))) @ U.T, rtol=0, atol=1e-11)


def test_fit_grows_until_it_holds_and_gives_up_aloud():
    h = Gamma(0.05)
    x = torch.linspace(0, 10, 1001, dtype=torch.float64)
    torch.testing.assert_close(clenshaw(fit(h.value, 10.0), x), h.value(x), rtol=0, atol=1e-11)
    with pytest.raises(NumericsError, match="backend='gram'"):
        fit(Gamma(1e-5).value, 10.0)
