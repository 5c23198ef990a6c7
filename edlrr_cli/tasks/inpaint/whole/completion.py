"""Inpainting by matrix completion: one low-rank penalty per channel, minimised by Adam.

    min_X  ||P(X) - P(Y)||_F^2 + lambda R(g(X)),   P keeps the known pixels, g is `Emphasis`

Without noise the known pixels are kept exactly, and only R remains to be minimised over the others.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from edlrr_cli.adam import Adam
from edlrr_cli.errors import NumericsError
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.picture import (
    Bools,
    Callback,
    Damaged,
    Pixels,
    Progress,
    Result,
    check_input,
    psnr_of,
)
from edlrr_cli.tasks.inpaint.whole.objective import Objective
from edlrr_cli.tasks.inpaint.whole.problem import Problem

_log = logging.getLogger(__name__)

# The continuation ends after this share of the steps; from then on objectives compare and the best iterate
# is kept.
_CONTINUATION = 0.8
# There the majorizer is renewed more often, which decides how low the objective gets.
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
    config = config or Config()
    check_input(image, known)
    return inpaint_each([Damaged(image, known, noise_of(image, known, config), callback)], config)[0]


def inpaint_each(pictures: Sequence[Damaged], config: Config) -> list[Result]:
    """Restore the missing pixels of pictures as one batch.

    Each comes to what it comes to alone, but for rounding; with probes for what is drawn for it, too.

    Args:
        pictures: At least one, all of one shape. Not modified.
        config: Settings; the noise is the pictures' own, the time budget is of all together.

    Raises:
        EdlrrError: As `inpaint`, of all if of one.
    """
    started = time.perf_counter()
    problem = Problem(pictures, config)
    objective = Objective(problem, config)
    runs = _minimise(problem, objective, pictures, config, started)
    best = torch.stack([run.best for run in runs])
    weights = problem.held_out_weight(best)
    blended = problem.start + weights[:, None, None, None] * (best - problem.start)
    restored = [problem.restored(index, X) for index, X in enumerate(blended)]
    final = problem.tensor(restored)
    penalties, scales = objective.measure(final)
    misfits, rmses = problem.data_term(final), problem.held_out_rmse(blended)
    before, after = effective_ranks(problem.Y), effective_ranks(final)
    seconds = (time.perf_counter() - started) / len(pictures)
    for run in runs:
        _log.info("prior global: %.2f s on %s, %d steps (%s)", seconds, problem.device, run.step, run.stop)
    return [
        Result(
            restored=restored[index],
            start=problem.filled[index],
            iterations=run.step,
            stop=run.stop,
            seconds=seconds,
            device=str(problem.device),
            lam=float(objective.lam[index]) if picture.noise else None,
            scale=float(scales[index]),
            data_term=float(misfits[index]) if picture.noise else 0.0,
            penalty=float(penalties[index]),
            effective_rank_before=before[index],
            effective_rank_after=after[index],
            weight=float(weights[index]),
            held_out_psnr=None if (rmse := rmses[index]) is None else psnr_of(rmse),
            history=tuple(run.history),
            noise=picture.noise,
        )
        for index, (picture, run) in enumerate(zip(pictures, runs, strict=True))
    ]


class _Run:
    """The minimisation of one picture so far: where it stands, the best image, and why it stopped."""

    def __init__(self, start: Tensor) -> None:
        self.step = 0
        self.stop = "steps"
        self.best = start
        self.history: list[tuple[int, float, float | None]] = []
        self._best_score = math.inf
        self._aim = math.inf
        self._misses = 0

    def check(self, step: int, X: Tensor, loss: float, rmse: float | None, *, final: bool) -> None:
        """Record a checkpoint; in the final phase, where objectives compare, keep the best."""
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


def _minimise(
    problem: Problem, objective: Objective, pictures: Sequence[Damaged], config: Config, started: float
) -> list[_Run]:
    Z = problem.start.clone().requires_grad_()
    optimizer = Adam(Z, beta2=0.99, eps=1e-12)
    runs = [_Run(start) for start in problem.start]
    final_from = _CONTINUATION * config.steps
    for step in range(config.steps):
        final = step >= final_from
        refresh = max(config.refresh // _FINAL_RENEWALS, 1) if final else config.refresh
        if step % refresh == 0:
            objective.move(min(step / final_from, 1.0), problem.compose(Z).detach(), refresh)
        losses = objective(problem.compose(Z))
        # No picture's objective knows another picture: the gradient of the sum is each one's own.
        (gradient,) = torch.autograd.grad(losses.sum(), Z)
        optimizer.step(gradient, lr=config.lr * _LR_DECAY ** (-step / config.steps))
        done = step + 1
        timed_out = config.time_budget is not None and time.perf_counter() - started > config.time_budget
        if done % _CHECK_EVERY and done < config.steps and not timed_out:
            continue
        X = problem.compose(Z).detach().clone()
        values, rmses = losses.detach().tolist(), problem.held_out_rmse(X)
        for index, (run, picture) in enumerate(zip(runs, pictures, strict=True)):
            if run.stop != "steps":
                continue
            value, rmse = values[index], rmses[index]
            run.check(done, X[index], value, rmse, final=final)
            if picture.callback is not None:
                current = partial(problem.restored, index, X[index])
                picture.callback(Progress(done, config.steps, value, rmse, current))
            if timed_out:
                run.stop = "time budget"
        if all(run.stop != "steps" for run in runs):
            break
    return runs


def noise_of(image: Pixels, known: Bools, config: Config) -> float:
    """Return the noise of the known pixels, said or estimated, on the [0, 1] scale."""
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
    """Return exp of the entropy of the normalised singular values of channels without their means.

    Args:
        X: Shape (b, c, h, w); NaN counts as 0.

    Returns:
        Of each picture the mean over the channels.

    Source: Roy, Vetterli, "The effective rank", 2007.
    """
    # Of a GPU it would be the slowest step: singular values are found one matrix after another there.
    S = torch.nan_to_num(X.double().cpu())
    S = S - S.mean((-2, -1), keepdim=True)
    sigma = torch.linalg.svdvals(S)
    share = sigma / sigma.sum(-1, keepdim=True).clamp_min(1e-12)
    ranks: list[float] = torch.exp(torch.special.entr(share).sum(-1)).mean(-1).tolist()
    return ranks
