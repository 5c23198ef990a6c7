"""Inpainting by the prior that the settings name, each building on the whole channels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.auto import restore_by_all
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.denoise.config import Config as Denoising
from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.run import denoise_by_network
from edlrr_cli.tasks.inpaint import (
    Bools,
    Pixels,
    Progress,
    Result,
    check_input,
    effective_rank,
    inpaint,
    noise_of,
)
from edlrr_cli.tasks.refine import Refiner
from edlrr_cli.tasks.windows import restore_in_windows

Callback = Callable[[Progress], None]

# A budget that is spent.
_NO_TIME_S = 1e-9


def restore(
    image: Pixels,
    known: Bools,
    config: Config | None = None,
    *,
    denoiser: Denoiser | None = None,
    callback: Callback | None = None,
) -> Result:
    """Restore the missing pixels of an image; arguments and errors are those of `inpaint`, mostly.

    Large pictures are restored in windows around their holes, but for the prior ``global``. Noisy ones are
    filled as if they were clean, with penalties that are blind to what is smaller than the noise, and then
    denoised, by groups of similar patches without a denoiser; ``global`` fits the known pixels instead. What
    the result tells of steps, objective, penalty and scale is of ``global``, where every other prior starts.

    Args:
        image: As in `inpaint`.
        known: As in `inpaint`.
        config: Settings; None for the defaults.
        denoiser: Of the prior ``network``, and of noisy gray or RGB images.
        callback: Told of the progress, which begins anew with each prior.

    Raises:
        UsageError: As there; or the prior is ``auto`` and no pixels may be hidden.
    """
    started = time.perf_counter()
    config = config or Config()
    check_input(image, known)
    if config.prior == "auto" and config.held_out == 0:
        raise UsageError("held_out 0 leaves the prior auto nothing to judge by", "take another prior")
    noise = noise_of(image, known, config)
    if config.prior == "global":
        return inpaint(image, known, config, callback=callback)
    deadline = None if config.time_budget is None else started + config.time_budget
    refine = Refiner(config, least_error=noise, denoiser=denoiser, callback=callback, deadline=deadline)

    def whole(image: Pixels, known: Bools) -> Result:
        left = None if deadline is None else max(deadline - time.perf_counter(), _NO_TIME_S)
        return _restore_whole(image, known, replace(config, time_budget=left), refine, callback)

    result = restore_in_windows(image, known, whole)
    return replace(
        result,
        restored=result.restored if noise == 0 else _denoised(result, noise, denoiser),
        seconds=time.perf_counter() - started,
        stop=result.stop if refine.in_time else "time budget",
        noise=noise,
    )


def _restore_whole(
    image: Pixels, known: Bools, config: Config, refine: Refiner, callback: Callback | None
) -> Result:
    if config.prior == "auto":
        result = restore_by_all(image, known, config, refine, callback=callback)
    else:
        result = inpaint(image, known, replace(config, noise=0.0), callback=callback)
        result = replace(result, restored=refine(config.prior, result.restored, known))
    channels = as_channels(result.restored, device=torch.device("cpu"), dtype=torch.float64)
    return replace(result, effective_rank_after=effective_rank(channels))


def _denoised(result: Result, noise: float, denoiser: Denoiser | None) -> Pixels:
    """Return the restored picture without the noise of its known pixels."""
    device = torch.device(result.device)
    X = as_channels(result.restored, device=device, dtype=torch.float32)
    if denoiser is not None and len(X) in (1, 3):
        return to_pixels(denoise_by_network(X, noise, denoiser.to(device))).clip(0.0, 1.0)
    return to_pixels(denoise_lowrank(X, noise, reg=Denoising().penalty)).clip(0.0, 1.0)
