"""The prior ``auto``: every prior is run and evaluated on held-out pixels, and the results are mixed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from edlrr_cli.channels import as_channels, to_pixels
from edlrr_cli.parallel import map_in_threads, num_workers
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.lowrank.completion import START_SMOOTHING, inpaint_each
from edlrr_cli.tasks.inpaint.mixture import Mixture, mix
from edlrr_cli.tasks.inpaint.problem import (
    Bools,
    Candidate,
    InpaintProblem,
    Pixels,
    Result,
    psnr_of,
    seen_of,
)
from edlrr_cli.tasks.inpaint.refine import Refiner
from edlrr_cli.tasks.inpaint.shrink import enlarged, is_enough_left, shrunk, wholly_known

Candidates = dict[str, Pixels]
"""Restorations of one image by prior."""

_log = logging.getLogger(__name__)

#: Priors that run after global low-rank completion, by quality.
_PRIORS: dict[str, tuple[str, ...]] = {
    "draft": ("local",),
    "fast": ("local",),
    "balanced": ("local", "nonlocal"),
    "best": ("local", "nonlocal"),
}
#: Maximum number of steps of global low-rank completion in a draft.
_DRAFT_STEPS = 60
# Fewer hidden pixels than the minimum are not representative, and hiding more than this fraction of the known
# ones harms the restoration. More than _ENOUGH, or than are missing, cost time only.
_MIN_HIDDEN, _MAX_FRACTION, _ENOUGH = 30, 0.2, 500


def restore_by_all(
    problems: Sequence[InpaintProblem], config: Config, refine: Refiner, *, factor: int = 1
) -> list[Result]:
    """Restore by global low-rank completion and by every prior that builds on it, and mix the results.

    Known pixels are hidden in the shape of the holes. The other priors start from the best mixture of the
    first fill and the global completion. At the end the missing pixels are adapted to all known ones, if
    that lowers the error on the hidden ones. An image with too few known pixels to hide any is restored by
    ``global`` and ``local`` without evaluation.

    Args:
        problems: Images of one shape; each is evaluated separately. Not modified.
        config: Settings.
        refine: Runs the priors.
        factor: If more than 1, the images are first downscaled by it, and the result is mixed with the first
            fill, unless too few pixels are known at that scale.
    """
    fractions = [_fraction_to_hide(problem, config.held_out) for problem in problems]
    is_judged = [fraction <= _MAX_FRACTION for fraction in fractions]
    cases = [
        _Case.hiding(problem, fraction, config.seed)
        for problem, fraction in zip(problems, fractions, strict=True)
        if fraction <= _MAX_FRACTION
    ]
    others = [problem for problem, judged in zip(problems, is_judged, strict=True) if not judged]
    judged, unjudged = iter(_judged(cases, config, refine, factor)), iter(_unjudged(others, config, refine))
    return [next(judged if has_holdout else unjudged) for has_holdout in is_judged]


def _unjudged(problems: Sequence[InpaintProblem], config: Config, refine: Refiner) -> list[Result]:
    firsts = _restore_global(problems, config)
    starts = [replace(problem, image=first.restored) for problem, first in zip(problems, firsts, strict=True)]
    refined = refine("local", starts)
    return [replace(first, restored=pixels) for first, pixels in zip(firsts, refined, strict=True)]


@dataclass(frozen=True, eq=False)
class _Case:
    """An image with some of its known pixels hidden.

    Attributes:
        problem: The original problem.
        truth: The known pixels, 0 elsewhere, shape (h, w, c).
        hidden: True = known pixel that is hidden, shape (h, w).
        observed: True = known pixel that is not hidden, shape (h, w).
    """

    problem: InpaintProblem
    truth: Pixels
    hidden: Bools
    observed: Bools

    @classmethod
    def hiding(cls, problem: InpaintProblem, fraction: float, seed: int) -> _Case:
        hidden = held_out(problem.known, fraction, np.random.default_rng(seed), problem.visible)
        truth = np.where(problem.known[..., None], problem.image, 0.0)
        return cls(problem, truth, hidden, problem.known & ~hidden)

    @property
    def seen(self) -> Bools:
        """Return the observed pixels that are visible, shape (h, w)."""
        return seen_of(self.observed, self.problem.visible)

    def start(self, pixels: Pixels) -> InpaintProblem:
        """Return the problem for a prior that starts from ``pixels`` and must not see the hidden pixels."""
        return replace(self.problem, image=pixels, known=self.observed)

    def mixed(self, candidates: Candidates) -> Mixture:
        return mix(list(candidates.values()), self.truth, self.hidden, ~self.problem.known)

    def candidates(self, restorations: Candidates, mixture: Mixture) -> tuple[Candidate, ...]:
        known = self.problem.known[..., None]
        return tuple(
            Candidate(name, weight, psnr_of(self.rmse(pixels)), np.where(known, self.truth, pixels))
            for (name, pixels), weight in zip(restorations.items(), mixture.weights, strict=True)
        )

    def rmse(self, restored: Pixels) -> float:
        return max(float(np.sqrt(np.square(restored - self.truth)[self.hidden].mean())), 1e-12)


def _judged(cases: Sequence[_Case], config: Config, refine: Refiner, factor: int) -> list[Result]:
    if factor > 1 and all(is_enough_left(torch.from_numpy(case.seen), factor) for case in cases):
        pairs = [_by_smaller(case, config, refine, factor) for case in cases]
    else:
        factor, pairs = 1, _by_priors(cases, config, refine)
    mixtures = _mixtures(cases, [candidates for _, candidates in pairs])
    rmses = [case.rmse(mixture.pixels) for case, mixture in zip(cases, mixtures, strict=True)]
    restored = [
        np.where(case.problem.known[..., None], case.truth, mixture.pixels.clip(0.0, 1.0))
        for case, mixture in zip(cases, mixtures, strict=True)
    ]
    if factor == 1:  # a downscaled restoration has been polished at its own scale
        restored = _polished(cases, mixtures, rmses, restored, refine)
    results = []
    for case, (first, candidates), mixture, rmse, pixels in zip(
        cases, pairs, mixtures, rmses, restored, strict=True
    ):
        _log_weights(case, candidates, mixture, rmse)
        result = replace(
            first,
            restored=pixels,
            held_out_psnr=psnr_of(rmse),
            candidates=case.candidates(candidates, mixture),
            error=np.where(case.problem.known, 0.0, mixture.error),
        )
        results.append(result)
    return results


def _mixtures(cases: Sequence[_Case], candidates: Sequence[Candidates]) -> list[Mixture]:
    pairs = list(zip(cases, candidates, strict=True))
    num_threads = max(min(num_workers(), len(pairs)), 1)
    return list(map_in_threads(lambda pair: pair[0].mixed(pair[1]), pairs, num_threads=num_threads))


def _polished(
    cases: Sequence[_Case],
    mixtures: Sequence[Mixture],
    rmses: Sequence[float],
    restored: Sequence[Pixels],
    refine: Refiner,
) -> list[Pixels]:
    """Return the restored images, adapted to all known pixels where that lowers the held-out error."""
    starts = [case.start(mixture.pixels) for case, mixture in zip(cases, mixtures, strict=True)]
    candidates = zip(cases, rmses, refine.polish(starts, rmses), strict=True)
    helped = [index for index, (case, rmse, pixels) in enumerate(candidates) if case.rmse(pixels) < rmse]
    whole = [replace(cases[index].problem, image=restored[index]) for index in helped]
    polished = dict(zip(helped, refine.polish(whole, [rmses[index] for index in helped]), strict=True))
    return [polished.get(index, pixels) for index, pixels in enumerate(restored)]


def _log_weights(case: _Case, candidates: Candidates, mixture: Mixture, rmse: float) -> None:
    for (prior, pixels), weight in zip(candidates.items(), mixture.weights, strict=True):
        _log.info(
            "%s: weight %.2f, RMSE %.2f of 255 at hidden pixels", prior, weight, 255 * case.rmse(pixels)
        )
    _log.info("mixed: RMSE %.2f of 255 at %d hidden pixels", 255 * rmse, case.hidden.sum())


def _by_priors(cases: Sequence[_Case], config: Config, refine: Refiner) -> list[tuple[Result, Candidates]]:
    """Return the global completion of each image, and its restorations by all priors."""
    firsts = _restore_global([case.start(case.problem.image) for case in cases], config)
    candidates: list[Candidates] = [{config.fill: first.start, "global": first.restored} for first in firsts]
    mixtures = _mixtures(cases, candidates)
    starts = [case.start(mixture.pixels) for case, mixture in zip(cases, mixtures, strict=True)]
    for prior in _PRIORS[config.quality]:
        if not refine.time_left():
            break
        for restorations, pixels in zip(candidates, refine(prior, starts), strict=True):
            restorations[prior] = pixels
    return list(zip(firsts, candidates, strict=True))


def _by_smaller(case: _Case, config: Config, refine: Refiner, factor: int) -> tuple[Result, Candidates]:
    """Restore the downscaled image; return its result, and the first fill with and without its changes."""
    filled = fill(case.problem.image, case.observed, config.fill)
    X = as_channels(filled, device=torch.device("cpu"), dtype=torch.float32)[None]
    known, seen = (
        wholly_known(torch.from_numpy(mask)[None], factor)[0].numpy() for mask in (case.observed, case.seen)
    )
    small = shrunk(X, factor)
    start = replace(case.problem, image=to_pixels(small[0]).clip(0.0, 1.0), known=known, visible=seen)
    (result,) = restore_by_all([start], config, refine)
    change = as_channels(result.restored, device=X.device, dtype=X.dtype) - small
    detailed = to_pixels((X + enlarged(change, factor, X.shape[2:]))[0]).clip(0.0, 1.0)
    return result, {config.fill: filled, "smaller": detailed}


def _restore_global(problems: Sequence[InpaintProblem], config: Config) -> list[Result]:
    """Return global completions for other priors to start from: without noise and without held-out pixels."""
    if not problems:
        return []
    steps = min(config.steps, _DRAFT_STEPS) if config.quality == "draft" else config.steps
    config = replace(config, held_out=0.0, prior="global", steps=steps)
    return inpaint_each(
        [replace(problem, noise=0.0) for problem in problems], config, smoothing=START_SMOOTHING
    )


def _fraction_to_hide(problem: InpaintProblem, wanted: float) -> float:
    num_seen, num_missing = int(problem.seen.sum()), int((~problem.known).sum())
    return max(min(wanted, max(_ENOUGH, num_missing) / num_seen), _MIN_HIDDEN / num_seen)
