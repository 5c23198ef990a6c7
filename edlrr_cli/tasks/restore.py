"""Inpainting by the prior that the settings name, each building on the one before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.device import resolve_device
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
    result tells beside the image is of ``global`` then, but for the seconds and the effective rank.
    """
    started = time.perf_counter()
    config = config or Config()
    result = inpaint(image, known, config, callback=callback)
    if config.prior == "global":
        return result
    restored = _by_similar_patches(result.restored, known, config, started, callback)
    return replace(
        result,
        restored=restored,
        seconds=time.perf_counter() - started,
        effective_rank_after=effective_rank(torch.from_numpy(restored).permute(2, 0, 1)),
    )


def _by_similar_patches(
    start: Pixels, known: NDArray[np.bool_], config: Config, started: float, callback: Callback | None
) -> Pixels:
    def pixels(X: Tensor) -> Pixels:
        restored = X.permute(1, 2, 0).double().cpu().numpy().clip(0.0, 1.0)
        return np.where(known[..., None], start, restored)

    def told(number: int, count: int, penalty: float, X: Tensor) -> None:
        if callback is not None:
            callback(Progress(number, count, penalty, None, lambda: pixels(X)))

    def time_left() -> bool:
        return config.time_budget is None or time.perf_counter() - started < config.time_budget

    device = resolve_device(config.device)
    X = torch.from_numpy(start).permute(2, 0, 1).contiguous().float().to(device)
    return pixels(
        lower_group_ranks(X, torch.from_numpy(known).to(device), progress=told, time_left=time_left)
    )
