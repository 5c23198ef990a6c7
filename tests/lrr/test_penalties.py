from __future__ import annotations

import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import REG_NAMES, parse_reg
from edlrr_cli.lrr.penalties import Analytic, Shaped, make_penalty

EXACT = [name for name in REG_NAMES if name.startswith("exact-")] + ["nuclear", "schatten-0.5"]
X = torch.linspace(1e-3, 12, 400, dtype=torch.float64)


@pytest.mark.parametrize("reg", EXACT)
@pytest.mark.parametrize("gamma", [None, 2.5])
def test_derivative_is_the_slope_of_the_value(reg, gamma):
    name = parse_reg(reg)
    if gamma is not None and name.penalty in ("nuclear", "schatten", "lnn"):
        with pytest.raises(UsageError, match="no shape parameter"):
            make_penalty(name, gamma)
        return
    h = make_penalty(name, gamma)
    bends = (X - (h.gamma if isinstance(h, Shaped) else 0)).abs() < 1e-3  # kinks of the piecewise ones
    step = 1e-6
    slope = (h.value(X + step) - h.value(X - step)) / (2 * step)
    torch.testing.assert_close(h.derivative(X)[~bends], slope[~bends], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("reg", EXACT)
def test_zero_at_zero_concave_and_non_decreasing(reg):
    h = make_penalty(parse_reg(reg))
    assert float(h.value(torch.zeros(1, dtype=torch.float64))) == 0.0
    slope = h.derivative(X)
    assert (slope >= 0).all()
    assert (slope.diff() <= 1e-12).all()


@pytest.mark.parametrize(
    ("reg", "gamma", "x", "expected"),
    [
        ("exact-gamma", 2.0, 4.0, 2.0),  # 3 * 4 / 6
        ("exact-geman", 2.0, 4.0, 2 / 3),
        ("exact-laplace", 2.0, 4.0, 0.8646647),  # 1 - e^-2
        ("exact-etp", 2.0, 4.0, 2.1975403),  # (1 - e^-2) / (1 - e^-1/2)
        ("exact-lnn", None, 4.0, 1.6094379),  # log 5
        ("exact-log", 2.0, 4.0, 2.0),  # log 9 / log 3
        ("schatten-0.5", None, 4.0, 2.0),
        ("exact-scad", 3.7, 9.0, 2.35),
        ("exact-mcp", 3.0, 9.0, 1.5),
        ("exact-capped-l1", 3.0, 9.0, 3.0),
    ],
)
def test_values_by_hand(reg, gamma, x, expected):
    h = make_penalty(parse_reg(reg), gamma)
    assert float(h.value(torch.tensor(x, dtype=torch.float64))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("penalty", ["gamma", "laplace", "lnn", "log", "etp", "geman"])
def test_taylor_coefficients_are_the_derivatives_at_zero(penalty):
    h = make_penalty(parse_reg(f"exact-{penalty}"))
    assert isinstance(h, Analytic)
    x = torch.tensor(0.1, dtype=torch.float64)
    partial = sum(c * x**i for i, c in enumerate(h.taylor(24)))
    assert float(partial) == pytest.approx(float(h.value(x)), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("laguerre-gama", "laguerre-gamma"),
        ("nuklear", "nuclear"),
        ("schatten-P", "schatten-P"),
        ("schatten-1.5", "P <= 1"),
        ("schatten-0", "P <= 1"),
        ("exact-scat", "exact-scad"),
        ("", "choose from"),
    ],
)
def test_unknown_names_are_refused_with_advice(name, advice):
    with pytest.raises(UsageError, match=advice):
        parse_reg(name)


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan"), float("inf")])
def test_shape_outside_its_domain(gamma):
    with pytest.raises(UsageError, match="gamma must be positive"):
        make_penalty(parse_reg("exact-gamma"), gamma)
    with pytest.raises(UsageError, match="gamma > 2"):
        make_penalty(parse_reg("exact-scad"), 2.0)
