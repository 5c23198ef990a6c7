"""Batches as large as the memory of a GPU allows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

# Pixels at once: on a CPU one picture, since several are no faster.
_AT_ONCE_PX = {"cpu": 0.0, "cuda": 4e6}

_log = logging.getLogger(__name__)


def most_at_once(device: torch.device, num_px: int) -> int:
    """Return how many pictures of so many pixels are computed at once, if there is memory for them."""
    return max(int(_AT_ONCE_PX[device.type] // num_px), 1)


def in_batches(call: Callable[[Sequence[T]], list[R]], items: Sequence[T], *, most: int) -> list[R]:
    """Call on so many items at once; on half as many where the memory of the GPU is too small for them.

    Args:
        call: Returns one result for each item.
        items: What it is called on.
        most: Items at once, at least 1.

    Raises:
        RuntimeError: The memory is too small for one; or see the call.
    """
    done: list[R] = []
    while len(done) < len(items):
        some = items[len(done) : len(done) + most]
        try:
            done += call(some)
            continue
        except RuntimeError as error:
            if len(some) == 1 or not is_full_gpu(error):
                raise
        torch.cuda.empty_cache()  # the exception is gone, and with it what its frames held
        most = len(some) // 2
        _log.warning("the memory of the GPU is too small for %d pictures at once: %d", len(some), most)
    return done


def is_full_gpu(error: RuntimeError) -> bool:
    """Recognise what torch raises, by allocator or by driver; on a CPU it has another name."""
    return isinstance(error, torch.OutOfMemoryError) or "CUDA error: out of memory" in str(error)
