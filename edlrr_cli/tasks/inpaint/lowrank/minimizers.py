"""Minimizers of an objective over images, each with its own step lengths: Adam and conjugate gradients."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from edlrr_cli.adam import Adam

_TINY = 1e-12


class Objective(Protocol):
    """Objectives of b images, each a function of its own entries."""

    def gradient(self, X: Tensor) -> Tensor:
        """Return the gradients at X, shape (b, ...), 0 where an entry is fixed."""

    def curvature(self, D: Tensor) -> Tensor:
        """Return the product of the Hessians with D; only for quadratic objectives."""


class Minimizer(Protocol):
    """Steps of a minimization from one objective to the next."""

    @property
    def X(self) -> Tensor:
        """The current point, shape (b, ...)."""

    def restart(self, objective: Objective) -> None:
        """Continue with another objective."""

    def step(self, lr: float) -> None:
        """Take a step; ``lr`` is its length for minimizers that need one."""


class AdamMinimizer:
    """Adam, whose moments are kept from one objective to the next.

    Args:
        X: The first point. Not modified.
        objective: The first objective.
        unit: Unit of the step lengths; broadcasts to X.
    """

    def __init__(self, X: Tensor, objective: Objective, unit: Tensor | float = 1.0) -> None:
        self._Z, self._objective, self._unit = X / unit, objective, unit
        self._adam = Adam(self._Z, beta2=0.99, eps=1e-12)

    @property
    def X(self) -> Tensor:
        """The current point."""
        return self._Z * self._unit

    def restart(self, objective: Objective) -> None:
        """Continue with another objective."""
        self._objective = objective

    def step(self, lr: float) -> None:
        """Change each entry by about ``lr`` units."""
        self._adam.step(self._objective.gradient(self.X) * self._unit, lr=lr)


class ConjugateGradient:
    """Preconditioned conjugate gradients, restarted with each objective.

    Args:
        X: The first point. Not modified.
        objective: The first objective, quadratic.
        inverse: The preconditioner, an approximation of the inverse diagonal of the Hessian; broadcasts to X.

    Source: Nocedal, Wright, "Numerical optimization", 2006, algorithm 5.3.
    """

    X: Tensor

    def __init__(self, X: Tensor, objective: Objective, inverse: Tensor | float = 1.0) -> None:
        self.X, self._inverse = X, inverse
        self.restart(objective)

    def restart(self, objective: Objective) -> None:
        """Continue with another objective, which is quadratic."""
        self._objective = objective
        self._residual = objective.gradient(self.X)
        self._direction = -self._inverse * self._residual
        self._power = -_product(self._residual, self._direction)

    def step(self, lr: float = 0.0) -> None:
        """Go to the minimum along the next conjugate direction; ``lr`` is not used."""
        bent = self._objective.curvature(self._direction)
        length = self._power / _product(self._direction, bent).clamp_min(_TINY)
        self.X = self.X + length * self._direction
        self._residual = self._residual + length * bent
        downhill = -self._inverse * self._residual
        before, self._power = self._power, -_product(self._residual, downhill)
        self._direction = downhill + self._power / before.clamp_min(_TINY) * self._direction


def _product(X: Tensor, Y: Tensor) -> Tensor:
    """Return the inner product of each pair of images, shape (b, 1, ...)."""
    return (X * Y).sum(tuple(range(1, X.ndim)), keepdim=True)
