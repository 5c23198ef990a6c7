"""Every prior, judged by known pixels that were hidden from all of them, and mixed accordingly."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.holdout import held_out
from edlrr_cli.tasks.inpaint import Bools, Pixels, Progress, Result, inpaint
from edlrr_cli.tasks.mixture import Mixture, mix
from edlrr_cli.tasks.refine import Refiner

_log = logging.getLogger(__name__)

#: What is tried after the whole channels, by quality.
_TRIED: dict[str, tuple[str, ...]] = {
    "draft": (),
    "fast": ("local",),
    "balanced": ("local", "nonlocal"),
    "best": ("local", "nonlocal"),
}
#: Of the whole channels, at most, where they are all there is.
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
    callback: Callable[[Progress], None] | None = None,
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
        callback: Told of the progress of the whole channels.
    """
    share = _share_to_hide(known, config.held_out)
    steps = min(config.steps, _DRAFT_STEPS) if config.quality == "draft" else config.steps
    alone = replace(config, noise=0.0, held_out=0.0, prior="global", steps=steps)
    if share > _MAX_SHARE:
        _log.info("too few known pixels to hide any: global and local, unjudged")
        first = inpaint(image, known, alone, callback=callback)
        return replace(first, restored=refine("local", first.restored, known))
    truth = np.where(known[..., None], image, 0.0)
    hidden = held_out(known, share, np.random.default_rng(config.seed))
    observed = known & ~hidden
    first = inpaint(image, observed, alone, callback=callback)
    tried = {config.fill: first.start, "global": first.restored}

    def mixed() -> Mixture:
        return mix(list(tried.values()), truth, hidden, ~known)

    start = mixed().pixels
    for prior in _TRIED[config.quality]:
        if refine.time_left():
            tried[prior] = refine(prior, start, observed)
    mixture = mixed()
    rmse = _rmse(mixture.pixels, truth, hidden)
    for (prior, pixels), mine in zip(tried.items(), mixture.shares, strict=True):
        error = 255 * _rmse(pixels, truth, hidden)
        _log.info("%s: share %.2f, RMSE %.2f of 255 at hidden pixels", prior, mine, error)
    _log.info("mixed: RMSE %.2f of 255 at %d hidden pixels", 255 * rmse, hidden.sum())
    restored = np.where(known[..., None], truth, mixture.pixels.clip(0.0, 1.0))
    if _rmse(refine.polish(mixture.pixels, observed, rmse), truth, hidden) < rmse:
        restored = refine.polish(restored, known, rmse)
    return replace(
        first,
        restored=restored,
        held_out_psnr=-20 * math.log10(rmse),
        shares=tuple(zip(tried, mixture.shares, strict=True)),
        error=np.where(known, 0.0, mixture.error),
    )


def _rmse(restored: Pixels, truth: Pixels, where: Bools) -> float:
    return max(float(np.sqrt(np.square(restored - truth)[where].mean())), 1e-12)


def _share_to_hide(known: Bools, wanted: float) -> float:
    num_known = int(known.sum())
    enough = max(_ENOUGH, known.size - num_known) / num_known
    return max(min(wanted, enough), _MIN_HIDDEN / num_known)
