"""The penalties h of R(S) = sum_i h(sigma_i(S)): one frozen dataclass each, scalars only.

Every h is concave and non-decreasing on [0, inf) with h(0) = 0, so that large singular values, which
represent the structure of an image, are penalized less than small ones. The weight lambda is not included.
``x`` is a singular value after scaling; any shape, any float dtype, entrywise, not modified.

Source: Lu et al., "Nonconvex nonsmooth low rank minimization via iteratively reweighted nuclear
norm" (TIP 2016), Table 1; Hu et al., "Low rank regularization: a review" (2021).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import RegName


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty h on one singular value.

    Attributes:
        smooth: h is analytic on [0, inf), so matrix polynomials approximate it geometrically fast.
        x_fit: The largest scaled singular value if no scale is given; None for a homogeneous h, which has no
            bend and needs no scale.
        x_max: The largest x at which h may be evaluated.
    """

    smooth: ClassVar[bool] = True
    x_fit: ClassVar[float | None] = 10.0
    x_max: ClassVar[float] = math.inf

    @abstractmethod
    def value(self, x: Tensor) -> Tensor:
        """Return h(x) for x >= 0."""

    @abstractmethod
    def derivative(self, x: Tensor) -> Tensor:
        """Return h'(x) for x >= 0; at a kink, the right derivative."""


class Analytic(Penalty):
    """A penalty with a power series at 0."""

    @abstractmethod
    def taylor(self, order: int) -> list[float]:
        """Return the Taylor coefficients of h at 0, of the powers 0 to ``order``."""


@dataclass(frozen=True)
class Nuclear(Penalty):
    """h(x) = x: the nuclear norm, the convex envelope of the rank."""

    x_fit: ClassVar[float | None] = None

    def value(self, x: Tensor) -> Tensor:
        return x

    def derivative(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


@dataclass(frozen=True)
class Schatten(Penalty):
    """h(x) = x^p, 0 < p <= 1 (Schatten-p quasi-norm to the p); h'(0+) is infinite for p < 1."""

    p: float
    smooth: ClassVar[bool] = False
    x_fit: ClassVar[float | None] = None

    def value(self, x: Tensor) -> Tensor:
        return x**self.p

    def derivative(self, x: Tensor) -> Tensor:
        return self.p * x ** (self.p - 1)


@dataclass(frozen=True)
class Shaped(Penalty):
    """A penalty with a shape parameter gamma > 0."""

    gamma: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gamma) and self.gamma > 0):
            raise UsageError(f"gamma must be positive and finite, got {self.gamma}", "omit it for 1")


@dataclass(frozen=True)
class Gamma(Shaped, Analytic):
    """h(x) = (1 + gamma) x / (gamma + x) (gamma-nuclear norm; Kang et al. 2015)."""

    def value(self, x: Tensor) -> Tensor:
        return (1 + self.gamma) * x / (self.gamma + x)

    def derivative(self, x: Tensor) -> Tensor:
        return (1 + self.gamma) * self.gamma / (self.gamma + x) ** 2

    def taylor(self, order: int) -> list[float]:
        g = self.gamma
        return [0.0, *(-(1 + g) * (-1 / g) ** i for i in range(1, order + 1))]


@dataclass(frozen=True)
class Laplace(Shaped, Analytic):
    """h(x) = 1 - exp(-x / gamma) (Trzasko and Manduca 2008)."""

    def value(self, x: Tensor) -> Tensor:
        return -torch.expm1(-x / self.gamma)

    def derivative(self, x: Tensor) -> Tensor:
        return torch.exp(-x / self.gamma) / self.gamma

    def taylor(self, order: int) -> list[float]:
        return [0.0, *(-((-1 / self.gamma) ** i) / math.factorial(i) for i in range(1, order + 1))]


@dataclass(frozen=True)
class LNN(Analytic):
    """h(x) = log(1 + x) (log-determinant; Peng et al. 2015)."""

    def value(self, x: Tensor) -> Tensor:
        return torch.log1p(x)

    def derivative(self, x: Tensor) -> Tensor:
        return 1 / (1 + x)

    def taylor(self, order: int) -> list[float]:
        return [0.0, *(-((-1) ** i) / i for i in range(1, order + 1))]


