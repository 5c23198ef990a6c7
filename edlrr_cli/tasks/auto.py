"""Every prior, judged by known pixels that were hidden from all of them, and mixed accordingly."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.fill import fill
from edlrr_cli.tasks.holdout import held_out
from edlrr_cli.tasks.inpaint import Bools, Pixels, Progress, Result, inpaint
from edlrr_cli.tasks.mixture import Mixture, mix
from edlrr_cli.tasks.refine import Refiner
from edlrr_cli.tasks.shrink import enlarged, is_enough_left, shrunk, wholly_known

Callback = Callable[[Progress], None]

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
    image: Pixels,
    known: Bools,
    config: Config,
    refine: Refiner,
    *,
    factor: int = 1,
    callback: Callback | None = None,
) -> Result:
    """Restore by the whole channels and by every prior that builds on them, and mix the results.

    Known pixels are hidden in the shape of the holes. The other priors start from the best mixture of the
    first fill and the whole channels. At the end the missing pixels are adapted to all known ones, if that
    helps with those that are hidden. A picture with too few known pixels to hide any is restored by
    ``global`` and ``local`` without judging.

    Args:
        image: Shape (h, w, c), values in [0, 1]; missing pixels are not looked at. Not modified.
        known: Shape (h, w), True = known pixel.
        config: Settings; noise is left out of account.
        refine: Runs the priors.
        factor: If more than 1, all this is done in a picture smaller by it, and what that comes to is mixed
            with the first fill; unless too little is known there.
        callback: Told of the progress of the whole channels.
    """
    share = _share_to_hide(known, config.held_out)
    if share > _MAX_SHARE:
        first = inpaint(image, known, _alone(config), callback=callback)
        return replace(first, restored=refine("local", first.restored, known))
    case = _Case.of(image, known, share, config.seed)
    if factor > 1 and not is_enough_left(torch.from_numpy(case.observed), factor):
        factor = 1
    if factor > 1:
        first, tried = _by_smaller(case, config, refine, factor, callback)
    else:
        first, tried = _by_priors(case, config, refine, callback)
    mixture = case.mixed(tried)
    rmse = case.rmse(mixture.pixels)
    for (prior, pixels), mine in zip(tried.items(), mixture.shares, strict=True):
        _log.info("%s: share %.2f, RMSE %.2f of 255 at hidden pixels", prior, mine, 255 * case.rmse(pixels))
    _log.info("mixed: RMSE %.2f of 255 at %d hidden pixels", 255 * rmse, case.hidden.sum())
    restored = np.where(known[..., None], case.truth, mixture.pixels.clip(0.0, 1.0))
    # What was made in a smaller picture has been polished there.
    if factor == 1 and case.rmse(refine.polish(mixture.pixels, case.observed, rmse)) < rmse:
        restored = refine.polish(restored, known, rmse)
    return replace(
        first,
        restored=restored,
        held_out_psnr=-20 * math.log10(rmse),
        shares=tuple(zip(tried, mixture.shares, strict=True)),
        error=np.where(known, 0.0, mixture.error),
    )


@dataclass(frozen=True, eq=False)
class _Case:
    """A picture with some of its known pixels hidden.

    Attributes:
        image: As it came, shape (h, w, c).
        truth: Its known pixels, 0 elsewhere.
        hidden: Which of them are hidden, shape (h, w).
        observed: Which of them are not.
        missing: Where there are none.
    """

    image: Pixels
    truth: Pixels
    hidden: Bools
    observed: Bools
    missing: Bools

    @classmethod
    def of(cls, image: Pixels, known: Bools, share: float, seed: int) -> _Case:
        hidden = held_out(known, share, np.random.default_rng(seed))
        return cls(image, np.where(known[..., None], image, 0.0), hidden, known & ~hidden, ~known)

    def mixed(self, tried: dict[str, Pixels]) -> Mixture:
        return mix(list(tried.values()), self.truth, self.hidden, self.missing)

    def rmse(self, restored: Pixels) -> float:
        return max(float(np.sqrt(np.square(restored - self.truth)[self.hidden].mean())), 1e-12)


def _by_priors(
    case: _Case, config: Config, refine: Refiner, callback: Callback | None
) -> tuple[Result, dict[str, Pixels]]:
    """Return what the whole channels come to, and what every prior makes of the picture, by name."""
    first = inpaint(case.image, case.observed, _alone(config), callback=callback)
    tried = {config.fill: first.start, "global": first.restored}
    start = case.mixed(tried).pixels
    for prior in _TRIED[config.quality]:
        if refine.time_left():
            tried[prior] = refine(prior, start, case.observed)
    return first, tried


def _by_smaller(
    case: _Case, config: Config, refine: Refiner, factor: int, callback: Callback | None
) -> tuple[Result, dict[str, Pixels]]:
    """Return what all this comes to in a smaller picture, and the first fill with and without it, by name."""
    filled = fill(case.image, case.observed, config.fill)
    X = as_channels(filled, device=torch.device("cpu"), dtype=torch.float32)
    known = wholly_known(torch.from_numpy(case.observed), factor)
    small = shrunk(X, factor)
    result = restore_by_all(to_pixels(small).clip(0.0, 1.0), known.numpy(), config, refine, callback=callback)
    change = as_channels(result.restored, device=X.device, dtype=X.dtype) - small
    detailed = to_pixels(X + enlarged(change, factor, X.shape[1:])).clip(0.0, 1.0)
    return result, {config.fill: filled, "smaller": detailed}


def _alone(config: Config) -> Config:
    """Return the settings of the whole channels where others follow."""
    steps = min(config.steps, _DRAFT_STEPS) if config.quality == "draft" else config.steps
    return replace(config, noise=0.0, held_out=0.0, prior="global", steps=steps)


def _share_to_hide(known: Bools, wanted: float) -> float:
    num_known = int(known.sum())
    enough = max(_ENOUGH, known.size - num_known) / num_known
    return max(min(wanted, enough), _MIN_HIDDEN / num_known)
