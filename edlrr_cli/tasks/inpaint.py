"""Inpainting by matrix completion: one low-rank penalty per channel, minimised by Adam.

    min_X  ||P(X) - P(Y)||_F^2 + lambda R(g(X)),   P keeps the known pixels, g is `Emphasis`

Without noise the known pixels are kept exactly, and only R remains to be minimised over the others.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.adam import Adam
from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.majorizer import Majorizer
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import Scale, factor, largest_singular_value, resolve_scale
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.emphasis import Emphasis
from edlrr_cli.tasks.fill import fill
from edlrr_cli.tasks.holdout import held_out

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_log = logging.getLogger(__name__)

# The continuation: sigma_1 / scale starts here, where every penalty is nearly linear, hence nearly convex.
_X_START = 0.3
# It ends after this share of the steps; from then on objectives compare and the best iterate is kept.
_CONTINUATION = 0.8
# There the majorizer is renewed more often, which decides how low the objective gets.
_FINAL_RENEWALS = 5
_LR_DECAY = 25.0
# Of the majorizer, relative to sigma_1, for each step that it is kept: it must cover what the steps change.
_SMOOTHING = 1e-3
_MAX_LAMBDA_STEP = 4.0
_CHECK_EVERY = 10
_RTOL = 1e-3
_PATIENCE = 3


WINDOWS = "windows"
"""The stage of a large picture, whose steps are its windows."""


@dataclass(frozen=True)
class Progress:
    """What a callback is told, every ten steps and at the end.

    Attributes:
        step: Steps done.
        num_steps: Steps at most.
        loss: The objective, of the current scale and emphasis.
        held_out_rmse: Root mean square error on the held-out known pixels, on the [0, 1] scale.
        current: Returns the image as it stands, shape (h, w, c), float64.
        stage: The prior at work, ``"polish"``, or `WINDOWS`.
    """

    step: int
    num_steps: int
    loss: float
    held_out_rmse: float | None
    current: Callable[[], Pixels]
    stage: str = "global"


@dataclass(frozen=True)
class Result:
    """A restored image and what can be said about it without knowing the truth.

    Attributes:
        restored: Shape (h, w, c), float64 in [0, 1].
        start: Shape (h, w, c), the first fill.
        iterations: Adam steps done.
        stop: ``"steps"``, ``"stagnation"``, ``"held-out"`` or ``"time budget"``.
        seconds: Wall time.
        device: Where it ran.
        lam: Final weight lambda; None where known pixels are kept exactly.
        scale: Final unit of the singular values, mean over the channels.
        data_term: ||P(X) - P(Y)||_F^2 of the result, summed over the channels.
        penalty: R(g(X)) of the result, summed over the channels.
        effective_rank_before: exp of the entropy of sigma / sum(sigma) of the damaged channels without
            their means (Roy and Vetterli 2007), averaged over the channels.
        effective_rank_after: The same of the result.
        weight: Share of the minimiser in the result, in [0, 1]; the rest is the start. Both are known up
            to here without the held-out pixels, which decide; 1 without any, and with noise.
        held_out_psnr: PSNR on known pixels that were hidden so far, in dB.
        history: (step, loss, held-out RMSE), every ten steps and at the end.
        noise: Standard deviation that the known pixels were taken to have, on [0, 1].
        shares: What was mixed, by name, and its mean share over the missing pixels; of the prior ``auto``.
        error: Expected root mean square error of each pixel, shape (h, w), on [0, 1]; of ``auto``.
    """

    restored: Pixels
    start: Pixels
    iterations: int
    stop: str
    seconds: float
    device: str
    lam: float | None
    scale: float
    data_term: float
    penalty: float
    effective_rank_before: float
    effective_rank_after: float
    weight: float
    held_out_psnr: float | None
    history: tuple[tuple[int, float, float | None], ...]
    noise: float = 0.0
    quality: str | None = None
    shares: tuple[tuple[str, float], ...] = ()
    error: Pixels | None = None

    @property
    def expected_psnr(self) -> float | None:
        """PSNR of the whole image if the expected errors are right, in dB."""
        return None if self.error is None else _psnr(math.sqrt(float(np.square(self.error).mean())))


def inpaint(
    image: Pixels,
    known: Bools,
    config: Config | None = None,
    *,
    callback: Callable[[Progress], None] | None = None,
) -> Result:
    """Restore the missing pixels of an image.

    Args:
        image: Shape (h, w, c), h and w at least 2, values in [0, 1]; missing pixels are not looked at,
            but for the effective rank before. Not modified.
        known: Shape (h, w), True = known pixel.
        config: Settings; None for the defaults.
        callback: Told of the progress.

    Raises:
        UsageError: Shapes that do not fit, values outside [0, 1], nothing known or nothing missing.
        DeviceError: The device is not here.
        NumericsError: The penalty left the range of its series, or the optimisation diverged.
    """
    started = time.perf_counter()
    config = config or Config()
    check_input(image, known)
    noise = noise_of(image, known, config)
    problem = _Problem(image, known, config, noise)
    objective = _Objective(problem, config, noise)
    run = _minimise(problem, objective, config, started, callback)
    blended, weight = _blend(problem, run.best)
    restored = problem.restored(blended)
    final = problem.tensor(restored)
    penalty, scale = objective.measure(final)
    seconds = time.perf_counter() - started
    _log.info("prior global: %.2f s on %s, %d steps (%s)", seconds, problem.device, run.step, run.stop)
    return Result(
        restored=restored,
        start=problem.filled,
        iterations=run.step,
        stop=run.stop,
        seconds=seconds,
        device=str(problem.device),
        lam=objective.lam if noise > 0 else None,
        scale=scale,
        data_term=problem.misfit(final) if noise > 0 else 0.0,
        penalty=penalty,
        effective_rank_before=effective_rank(problem.tensor(image)),
        effective_rank_after=effective_rank(final),
        weight=weight,
        held_out_psnr=_psnr(problem.held_out_rmse(blended)),
        history=tuple(run.history),
        noise=noise,
    )


class _Problem:
    """The data on the device: what is observed, what is hidden, and how a variable becomes an image."""

    def __init__(self, image: Pixels, known: Bools, config: Config, noise: float) -> None:
        self.device = resolve_device(config.device)
        hidden = held_out(known, config.held_out, np.random.default_rng(config.seed))
        observed = known & ~hidden
        self.keep_known = noise == 0
        self._image, self._known = image, known
        self._observed = torch.from_numpy(observed).to(self.device)
        self._hidden = torch.from_numpy(hidden).to(self.device) if hidden.any() else None
        self.Y = self.tensor(image)
        self.filled = fill(image, observed, config.fill)
        self.start = self.tensor(self.filled)
        self.num_observed = int(observed.sum()) * image.shape[2]

    def tensor(self, pixels: Pixels) -> Tensor:
        """Return the channels (c, h, w), float32, on the device."""
        return as_channels(pixels, device=self.device, dtype=torch.float32)

    def compose(self, Z: Tensor) -> Tensor:
        """Return the image of a variable: known pixels put back if they are exact."""
        return torch.where(self._observed, self.Y, Z) if self.keep_known else Z

    def data_term(self, X: Tensor) -> Tensor:
        """Return ||P(X) - P(Y)||_F^2, summed over the channels."""
        return (torch.where(self._observed, X - self.Y, 0.0) ** 2).sum()

    def misfit(self, X: Tensor) -> float:
        """Return the data term as a number."""
        return float(self.data_term(X))

    def held_out_rmse(self, X: Tensor) -> float | None:
        """Return the root mean square error on the hidden known pixels."""
        if self._hidden is None:
            return None
        return float((X - self.Y)[:, self._hidden].square().mean().sqrt())

    def held_out_weight(self, X: Tensor) -> float:
        """Return the share of X in the mixture with the start that fits the hidden known pixels best.

        A noisy start would bring its noise back: then all is X.
        """
        if self._hidden is None or not self.keep_known:
            return 1.0
        step, wanted = ((of - self.start)[:, self._hidden] for of in (X, self.Y))
        weight = (step * wanted).sum() / step.square().sum().clamp_min(1e-12)
        return float(weight.clamp(0.0, 1.0))

    def restored(self, X: Tensor) -> Pixels:
        """Return the image (h, w, c) in [0, 1], known pixels bit-exact where they are exact."""
        pixels = to_pixels(X).clip(0.0, 1.0)
        return np.where(self._known[..., None], self._image, pixels) if self.keep_known else pixels


class _Objective:
    """The data term and the penalty, whose scale and emphasis move from easy to final."""

    def __init__(self, problem: _Problem, config: Config, noise: float) -> None:
        self._problem, self._config, self._noise = problem, config, noise
        self._h = make_function(config.reg, config.gamma)
        self._generator = torch.Generator(problem.device).manual_seed(config.seed)
        height, width = problem.Y.shape[-2:]
        self._emphasis = Emphasis(
            height, width, center=config.center, dtype=torch.float32, device=problem.device
        )
        self._unit: Scale = None
        self._penalty: Callable[[Tensor], Tensor] = self._exact
        self._adaptive = noise > 0 and config.lam is None
        self._pull = 0.0
        self.lam = config.lam or 0.0

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
        """Return the objective, a scalar."""
        penalty = self._penalty(X).sum()
        return penalty if self._problem.keep_known else self._problem.data_term(X) + self.lam * penalty

    def measure(self, X: Tensor) -> tuple[float, float]:
        """Return the exact penalty of X, summed over the channels, and the mean scale."""
        route = factor(self._emphasis(X), self._h, self._config.backend)
        unit = resolve_scale(self._h, route.sigma_max, self._unit)
        value, _ = route.evaluate(self._h, unit)
        return float(value.sum()), float(unit.mean())

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
        noise, count = self._noise, self._problem.num_observed
        S = self._emphasis(X)
        unit = float(resolve_scale(self._h, largest_singular_value(S), self._unit).mean())
        if self._pull == 0.0:
            self._pull = 2 * noise * (math.sqrt(S.shape[-1]) + math.sqrt(S.shape[-2]))
        else:
            excess = max(self._problem.misfit(X) / (count * noise**2), 1e-12)
            self._pull /= min(max(excess, 1 / _MAX_LAMBDA_STEP), _MAX_LAMBDA_STEP)
        self.lam = self._pull * unit


class _Run:
    """The minimisation so far: where it stands, the best image, and why it stopped."""

    def __init__(self, start: Tensor) -> None:
        self.step = 0
        self.stop = "steps"
        self.best = start
        self.history: list[tuple[int, float, float | None]] = []
        self._best_score = math.inf
        self._aim = math.inf
        self._misses = 0

    def check(self, X: Tensor, loss: float, rmse: float | None, *, final: bool) -> None:
        """Record a checkpoint; in the final phase, where objectives compare, keep the best."""
        self.history.append((self.step, loss, rmse))
        score = loss if rmse is None else rmse
        if not final or score < self._best_score:
            self.best = X
        if not final:
            return
        self._best_score = min(score, self._best_score)
        self._misses = 0 if score < self._aim else self._misses + 1
        self._aim = self._best_score * (1 - _RTOL)
        if self._misses >= _PATIENCE:
            self.stop = "held-out" if score > self._best_score * (1 + _RTOL) else "stagnation"


def _minimise(
    problem: _Problem,
    objective: _Objective,
    config: Config,
    started: float,
    callback: Callable[[Progress], None] | None,
) -> _Run:
    Z = problem.start.clone().requires_grad_()
    optimizer = Adam(Z, beta2=0.99, eps=1e-12)
    run = _Run(problem.start)
    final_from = _CONTINUATION * config.steps
    for step in range(config.steps):
        final = step >= final_from
        refresh = max(config.refresh // _FINAL_RENEWALS, 1) if final else config.refresh
        if step % refresh == 0:
            objective.move(min(step / final_from, 1.0), problem.compose(Z).detach(), refresh)
        loss = objective(problem.compose(Z))
        (gradient,) = torch.autograd.grad(loss, Z)
        optimizer.step(gradient, lr=config.lr * _LR_DECAY ** (-step / config.steps))
        run.step = step + 1
        timed_out = config.time_budget is not None and time.perf_counter() - started > config.time_budget
        if run.step % _CHECK_EVERY and run.step < config.steps and not timed_out:
            continue
        X = problem.compose(Z).detach().clone()
        value = _finite(float(loss.detach()), run.step)
        rmse = problem.held_out_rmse(X)
        run.check(X, value, rmse, final=final)
        if callback is not None:
            callback(Progress(run.step, config.steps, value, rmse, partial(problem.restored, X)))
        if timed_out:
            run.stop = "time budget"
        if run.stop != "steps":
            break
    return run


def _blend(problem: _Problem, X: Tensor) -> tuple[Tensor, float]:
    """Mix the minimiser with the start it came from, by least squares on the hidden known pixels."""
    weight = problem.held_out_weight(X)
    return problem.start + weight * (X - problem.start), weight


def noise_of(image: Pixels, known: Bools, config: Config) -> float:
    """Return the noise of the known pixels, said or estimated, on the [0, 1] scale."""
    if config.noise is not None:
        return config.noise
    noise = estimate_noise_level(image, known)
    _log.info("noise: %.2f of 255, estimated", 255 * noise)
    return noise


def check_input(image: Pixels, known: Bools) -> None:
    """Refuse what cannot be restored.

    Args:
        image: Shape (h, w, c), h and w at least 2, values in [0, 1] where known.
        known: Shape (h, w), True = known pixel.

    Raises:
        UsageError: Shapes that do not fit, values outside [0, 1], nothing known or nothing missing.
    """
    if image.ndim != 3 or min(image.shape[:2]) < 2:
        raise UsageError(f"image: expected shape (h, w, c) with h, w >= 2, got {image.shape}")
    if known.shape != image.shape[:2] or known.dtype != np.bool_:
        raise UsageError(
            f"known: expected a bool array of shape {image.shape[:2]}, got {known.dtype} {known.shape}"
        )
    if known.all() or not known.any():
        raise UsageError(f"known: {'no' if known.all() else 'every'} pixel is missing", "check the mask")
    values = image[known]
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise UsageError("image: expected finite values in [0, 1] at the known pixels", "divide by the peak")


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise NumericsError(f"the objective became {loss} at step {step}", "lower --lr")
    return loss


def effective_rank(X: Tensor) -> float:
    """Return exp of the entropy of the normalised singular values of channels without their means.

    Args:
        X: Shape (c, h, w); NaN counts as 0.

    Returns:
        The mean over the channels.

    Source: Roy, Vetterli, "The effective rank", 2007.
    """
    S = torch.nan_to_num(X.double())
    S = S - S.mean((-2, -1), keepdim=True)
    sigma = torch.linalg.svdvals(S)
    share = sigma / sigma.sum(-1, keepdim=True).clamp_min(1e-12)
    return float(torch.exp(torch.special.entr(share).sum(-1)).mean())


def _psnr(rmse: float | None) -> float | None:
    return None if rmse is None else -20 * math.log10(max(rmse, 1e-12))
