"""Inpainting by the prior that the settings name, each building on the whole channels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from threading import Event

import torch

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.auto import restore_by_all
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.denoise.config import Config as Denoising
from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.run import denoise_by_network
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint import (
    WINDOWS,
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
from edlrr_cli.tasks.shrink import is_enough_left
from edlrr_cli.tasks.windows import Window, num_px, restore_in_windows, windows_of

Callback = Callable[[Progress], None]

# A budget that is spent.
_NO_TIME_S = 1e-9

# What quality is meant if none is said, up to so many pixels in the windows of a picture. Measured: see
# DECISIONS.md.
_UP_TO_PX = {"balanced": 0.5e6, "fast": 1e6}
# A draft of more than so many pixels is made in a smaller picture, if enough is known there.
_DRAFT_PX, _FACTORS = 1.3e6, (1, 2, 4, 8)


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
        callback: Told of the progress, which begins anew with each prior; of several windows, which are done.

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
    windows = windows_of(known)
    config = replace(config, quality=_quality(config.quality, windows))
    factor = _factor(known, windows) if (config.prior, config.quality) == ("auto", "draft") else 1
    if factor > 1:
        windows = windows_of(known, factor)
    deadline = None if config.time_budget is None else started + config.time_budget
    work = _Work(config, factor, noise, denoiser, deadline, callback if len(windows) == 1 else None)
    result = restore_in_windows(
        image,
        known,
        windows,
        work,
        num_threads=_threads_for(config.device, len(windows)),
        stop=work.stop,
        finished=callback and _counted(callback, len(windows)),
    )
    return replace(
        result,
        restored=result.restored if noise == 0 else _denoised(result, noise, denoiser),
        seconds=time.perf_counter() - started,
        stop=result.stop if work.refine.in_time else "time budget",
        noise=noise,
        quality=config.quality,
    )


def _quality(wanted: str, windows: Sequence[Window]) -> str:
    """Return the quality that is meant: by the pixels to be worked on, if none is said."""
    if wanted != "auto":
        return wanted
    here = num_px(windows)
    return next((name for name, most_px in _UP_TO_PX.items() if here <= most_px), "draft")


def _factor(known: Bools, windows: Sequence[Window]) -> int:
    """Return by how much smaller the picture of a draft is, so that enough is known there."""
    here = num_px(windows)
    factor = next((of for of in _FACTORS if here <= _DRAFT_PX * of**2), _FACTORS[-1])
    while factor > 1 and not is_enough_left(torch.from_numpy(known), factor):
        factor //= 2
    return factor


def _threads_for(device: str, num_windows: int) -> int:
    """Return how many windows are restored at a time: on a GPU one, on a CPU one for each of its threads."""
    return min(torch.get_num_threads(), num_windows) if resolve_device(device).type == "cpu" else 1


def _counted(callback: Callback, num_windows: int) -> Callable[[int, Result], None]:
    """Return what tells of windows as of steps."""

    def finished(count: int, result: Result) -> None:
        callback(Progress(count, num_windows, result.penalty, None, lambda: result.restored, WINDOWS))

    return finished


class _Work:
    """What is done with each window.

    Attributes:
        refine: Runs the priors.
        stop: Set if nobody waits for the results any more.
    """

    def __init__(
        self,
        config: Config,
        factor: int,
        noise: float,
        denoiser: Denoiser | None,
        deadline: float | None,
        callback: Callback | None,
    ) -> None:
        self.stop = Event()
        self._config, self._factor, self._deadline, self._callback = config, factor, deadline, callback
        self.refine = Refiner(
            config, least_error=noise, denoiser=denoiser, callback=self._told, deadline=deadline
        )

    def __call__(self, image: Pixels, known: Bools) -> Result:
        left = None if self._deadline is None else max(self._deadline - time.perf_counter(), _NO_TIME_S)
        config = replace(self._config, time_budget=left)
        return _restore_whole(image, known, config, self.refine, self._factor, self._told)

    def _told(self, progress: Progress) -> None:
        if self.stop.is_set():
            raise CancelledError
        if self._callback is not None:
            self._callback(progress)


def _restore_whole(
    image: Pixels, known: Bools, config: Config, refine: Refiner, factor: int, callback: Callback | None
) -> Result:
    if config.prior == "auto":
        result = restore_by_all(image, known, config, refine, factor=factor, callback=callback)
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
