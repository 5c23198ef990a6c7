"""Inpainting by the selected prior; every prior starts from global low-rank completion."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from itertools import count
from threading import Event

import torch

from edlrr_cli.channels import as_channels, to_pixels
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
from edlrr_cli.tasks.inpaint.geometry import Window
from edlrr_cli.tasks.inpaint.lowrank.completion import (
    START_SMOOTHING,
    effective_ranks,
    inpaint_each,
    noise_of,
)
from edlrr_cli.tasks.inpaint.problem import (
    WINDOWS,
    Bools,
    Callback,
    InpaintProblem,
    Pixels,
    Progress,
    Result,
    check_input,
)
from edlrr_cli.tasks.inpaint.refine import Refiner
from edlrr_cli.tasks.inpaint.stages import quality_of, stages_of
from edlrr_cli.tasks.inpaint.windows import (
    is_small,
    joined_stages,
    num_px,
    restore_in_windows,
    windows_of,
)
from edlrr_cli.tasks.memory import in_batches, most_at_once

# An exhausted time budget; 0 is not a valid setting.
_NO_TIME_S = 1e-9


def restore(
    image: Pixels,
    known: Bools,
    config: Config | None = None,
    *,
    denoiser: Denoiser | None = None,
    callback: Callback | None = None,
    visible: Bools | None = None,
) -> Result:
    """Restore the missing pixels of an image.

    Large images are restored in windows around their holes, except by the prior ``global``. Noisy images are
    filled as if they were clean, with penalties that ignore details smaller than the noise, and then
    denoised; without a denoiser by low rank of similar patches. ``global`` fits the noisy known pixels
    instead. Steps, objective, penalty and scale in the result are those of ``global``, from which every
    other prior starts.

    Args:
        image: As in `edlrr_cli.tasks.inpaint.lowrank.completion.inpaint`.
        known: As there.
        config: Settings; None for the defaults.
        denoiser: Denoiser for the prior ``network``, and for noisy gray or RGB images.
        callback: Called with the progress, which restarts with each prior; with several windows, it counts
            windows.
        visible: Shape (h, w), False = transparent pixel, whose color is ignored and kept unless the pixel is
            missing; None: all pixels are visible.

    Raises:
        UsageError: As there; or the prior is ``auto`` and ``held_out`` is 0.
    """
    damaged = InpaintProblem(image, known, callback=callback, visible=visible)
    return restore_each([damaged], config or Config(), denoiser=denoiser)[0]


def restore_each(
    problems: Sequence[InpaintProblem], config: Config, *, denoiser: Denoiser | None = None
) -> list[Result]:
    """Restore images of one shape; on a GPU small ones in batches as large as its memory allows.

    Up to rounding, the results do not depend on the batch.

    Args:
        problems: Problems of one shape; their noise is replaced by that of the settings, or estimated. Not
            modified.
        config: Settings. With a time budget, which applies to each image, or with probes, images are restored
            one after another.
        denoiser: As in `restore`.

    Raises:
        EdlrrError: As `restore`, if any of the images raises it.
    """
    for problem in problems:
        check_input(problem.image, problem.known, problem.visible)
    if config.prior == "auto" and config.held_out == 0:
        raise UsageError("the prior auto needs held-out pixels, got held_out 0", "use another prior")
    problems = [replace(problem, noise=noise_of(problem.image, problem.seen, config)) for problem in problems]
    results = _restored(problems, config, denoiser)
    return [
        replace(
            result,
            restored=problem.with_own_colors(result.restored),
            notes=(*result.notes, *low_noise_notes(problem.noise, "--noise", given=config.noise)),
        )
        for problem, result in zip(problems, results, strict=True)
    ]


def _restored(problems: Sequence[InpaintProblem], config: Config, denoiser: Denoiser | None) -> list[Result]:
    is_batched = all(is_small(problem.known) for problem in problems) or config.prior == "global"
    if not is_batched or config.time_budget is not None or config.probes:
        return [_restored_single(problem, config, denoiser) for problem in problems]
    return in_batches(
        lambda batch: _restored_batch(batch, config, denoiser),
        problems,
        most=most_at_once(resolve_device(config.device), problems[0].known.size),
    )


def _restored_batch(
    problems: Sequence[InpaintProblem], config: Config, denoiser: Denoiser | None
) -> list[Result]:
    problems = [problem.with_reflections() for problem in problems]
    if config.prior == "global":
        return inpaint_each(problems, config)
    started = time.perf_counter()
    config = replace(config, quality=quality_of(config.quality, num_px(windows_of(problems[0].known))))
    with single_threaded_calls():
        results = _restore_whole(problems, config, Refiner(config, denoiser=denoiser), 1)
    restored = _denoised(results, [problem.noise for problem in problems], denoiser)
    seconds = (time.perf_counter() - started) / len(problems)
    return [
        replace(result, restored=pixels, seconds=seconds, noise=problem.noise, quality=config.quality)
        for problem, result, pixels in zip(problems, results, restored, strict=True)
    ]


def _restored_single(problem: InpaintProblem, config: Config, denoiser: Denoiser | None) -> Result:
    if config.prior == "global":
        return inpaint_each([problem.with_reflections()], config)[0]
    started = time.perf_counter()
    stages = stages_of(problem, config)
    num_windows = sum(len(stage.windows) for stage in stages)
    deadline = None if config.time_budget is None else started + config.time_budget
    finished = problem.callback and _counted(problem.callback, num_windows)
    problem = replace(problem, callback=problem.callback if num_windows == 1 else None)
    results: list[Result] = []
    in_time = True
    with single_threaded_calls():
        for stage in stages:
            restorer = _WindowRestorer(
                replace(config, quality=stage.quality), stage.factor, problem, denoiser, deadline
            )
            result = restore_in_windows(
                problem.image,
                ~stage.missing,
                stage.windows,
                restorer,
                num_threads=threads_for(config.device, len(stage.windows)),
                stop=restorer.stop,
                finished=finished,
            )
            results.append(result)
            problem = replace(problem, image=result.restored, known=problem.known | stage.missing)
            in_time &= restorer.refine.in_time
    result = joined_stages(results, [float(stage.missing.sum()) for stage in stages])
    return replace(
        result,
        restored=_denoised([result], [problem.noise], denoiser)[0],
        seconds=time.perf_counter() - started,
        stop=result.stop if in_time else "time budget",
        noise=problem.noise,
        quality=stages[-1].quality,
    )


def threads_for(device: str, num_windows: int) -> int:
    """Return the number of windows restored in parallel: one on a GPU, one per thread on a CPU."""
    return min(num_workers(), num_windows) if resolve_device(device).type == "cpu" else 1


def _counted(callback: Callback, num_windows: int) -> Callable[[Result], None]:
    """Return a callback that reports finished windows as steps."""
    numbers = count(1)

    def finished(result: Result) -> None:
        callback(Progress(next(numbers), num_windows, result.penalty, None, lambda: result.restored, WINDOWS))

    return finished


class _WindowRestorer:
    """Restores a window of an image.

    Attributes:
        refine: Runs the priors.
        stop: Set to cancel the windows in progress.
    """

    def __init__(
        self,
        config: Config,
        factor: int,
        problem: InpaintProblem,
        denoiser: Denoiser | None,
        deadline: float | None,
    ) -> None:
        self.stop = Event()
        self.refine = Refiner(config, denoiser=denoiser, deadline=deadline)
        self._config, self._factor, self._problem, self._deadline = config, factor, problem, deadline

    def __call__(self, window: Window) -> Result:
        left = None if self._deadline is None else max(self._deadline - time.perf_counter(), _NO_TIME_S)
        config = replace(self._config, time_budget=left)
        problem = replace(self._problem.window(*window).with_reflections(), callback=self._report)
        return _restore_whole([problem], config, self.refine, self._factor)[0]

    def _report(self, progress: Progress) -> None:
        if self.stop.is_set():
            raise CancelledError
        if self._problem.callback is not None:
            self._problem.callback(progress)


def _restore_whole(
    problems: Sequence[InpaintProblem], config: Config, refine: Refiner, factor: int
) -> list[Result]:
    if config.prior == "auto":
        results = restore_by_all(problems, config, refine, factor=factor)
    else:
        clean = [replace(problem, noise=0.0) for problem in problems]
        results = inpaint_each(clean, config, smoothing=START_SMOOTHING)
        starts = [
            replace(problem, image=result.restored) for problem, result in zip(problems, results, strict=True)
        ]
        refined = refine(config.prior, starts)
        results = [replace(result, restored=pixels) for result, pixels in zip(results, refined, strict=True)]
    return [replace(result, effective_rank_after=_rank_of(result.restored)) for result in results]


def _rank_of(pixels: Pixels) -> float:
    channels = as_channels(pixels, device=torch.device("cpu"), dtype=torch.float64)
    return effective_ranks(channels[None])[0]


def _denoised(results: Sequence[Result], noise: Sequence[float], denoiser: Denoiser | None) -> list[Pixels]:
    """Return the restored images without the noise of their known pixels."""
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
            [denoise_lowrank(image, level, reg=reg) for image, level in zip(X, levels, strict=True)]
        )
    for index, channels in zip(noisy, clean, strict=True):
        restored[index] = to_pixels(channels).clip(0.0, 1.0)
    return restored
