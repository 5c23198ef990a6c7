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
from edlrr_cli.parallel import num_workers, single_threaded_calls
from edlrr_cli.tasks.denoise.config import Config as Denoising
from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.noise_level import low_noise_notes
from edlrr_cli.tasks.denoise.run import denoise_by_network
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.auto import restore_by_all
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.picture import (
    WINDOWS,
    Bools,
    Callback,
    Damaged,
    Pixels,
    Progress,
    Result,
    check_input,
)
from edlrr_cli.tasks.inpaint.refine import Refiner
from edlrr_cli.tasks.inpaint.shrink import is_enough_left
from edlrr_cli.tasks.inpaint.whole.completion import effective_ranks, inpaint_each, noise_of
from edlrr_cli.tasks.inpaint.windows import Window, is_small, num_px, restore_in_windows, windows_of
from edlrr_cli.tasks.memory import in_batches, most_at_once

# A budget that is spent.
_NO_TIME_S = 1e-9

# What quality is meant if none is said, up to so many pixels in the windows of a picture. Measured: see
# docs/decisions.md.
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
    visible: Bools | None = None,
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
        visible: Shape (h, w), False = transparent pixel: neither a known color nor one to restore. It is not
            looked at, and stays as it is unless ``known`` says that it is missing. None: all are visible.

    Raises:
        UsageError: As there; or the prior is ``auto`` and no pixels may be hidden.
    """
    damaged = Damaged(image, known, callback=callback, visible=visible)
    return restore_each([damaged], config or Config(), denoiser=denoiser)[0]


def restore_each(
    pictures: Sequence[Damaged], config: Config, *, denoiser: Denoiser | None = None
) -> list[Result]:
    """Restore pictures of one shape; on a GPU several small ones at once, as many as its memory allows.

    Each comes to what it comes to alone, but for rounding.

    Args:
        pictures: All of one shape; their noise is the settings', or estimated. Not modified.
        config: Settings. With a time budget, which is each picture's, or with probes, one is restored after
            another.
        denoiser: As in `restore`.

    Raises:
        EdlrrError: As `restore`, of all if of one.
    """
    for picture in pictures:
        check_input(picture.image, picture.known, picture.visible)
    if config.prior == "auto" and config.held_out == 0:
        raise UsageError("held_out 0 leaves the prior auto nothing to judge by", "take another prior")
    pictures = [replace(picture, noise=noise_of(picture.image, picture.seen, config)) for picture in pictures]
    results = _restored(pictures, config, denoiser)
    return [
        replace(
            result,
            restored=picture.with_own_colors(result.restored),
            notes=(*result.notes, *low_noise_notes(picture.noise, "--noise", given=config.noise)),
        )
        for picture, result in zip(pictures, results, strict=True)
    ]


def _restored(pictures: Sequence[Damaged], config: Config, denoiser: Denoiser | None) -> list[Result]:
    together = all(is_small(picture.known) for picture in pictures) or config.prior == "global"
    if not together or config.time_budget is not None or config.probes:
        return [_restored_alone(picture, config, denoiser) for picture in pictures]
    return in_batches(
        lambda some: _restored_together(some, config, denoiser),
        pictures,
        most=most_at_once(resolve_device(config.device), pictures[0].known.size),
    )


def _restored_together(
    pictures: Sequence[Damaged], config: Config, denoiser: Denoiser | None
) -> list[Result]:
    pictures = [picture.with_reflections() for picture in pictures]
    if config.prior == "global":
        return inpaint_each(pictures, config)
    started = time.perf_counter()
    config = replace(config, quality=_quality(config.quality, windows_of(pictures[0].known)))
    with single_threaded_calls():
        results = _restore_whole(pictures, config, Refiner(config, denoiser=denoiser), 1)
    restored = _denoised(results, [picture.noise for picture in pictures], denoiser)
    seconds = (time.perf_counter() - started) / len(pictures)
    return [
        replace(result, restored=pixels, seconds=seconds, noise=picture.noise, quality=config.quality)
        for picture, result, pixels in zip(pictures, results, restored, strict=True)
    ]


def _restored_alone(picture: Damaged, config: Config, denoiser: Denoiser | None) -> Result:
    if config.prior == "global":
        return inpaint_each([picture.with_reflections()], config)[0]
    started = time.perf_counter()
    known, callback = picture.known, picture.callback
    windows = windows_of(known, visible=picture.visible)
    config = replace(config, quality=_quality(config.quality, windows))
    factor = _factor(picture.seen, windows) if (config.prior, config.quality) == ("auto", "draft") else 1
    if factor > 1:
        windows = windows_of(known, factor, visible=picture.visible)
    deadline = None if config.time_budget is None else started + config.time_budget
    told = callback if len(windows) == 1 else None
    work = _Work(config, factor, replace(picture, callback=told), denoiser, deadline)
    with single_threaded_calls():
        result = restore_in_windows(
            picture.image,
            known,
            windows,
            work,
            num_threads=_threads_for(config.device, len(windows)),
            stop=work.stop,
            finished=callback and _counted(callback, len(windows)),
        )
    return replace(
        result,
        restored=_denoised([result], [picture.noise], denoiser)[0],
        seconds=time.perf_counter() - started,
        stop=result.stop if work.refine.in_time else "time budget",
        noise=picture.noise,
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
    return min(num_workers(), num_windows) if resolve_device(device).type == "cpu" else 1


def _counted(callback: Callback, num_windows: int) -> Callable[[int, Result], None]:
    """Return what tells of windows as of steps."""

    def finished(count: int, result: Result) -> None:
        callback(Progress(count, num_windows, result.penalty, None, lambda: result.restored, WINDOWS))

    return finished


class _Work:
    """What is done with each window of a picture.

    Attributes:
        refine: Runs the priors.
        stop: Set if nobody waits for the results any more.
    """

    def __init__(
        self,
        config: Config,
        factor: int,
        picture: Damaged,
        denoiser: Denoiser | None,
        deadline: float | None,
    ) -> None:
        self.stop = Event()
        self.refine = Refiner(config, denoiser=denoiser, deadline=deadline)
        self._config, self._factor, self._picture, self._deadline = config, factor, picture, deadline

    def __call__(self, window: Window) -> Result:
        left = None if self._deadline is None else max(self._deadline - time.perf_counter(), _NO_TIME_S)
        config = replace(self._config, time_budget=left)
        picture = replace(self._picture.window(*window).with_reflections(), callback=self._told)
        return _restore_whole([picture], config, self.refine, self._factor)[0]

    def _told(self, progress: Progress) -> None:
        if self.stop.is_set():
            raise CancelledError
        if self._picture.callback is not None:
            self._picture.callback(progress)


def _restore_whole(pictures: Sequence[Damaged], config: Config, refine: Refiner, factor: int) -> list[Result]:
    if config.prior == "auto":
        results = restore_by_all(pictures, config, refine, factor=factor)
    else:
        results = inpaint_each([replace(picture, noise=0.0) for picture in pictures], config)
        starts = [
            replace(picture, image=result.restored) for picture, result in zip(pictures, results, strict=True)
        ]
        refined = refine(config.prior, starts)
        results = [replace(result, restored=pixels) for result, pixels in zip(results, refined, strict=True)]
    return [replace(result, effective_rank_after=_rank_of(result.restored)) for result in results]


def _rank_of(pixels: Pixels) -> float:
    channels = as_channels(pixels, device=torch.device("cpu"), dtype=torch.float64)
    return effective_ranks(channels[None])[0]


def _denoised(results: Sequence[Result], noise: Sequence[float], denoiser: Denoiser | None) -> list[Pixels]:
    """Return the restored pictures without the noise of their known pixels."""
    restored = [result.restored for result in results]
    noisy = [index for index, level in enumerate(noise) if level]
    if not noisy:
        return restored
    device = torch.device(results[0].device)
    X = torch.stack([as_channels(restored[index], device=device, dtype=torch.float32) for index in noisy])
    levels = [noise[index] for index in noisy]
    if denoiser is not None and X.shape[1] in (1, 3):
        sigma = torch.tensor(levels, dtype=torch.float32, device=device)
        clean = denoise_by_network(X, sigma, denoiser.to(device))
    else:
        reg = Denoising().penalty
        clean = torch.stack(
            [denoise_lowrank(of, level, reg=reg) for of, level in zip(X, levels, strict=True)]
        )
    for index, channels in zip(noisy, clean, strict=True):
        restored[index] = to_pixels(channels).clip(0.0, 1.0)
    return restored
