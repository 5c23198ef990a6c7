"""Objective: the data term and the penalty, with a continuation in its scale and whitening."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from edlrr_cli.lrr.majorizer import Majorizer
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import Scale, factor, largest_singular_value, resolve_scale
from edlrr_cli.parallel import run_single_threaded
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.lowrank.batch import Batch
from edlrr_cli.tasks.inpaint.lowrank.whitening import Whitening

# The continuation: sigma_1 / scale starts here, where every penalty is nearly linear, hence nearly convex.
_X_START = 0.3
# Smoothing of the majorizer per step until its update, relative to sigma_1; it covers what a step changes.
_SMOOTHING = 1e-3
_MAX_LAMBDA_STEP = 4.0
_TINY = 1e-12


class Objective:
    """Objectives of a batch of b images.

    Args:
        batch: The images.
        config: Settings.
        smoothing: Least smoothing of the majorizers, relative to sigma_1.

    Attributes:
        lam: Weight lambda of the penalty for noisy images, shape (b,).
        losses: The objectives where the gradient was computed last, shape (b,).
    """

    def __init__(self, batch: Batch, config: Config, smoothing: float = 0.0) -> None:
        self._batch, self._config, self._smoothing = batch, config, smoothing
        self._reg, self._gamma = config.penalty("global")
        self._h = make_function(self._reg, self._gamma)
        self._generator = torch.Generator(batch.device).manual_seed(config.seed)
        height, width = batch.Y.shape[-2:]
        self._whitening = Whitening(
            height, width, center=config.center, dtype=torch.float32, device=batch.device
        )
        self._scale: Scale = None
        self._penalty: Callable[[Tensor], Tensor] = self._exact
        self._adaptive = config.lam is None and not batch.all_exact
        self._pull: Tensor | None = None
        self._constant: Tensor | None = None
        self.losses = torch.full_like(batch.noise, math.nan)
        self.lam = torch.full_like(batch.noise, config.lam or 0.0)

    def move(self, fraction: float, X: Tensor, refresh: int) -> None:
        """Set scale, whitening and lambda at X for ``refresh`` steps, at a fraction of the continuation."""
        config = self._config
        self._whitening.set_strength(config.whiten * min(max((fraction - 0.3) / 0.7, 0.0), 1.0))
        self._scale = self._scale_at(fraction)
        self._constant = None
        if config.refresh > 1 and not config.probes:
            self._penalty = self._majorized(X, smoothing=max(_SMOOTHING * refresh, self._smoothing))
        if self._adaptive and refresh == config.refresh:
            self._adapt_lambda(X)

    def gradient(self, X: Tensor) -> Tensor:
        """Return the gradients at the missing pixels, or at all pixels of noisy images; sets `losses`."""
        Z = X.detach().requires_grad_()
        with torch.enable_grad():
            losses = self(self._batch.compose(Z))
            # The objectives of different images are independent, so the gradient of the sum is that of each.
            (gradient,) = torch.autograd.grad(losses.sum(), Z)
        self.losses = losses.detach()
        return gradient

    def curvature(self, D: Tensor) -> Tensor:
        """Return the product of D with the Hessians of the majorizers, whose gradients are affine."""
        if self._constant is None:
            self._constant = self.gradient(torch.zeros_like(D))
        return self.gradient(D) - self._constant

    def __call__(self, X: Tensor) -> Tensor:
        """Return the objectives, shape (b,)."""
        penalty = self._penalty(X).sum(-1)
        if self._batch.all_exact:
            return penalty
        whole = self._batch.data_term(X) + self.lam * penalty
        return torch.where(self._batch.is_exact, penalty, whole)

    def measure(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the exact penalties of X, summed over the channels, and the mean scales, shape (b,) each."""
        route = factor(self._whitening(X), self._h, self._config.backend)
        scale = resolve_scale(self._h, route.sigma_max, self._scale)
        value, _ = route.evaluate(self._h, scale)
        return value.sum(-1), scale.mean(-1)

    def _majorized(self, start: Tensor, *, smoothing: float) -> Callable[[Tensor], Tensor]:
        """Return the majorizers of the channels, which are computed in parallel on a CPU."""
        left, right = self._whitening.filters
        majorize = partial(
            Majorizer,
            h=self._h,
            scale=self._scale,
            smoothing=smoothing,
            backend=self._config.backend,
            left=left,
            right=right,
        )
        if start.is_cuda:
            return majorize(start)
        majorizers = run_single_threaded([partial(majorize, channel) for channel in start.unbind(1)])

        def penalties(X: Tensor) -> Tensor:
            channels = X.unbind(1)
            calls = [partial(q, channel) for q, channel in zip(majorizers, channels, strict=True)]
            return torch.stack(run_single_threaded(calls), dim=1)

        return penalties

    def _exact(self, X: Tensor) -> Tensor:
        config = self._config
        return lowrank_penalty(
            self._whitening(X),
            self._reg,
            gamma=self._gamma,
            scale=self._scale,
            num_probes=config.probes,
            generator=self._generator if config.probes else None,
            backend=config.backend,
        )

    def _scale_at(self, fraction: float) -> Scale:
        """Return the scale, which shrinks geometrically until the penalty bends within the spectrum."""
        x_fit, final = self._h.x_fit, self._config.scale
        if x_fit is None:
            return final
        growth = float((x_fit / _X_START) ** (1 - fraction))
        if final is not None:
            return final * growth
        return lambda sigma_max: sigma_max / x_fit * growth

    def _adapt_lambda(self, X: Tensor) -> None:
        """Adapt lambda such that the residual at the known pixels equals the noise.

        The adapted quantity is the slope lambda / scale of the penalty at 0, which is comparable across
        scales. Its start is the value at which the nuclear norm removes the noise.
        """
        noise, count = self._batch.noise, self._batch.num_observed
        S = self._whitening(X)
        scale = resolve_scale(self._h, largest_singular_value(S), self._scale).mean(-1)
        if self._pull is None:
            self._pull = 2 * noise.double() * (math.sqrt(S.shape[-1]) + math.sqrt(S.shape[-2]))
        else:
            excess = self._batch.data_term(X) / (count * noise**2).clamp_min(_TINY)
            self._pull = self._pull / excess.clamp(1 / _MAX_LAMBDA_STEP, _MAX_LAMBDA_STEP)
        self.lam = (self._pull * scale).to(X.dtype)
