"""Inpainting by the prior that the settings name, each building on the one before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.inpaint import Pixels, Progress, Result, effective_rank, inpaint
from edlrr_cli.tasks.similar_patches import lower_group_ranks

Callback = Callable[[Progress], None]


def restore(
    image: Pixels,
    known: NDArray[np.bool_],
    config: Config | None = None,
    *,
    callback: Callback | None = None,
) -> Result:
    """Restore the missing pixels of an image; arguments and errors are those of `inpaint`.

    The prior ``nonlocal`` starts from the result of ``global`` and changes the missing pixels alone. What the
    result tells beside the image is of ``global`` then, but for the seconds, the effective rank and a stop by
    the time budget.
    """
    started = time.perf_counter()
    config = config or Config()
    result = inpaint(image, known, config, callback=callback)
    if config.prior == "global":
        return result
    deadline = None if config.time_budget is None else started + config.time_budget
    restored, stop = _by_similar_patches(result, known, deadline, callback)
    return replace(
        result,
        restored=restored,
        stop=stop,
        seconds=time.perf_counter() - started,
        effective_rank_after=effective_rank(
            as_channels(restored, device=torch.device("cpu"), dtype=torch.float64)
        ),
    )


def _by_similar_patches(
    result: Result, known: NDArray[np.bool_], deadline: float | None, callback: Callback | None
) -> tuple[Pixels, str]:
    """Return the image and why it stopped; the deadline is on the clock of `time.perf_counter`."""
    stop = result.stop

    def pixels(X: Tensor) -> Pixels:
        return np.where(known[..., None], result.restored, to_pixels(X).clip(0.0, 1.0))

    def told(number: int, count: int, penalty: float, X: Tensor) -> None:
        if callback is not None:
            callback(Progress(number, count, penalty, None, lambda: pixels(X)))

    def time_left() -> bool:
        nonlocal stop
        if deadline is not None and time.perf_counter() >= deadline:
            stop = "time budget"
        return stop != "time budget"

    device = torch.device(result.device)
    X = as_channels(result.restored, device=device, dtype=torch.float32)
    X = lower_group_ranks(X, torch.from_numpy(known).to(device), progress=told, time_left=time_left)
    return pixels(X), stop
