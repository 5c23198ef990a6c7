"""What is minimised: the data term and the penalty, whose scale and emphasis move from easy to final."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.lrr.majorizer import Majorizer
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import Scale, factor, largest_singular_value, resolve_scale
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.whole.emphasis import Emphasis
from edlrr_cli.tasks.inpaint.whole.problem import Problem

# The continuation: sigma_1 / scale starts here, where every penalty is nearly linear, hence nearly convex.
_X_START = 0.3
# Of the majorizer, relative to sigma_1, for each step that it is kept: it must cover what the steps change.
_SMOOTHING = 1e-3
_MAX_LAMBDA_STEP = 4.0
_TINY = 1e-12


class Objective:
    """The objective of each of b pictures.

    Attributes:
        lam: Weight lambda of the penalty where pictures have noise, shape (b,).
    """

    def __init__(self, problem: Problem, config: Config) -> None:
        self._problem, self._config = problem, config
        self._h = make_function(config.reg, config.gamma)
        self._generator = torch.Generator(problem.device).manual_seed(config.seed)
        height, width = problem.Y.shape[-2:]
        self._emphasis = Emphasis(
            height, width, center=config.center, dtype=torch.float32, device=problem.device
        )
        self._unit: Scale = None
        self._penalty: Callable[[Tensor], Tensor] = self._exact
        self._adaptive = config.lam is None and not problem.all_exact
        self._pull: Tensor | None = None
        self.lam = torch.full_like(problem.noise, config.lam or 0.0)

    def move(self, fraction: float, X: Tensor, refresh: int) -> None:
        """Set scale, emphasis and lambda for a fraction in [0, 1] of the way, at X, for ``refresh`` steps."""
        config = self._config
        self._emphasis.set_strength(config.whiten * min(max((fraction - 0.3) / 0.7, 0.0), 1.0))
        self._unit = self._scale_at(fraction)
        if config.refresh > 1 and not config.probes:
            self._penalty = self._majorized(X, smoothing=_SMOOTHING * refresh)
        if self._adaptive and refresh == config.refresh:
            self._adapt_lambda(X)

    def __call__(self, X: Tensor) -> Tensor:
        """Return the objectives, shape (b,)."""
        penalty = self._penalty(X).sum(-1)
        if self._problem.all_exact:
            return penalty
        whole = self._problem.data_term(X) + self.lam * penalty
        return torch.where(self._problem.is_exact, penalty, whole)

    def measure(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the exact penalties of X, summed over the channels, and the mean scales, shape (b,) each."""
        route = factor(self._emphasis(X), self._h, self._config.backend)
        unit = resolve_scale(self._h, route.sigma_max, self._unit)
        value, _ = route.evaluate(self._h, unit)
        return value.sum(-1), unit.mean(-1)

    def _majorized(self, start: Tensor, *, smoothing: float) -> Callable[[Tensor], Tensor]:
        left, right = self._emphasis.filters
        majorizer = Majorizer(
            self._emphasis.centered(start),
            self._h,
            scale=self._unit,
            smoothing=smoothing,
            backend=self._config.backend,
            left=left,
            right=right,
        )
        return lambda X: majorizer(self._emphasis.centered(X))

    def _exact(self, X: Tensor) -> Tensor:
        config = self._config
        return lowrank_penalty(
            self._emphasis(X),
            config.reg,
            gamma=config.gamma,
            scale=self._unit,
            num_probes=config.probes,
            generator=self._generator if config.probes else None,
            backend=config.backend,
        )

    def _scale_at(self, fraction: float) -> Scale:
        """Shrink the unit geometrically until the penalty bends within the spectrum."""
        x_fit, final = self._h.x_fit, self._config.scale
        if x_fit is None:
            return final
        growth = float((x_fit / _X_START) ** (1 - fraction))
        if final is not None:
            return final * growth
        return lambda sigma_max: sigma_max / x_fit * growth

    def _adapt_lambda(self, X: Tensor) -> None:
        """Weigh the penalty so that the known pixels are missed by the noise, no more and no less.

        What is adapted is the pull lambda / scale on a vanishing singular value, which alone stays
        comparable while the scale shrinks. It starts where the nuclear norm would remove the noise.
        """
        noise, count = self._problem.noise, self._problem.num_observed
        S = self._emphasis(X)
        unit = resolve_scale(self._h, largest_singular_value(S), self._unit).mean(-1)
        if self._pull is None:
            self._pull = 2 * noise.double() * (math.sqrt(S.shape[-1]) + math.sqrt(S.shape[-2]))
        else:
            excess = self._problem.data_term(X) / (count * noise**2).clamp_min(_TINY)
            self._pull = self._pull / excess.clamp(1 / _MAX_LAMBDA_STEP, _MAX_LAMBDA_STEP)
        self.lam = (self._pull * unit).to(X.dtype)