@dataclass(frozen=True)
class Log(Shaped, Analytic):
    """h(x) = log(1 + gamma x) / log(1 + gamma) (Friedman 2012)."""

    def value(self, x: Tensor) -> Tensor:
        return torch.log1p(self.gamma * x) / math.log1p(self.gamma)

    def derivative(self, x: Tensor) -> Tensor:
        return self.gamma / ((1 + self.gamma * x) * math.log1p(self.gamma))

    def taylor(self, order: int) -> list[float]:
        height = math.log1p(self.gamma)
        return [0.0, *(-((-self.gamma) ** i) / (i * height) for i in range(1, order + 1))]


@dataclass(frozen=True)
class ETP(Shaped, Analytic):
    """h(x) = (1 - exp(-x / gamma)) / (1 - exp(-1 / gamma)) (Gao et al. 2011).

    Gao et al. and IRNN write gamma for what is 1 / gamma here, the form of the EDLRR authors.
    """

    def value(self, x: Tensor) -> Tensor:
        return torch.expm1(-x / self.gamma) / math.expm1(-1 / self.gamma)

    def derivative(self, x: Tensor) -> Tensor:
        return -torch.exp(-x / self.gamma) / (self.gamma * math.expm1(-1 / self.gamma))

    def taylor(self, order: int) -> list[float]:
        height = -math.expm1(-1 / self.gamma)
        return [c / height for c in Laplace(self.gamma).taylor(order)]


@dataclass(frozen=True)
class Geman(Shaped, Analytic):
    """h(x) = x / (gamma + x) (Geman and Yang 1995)."""

    def value(self, x: Tensor) -> Tensor:
        return x / (self.gamma + x)

    def derivative(self, x: Tensor) -> Tensor:
        return self.gamma / (self.gamma + x) ** 2

    def taylor(self, order: int) -> list[float]:
        return [0.0, *(-((-1 / self.gamma) ** i) for i in range(1, order + 1))]


@dataclass(frozen=True)
class SCAD(Shaped):
    """h(x) = x up to 1, then a parabola, then (gamma + 1) / 2 from gamma on; gamma > 2 (Fan and Li 2001)."""

    gamma: float = 3.7
    smooth: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma <= 2:
            raise UsageError(f"scad needs gamma > 2, got {self.gamma}", "the customary value is 3.7")

    def value(self, x: Tensor) -> Tensor:
        g = self.gamma
        bent = (-(x**2) + 2 * g * x - 1) / (2 * (g - 1))
        return torch.where(x <= 1, x, torch.where(x < g, bent, (g + 1) / 2))

    def derivative(self, x: Tensor) -> Tensor:
        return ((self.gamma - x) / (self.gamma - 1)).clamp(0, 1)


@dataclass(frozen=True)
class MCP(Shaped):
    """h(x) = x - x^2 / (2 gamma) up to gamma, then gamma / 2 (Zhang 2010)."""

    smooth: ClassVar[bool] = False

    def value(self, x: Tensor) -> Tensor:
        bounded = x.clamp(max=self.gamma)
        return bounded - bounded**2 / (2 * self.gamma)

    def derivative(self, x: Tensor) -> Tensor:
        return (1 - x / self.gamma).clamp_min(0)


@dataclass(frozen=True)
class CappedL1(Shaped):
    """h(x) = min(x, gamma) (Zhang 2010)."""

    smooth: ClassVar[bool] = False

    def value(self, x: Tensor) -> Tensor:
        return x.clamp(max=self.gamma)

    def derivative(self, x: Tensor) -> Tensor:
        return (x < self.gamma).to(x.dtype)


_SHAPED: dict[str, type[Shaped]] = {
    "gamma": Gamma,
    "laplace": Laplace,
    "log": Log,
    "etp": ETP,
    "geman": Geman,
    "scad": SCAD,
    "mcp": MCP,
    "capped-l1": CappedL1,
}


def make_penalty(reg: RegName, gamma: float | None = None) -> Penalty:
    """Return the penalty of a ``--reg`` name.

    Args:
        reg: The parsed name.
        gamma: Shape of the penalty, in units of the scaled singular value; None for its default.

    Raises:
        UsageError: gamma is outside its domain, or the penalty has no shape parameter.
    """
    if reg.p is not None:
        penalty: Penalty = Schatten(reg.p)
    elif reg.penalty in _SHAPED:
        shaped = _SHAPED[reg.penalty]
        return shaped() if gamma is None else shaped(gamma)
    else:
        penalty = {"nuclear": Nuclear, "lnn": LNN}[reg.penalty]()
    if gamma is not None:
        raise UsageError(f"{reg.penalty} has no shape parameter, got gamma={gamma}", "omit gamma")
    return penalty
