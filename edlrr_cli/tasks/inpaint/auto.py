"""Every prior, judged by known pixels that were hidden from all of them, and mixed accordingly."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.parallel import map_in_threads, num_workers
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.mixture import Mixture, mix
from edlrr_cli.tasks.inpaint.picture import Bools, Damaged, Pixels, Result, psnr_of, seen_of
from edlrr_cli.tasks.inpaint.refine import Refiner
from edlrr_cli.tasks.inpaint.shrink import enlarged, is_enough_left, shrunk, wholly_known
from edlrr_cli.tasks.inpaint.turns import Turns
from edlrr_cli.tasks.inpaint.whole.completion import inpaint_each

Tried = dict[str, Pixels]
"""What became of a picture, by what was tried."""

_log = logging.getLogger(__name__)

#: What is tried after the whole channels, by quality.
_TRIED: dict[str, tuple[str, ...]] = {
    "draft": ("local",),
    "fast": ("local",),
    "balanced": ("local", "nonlocal"),
    "best": ("local", "nonlocal"),
}
#: Of the whole channels, at most, in a draft.
_DRAFT_STEPS = 60
# Fewer hidden pixels judge nothing; more than this share of the known ones would be missed, and more than so
# many, or as are missing, would cost time.
_MIN_HIDDEN, _MAX_SHARE, _ENOUGH = 30, 0.2, 500


def restore_by_all(
    pictures: Sequence[Damaged], config: Config, refine: Refiner, *, factor: int = 1
) -> list[Result]:
    """Restore by the whole channels and by every prior that builds on them, and mix the results.

    Known pixels are hidden in the shape of the holes. The other priors start from the best mixture of the
    first fill and the whole channels. At the end the missing pixels are adapted to all known ones, if that
    helps with those that are hidden. A picture with too few known pixels to hide any is restored by
    ``global`` and ``local`` without judging.

    Args:
        pictures: Of one shape; each is judged by itself. Not modified.
        config: Settings.
        refine: Runs the priors.
        factor: If more than 1, all this is done in pictures smaller by it, and what that comes to is mixed
            with the first fill; unless too little is known there.
    """
    shares = [_share_to_hide(picture, config.held_out) for picture in pictures]
    is_judged = [share <= _MAX_SHARE for share in shares]
    cases = [
        _Case.of(picture, share, config.seed)
        for picture, share in zip(pictures, shares, strict=True)
        if share <= _MAX_SHARE
    ]
    others = [picture for picture, judged in zip(pictures, is_judged, strict=True) if not judged]
    judged, unjudged = iter(_judged(cases, config, refine, factor)), iter(_unjudged(others, config, refine))
    return [next(judged if of else unjudged) for of in is_judged]


def _unjudged(pictures: Sequence[Damaged], config: Config, refine: Refiner) -> list[Result]:
    firsts = _whole_channels(pictures, config)
    starts = [replace(picture, image=first.restored) for picture, first in zip(pictures, firsts, strict=True)]
    refined = refine("local", starts)
    return [replace(first, restored=pixels) for first, pixels in zip(firsts, refined, strict=True)]


@dataclass(frozen=True, eq=False)
class _Case:
    """A picture with some of its known pixels hidden.

    Attributes:
        picture: As it came.
        truth: Its known pixels, 0 elsewhere.
        hidden: Which of them are hidden, shape (h, w).
        observed: Which of them are not.
    """

    picture: Damaged
    truth: Pixels
    hidden: Bools
    observed: Bools

    @classmethod
    def of(cls, picture: Damaged, share: float, seed: int) -> _Case:
        hidden = held_out(picture.known, share, np.random.default_rng(seed), picture.visible)
        truth = np.where(picture.known[..., None], picture.image, 0.0)
        return cls(picture, truth, hidden, picture.known & ~hidden)

    @property
    def seen(self) -> Bools:
        """Return the observed pixels that are visible, shape (h, w)."""
        return seen_of(self.observed, self.picture.visible)

    def start(self, pixels: Pixels) -> Damaged:
        """Return what a prior starts from that must not see what is hidden."""
        return replace(self.picture, image=pixels, known=self.observed)

    def mixed(self, tried: Tried) -> Mixture:
        return mix(list(tried.values()), self.truth, self.hidden, ~self.picture.known)

    def rmse(self, restored: Pixels) -> float:
        return max(float(np.sqrt(np.square(restored - self.truth)[self.hidden].mean())), 1e-12)


def _judged(cases: Sequence[_Case], config: Config, refine: Refiner, factor: int) -> list[Result]:
    if factor > 1 and all(is_enough_left(torch.from_numpy(case.seen), factor) for case in cases):
        pairs = [_by_smaller(case, config, refine, factor) for case in cases]
    else:
        factor, pairs = 1, _by_priors(cases, config, refine)
    mixtures = _mixtures(cases, [tried for _, tried in pairs])
    rmses = [case.rmse(mixture.pixels) for case, mixture in zip(cases, mixtures, strict=True)]
    restored = [
        np.where(case.picture.known[..., None], case.truth, mixture.pixels.clip(0.0, 1.0))
        for case, mixture in zip(cases, mixtures, strict=True)
    ]
    if factor == 1:  # what was made in a smaller picture has been polished there
        restored = _polished(cases, mixtures, rmses, restored, refine)
    results = []
    for case, (first, tried), mixture, rmse, pixels in zip(
        cases, pairs, mixtures, rmses, restored, strict=True
    ):
        _log_shares(case, tried, mixture, rmse)
        result = replace(
            first,
            restored=pixels,
            held_out_psnr=psnr_of(rmse),
            shares=tuple(zip(tried, mixture.shares, strict=True)),
            error=np.where(case.picture.known, 0.0, mixture.error),
        )
        results.append(result)
    return results


def _mixtures(cases: Sequence[_Case], tried: Sequence[Tried]) -> list[Mixture]:
    pairs = list(zip(cases, tried, strict=True))
    num_threads = max(min(num_workers(), len(pairs)), 1)
    return list(map_in_threads(lambda pair: pair[0].mixed(pair[1]), pairs, num_threads=num_threads))


def _polished(
    cases: Sequence[_Case],
    mixtures: Sequence[Mixture],
    rmses: Sequence[float],
    restored: Sequence[Pixels],
    refine: Refiner,
) -> list[Pixels]:
    """Return what is restored, adapted to all known pixels where that helps with those that are hidden."""
    starts = [case.start(mixture.pixels) for case, mixture in zip(cases, mixtures, strict=True)]
    tried = zip(cases, rmses, refine.polish(starts, rmses), strict=True)
    helped = [index for index, (case, rmse, pixels) in enumerate(tried) if case.rmse(pixels) < rmse]
    whole = [replace(cases[index].picture, image=restored[index]) for index in helped]
    polished = dict(zip(helped, refine.polish(whole, [rmses[index] for index in helped]), strict=True))
    return [polished.get(index, pixels) for index, pixels in enumerate(restored)]


def _log_shares(case: _Case, tried: Tried, mixture: Mixture, rmse: float) -> None:
    for (prior, pixels), mine in zip(tried.items(), mixture.shares, strict=True):
        _log.info("%s: share %.2f, RMSE %.2f of 255 at hidden pixels", prior, mine, 255 * case.rmse(pixels))
    _log.info("mixed: RMSE %.2f of 255 at %d hidden pixels", 255 * rmse, case.hidden.sum())


def _by_priors(cases: Sequence[_Case], config: Config, refine: Refiner) -> list[tuple[Result, Tried]]:
    """Return what the whole channels come to, and what every prior makes of a picture."""
    firsts = _whole_channels([case.start(case.picture.image) for case in cases], config)
    tried: list[Tried] = [{config.fill: first.start, "global": first.restored} for first in firsts]
    mixtures = _mixtures(cases, tried)
    starts = [case.start(mixture.pixels) for case, mixture in zip(cases, mixtures, strict=True)]
    for prior, refined in _refined(_TRIED[config.quality], starts, refine):
        for of, pixels in zip(tried, refined, strict=True):
            of[prior] = pixels
    return list(zip(firsts, tried, strict=True))


def _refined(
    priors: Sequence[str], starts: Sequence[Damaged], refine: Refiner
) -> Iterator[tuple[str, list[Pixels]]]:
    """Yield what each prior makes of the starts, while there is time; on a CPU they run side by side."""
    turns = Turns(len(priors))

    def run(index: int) -> list[Pixels] | None:
        reporting = [replace(start, callback=turns.callback(index, start.callback)) for start in starts]
        refined = refine(priors[index], reporting) if refine.time_left() else None
        turns.finish(index)
        return refined

    num_threads = min(num_workers(), len(priors)) if refine.device.type == "cpu" else 1
    done = map_in_threads(run, range(len(priors)), num_threads=num_threads, stop=turns.stop)
    yield from ((prior, refined) for prior, refined in zip(priors, done, strict=True) if refined is not None)


def _by_smaller(case: _Case, config: Config, refine: Refiner, factor: int) -> tuple[Result, Tried]:
    """Return what all this comes to in a smaller picture, and the first fill with and without it."""
    filled = fill(case.picture.image, case.observed, config.fill)
    X = as_channels(filled, device=torch.device("cpu"), dtype=torch.float32)[None]
    known, seen = (
        wholly_known(torch.from_numpy(of)[None], factor)[0].numpy() for of in (case.observed, case.seen)
    )
    small = shrunk(X, factor)
    start = replace(case.picture, image=to_pixels(small[0]).clip(0.0, 1.0), known=known, visible=seen)
    (result,) = restore_by_all([start], config, refine)
    change = as_channels(result.restored, device=X.device, dtype=X.dtype) - small
    detailed = to_pixels((X + enlarged(change, factor, X.shape[2:]))[0]).clip(0.0, 1.0)
    return result, {config.fill: filled, "smaller": detailed}


def _whole_channels(pictures: Sequence[Damaged], config: Config) -> list[Result]:
    """Restore as what others follow on: as if there were no noise, and without judging."""
    if not pictures:
        return []
    steps = min(config.steps, _DRAFT_STEPS) if config.quality == "draft" else config.steps
    alone = replace(config, held_out=0.0, prior="global", steps=steps)
    return inpaint_each([replace(picture, noise=0.0) for picture in pictures], alone)


def _share_to_hide(picture: Damaged, wanted: float) -> float:
    num_seen, num_missing = int(picture.seen.sum()), int((~picture.known).sum())
    return max(min(wanted, max(_ENOUGH, num_missing) / num_seen), _MIN_HIDDEN / num_seen)
