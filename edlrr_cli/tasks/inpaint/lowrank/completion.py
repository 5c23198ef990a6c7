"""Inpainting by matrix completion: one low-rank penalty per channel, minimized by Adam.

    min_X  ||P(X) - P(Y)||_F^2 + lambda R(g(X)),   P keeps the known pixels, g is `Whitening`

Without noise the known pixels are kept exactly, and R is minimized over the missing ones.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError
from edlrr_cli.lrr.linear_algebra import wide_of
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.lowrank.batch import Batch
from edlrr_cli.tasks.inpaint.lowrank.minimizers import AdamMinimizer, ConjugateGradient, Minimizer
from edlrr_cli.tasks.inpaint.lowrank.objective import Objective
from edlrr_cli.tasks.inpaint.problem import (
    Bools,
    Callback,
    InpaintProblem,
    Pixels,
    Progress,
    Result,
    check_input,
    psnr_of,
)

START_SMOOTHING = 0.02
"""Smoothing where other priors start from the result: they gain 0.02 to 0.09 dB, for an objective that is
higher by up to 2 %."""

_log = logging.getLogger(__name__)

# The continuation ends after this fraction of the steps. In the final phase after it, objectives compare
# and the best iterate is kept.
_CONTINUATION = 0.8
# In the final phase the majorizer is updated more often by this factor, which lowers the final objective.
_FINAL_RENEWALS = 5
_LR_DECAY = 25.0
_CHECK_EVERY = 10
_RTOL = 1e-3
_PATIENCE = 3


def inpaint(
    image: Pixels, known: Bools, config: Config | None = None, *, callback: Callback | None = None
) -> Result:
    """Restore the missing pixels of an image.

    Args:
        image: Shape (h, w, c), h and w at least 2, values in [0, 1]; missing pixels are ignored, except in
            the effective rank before the restoration. Not modified.
        known: Shape (h, w), True = known pixel.
        config: Settings; None for the defaults.
        callback: Called with the progress.

    Raises:
        UsageError: Shapes that do not fit, values outside [0, 1], nothing known or nothing missing.
        DeviceError: The device is not available.
        NumericsError: The penalty left the range of its series, or the optimization diverged.
    """
    config = config or Config()
    check_input(image, known)
    return inpaint_each([InpaintProblem(image, known, noise_of(image, known, config), callback)], config)[0]


def inpaint_each(
    problems: Sequence[InpaintProblem], config: Config, *, smoothing: float = 0.0
) -> list[Result]:
    """Restore the missing pixels of images as one batch.

    Up to rounding, the results do not depend on the batch; with probes they do, since each image has its own.

    Args:
        problems: At least one, all of one shape. Not modified.
        config: Settings, except the noise, which is that of each problem; the time budget is for the batch.
        smoothing: Singular values below this fraction of sigma_1 are penalized like their squares.

    Raises:
        EdlrrError: As `inpaint`, if any of the images raises it.
    """
    started = time.perf_counter()
    batch = Batch(problems, config)
    objective = Objective(batch, config, smoothing)
    runs = _minimize(batch, objective, problems, config, started)
    best = torch.stack([run.best for run in runs])
    weights = batch.held_out_weight(best)
    blended = batch.start + weights[:, None, None, None] * (best - batch.start)
    restored = [batch.restored(index, X) for index, X in enumerate(blended)]
    final = batch.tensor(restored)
    penalties, scales = objective.measure(final)
    misfits, rmses = batch.data_term(final), batch.held_out_rmse(blended)
    before, after = effective_ranks(batch.Y), effective_ranks(final)
    seconds = (time.perf_counter() - started) / len(problems)
    for run in runs:
        _log.info("prior global: %.2f s on %s, %d steps (%s)", seconds, batch.device, run.step, run.stop)
    return [
        Result(
            restored=restored[index],
            start=batch.filled[index],
            iterations=run.step,
            stop=run.stop,
            seconds=seconds,
            device=str(batch.device),
            lam=float(objective.lam[index]) if problem.noise else None,
            scale=float(scales[index]),
            data_term=float(misfits[index]) if problem.noise else 0.0,
            penalty=float(penalties[index]),
            effective_rank_before=before[index],
            effective_rank_after=after[index],
            weight=float(weights[index]),
            held_out_psnr=None if (rmse := rmses[index]) is None else psnr_of(rmse),
            history=tuple(run.history),
            noise=problem.noise,
        )
        for index, (problem, run) in enumerate(zip(problems, runs, strict=True))
    ]


class _Run:
    """State of the minimization for one image: steps done, best iterate, history and reason to stop."""

    def __init__(self, start: Tensor) -> None:
        self.step = 0
        self.stop = "steps"
        self.best = start
        self.history: list[tuple[int, float, float | None]] = []
        self._best_score = math.inf
        self._aim = math.inf
        self._misses = 0

    def check(self, step: int, X: Tensor, loss: float, rmse: float | None, *, final: bool) -> None:
        """Record a checkpoint; in the final phase, keep the best iterate."""
        self.step = step
        self.history.append((step, _finite(loss, step), rmse))
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


def _minimize(
    batch: Batch, objective: Objective, problems: Sequence[InpaintProblem], config: Config, started: float
) -> list[_Run]:
    minimizer: Minimizer | None = None
    Z = batch.start
    runs = [_Run(start) for start in batch.start]
    final_from = _CONTINUATION * config.steps
    for step in range(config.steps):
        final = step >= final_from
        refresh = max(config.refresh // _FINAL_RENEWALS, 1) if final else config.refresh
        if step % refresh == 0:
            objective.move(min(step / final_from, 1.0), batch.compose(Z), refresh)
            minimizer = _continued(minimizer, objective, Z, config)
        assert minimizer is not None
        minimizer.step(config.lr * _LR_DECAY ** (-step / config.steps))
        Z = minimizer.X
        done = step + 1
        timed_out = config.time_budget is not None and time.perf_counter() - started > config.time_budget
        if done % _CHECK_EVERY and done < config.steps and not timed_out:
            continue
        X = batch.compose(Z)
        losses = objective.losses if isinstance(minimizer, AdamMinimizer) else objective(X)
        values, rmses = losses.tolist(), batch.held_out_rmse(X)
        for index, (run, problem) in enumerate(zip(runs, problems, strict=True)):
            if run.stop != "steps":
                continue
            value, rmse = values[index], rmses[index]
            run.check(done, X[index], value, rmse, final=final)
            if problem.callback is not None:
                current = partial(batch.restored, index, X[index])
                problem.callback(Progress(done, config.steps, value, rmse, current))
            if timed_out:
                run.stop = "time budget"
        if all(run.stop != "steps" for run in runs):
            break
    return runs


def _continued(minimizer: Minimizer | None, objective: Objective, Z: Tensor, config: Config) -> Minimizer:
    if minimizer is not None:
        minimizer.restart(objective)
        return minimizer
    return ConjugateGradient(Z, objective) if config.optimizer == "cg" else AdamMinimizer(Z, objective)


def noise_of(image: Pixels, known: Bools, config: Config) -> float:
    """Return the noise level of the known pixels, given or estimated, on the [0, 1] scale."""
    if config.noise is not None:
        return config.noise
    noise = estimate_noise_level(image, known)
    _log.info("noise: %.2f of 255, estimated", 255 * noise)
    return noise


def _finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise NumericsError(f"the objective became {loss} at step {step}", "lower --lr")
    return loss


def effective_ranks(X: Tensor) -> list[float]:
    """Return exp of the entropy of the normalized singular values of channels without their means.

    Args:
        X: Shape (b, c, h, w); NaN counts as 0.

    Returns:
        The mean over the channels of each image.

    Source: Roy, Vetterli, "The effective rank", 2007.
    """
    # On a GPU it would be the slowest step: it decomposes one matrix after another.
    S = torch.nan_to_num(X.double().cpu())
    S = S - S.mean((-2, -1), keepdim=True)
    # Squared singular values lose what is below 1e-8 of the largest, which adds nothing to the entropy.
    sigma = torch.linalg.eigvalsh(wide_of(S) @ wide_of(S).mT).clamp_min(0.0).sqrt()
    fraction = sigma / sigma.sum(-1, keepdim=True).clamp_min(1e-12)
    ranks: list[float] = torch.exp(torch.special.entr(fraction).sum(-1)).mean(-1).tolist()
    return ranks
