"""Batch sizes limited by the memory of a GPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

# Pixels per batch: on a CPU one image, since several are no faster.
_AT_ONCE_PX = {"cpu": 0.0, "cuda": 4e6}

_log = logging.getLogger(__name__)


def most_at_once(device: torch.device, num_px: int) -> int:
    """Return the largest batch of images of ``num_px`` pixels each, if memory suffices."""
    return max(int(_AT_ONCE_PX[device.type] // num_px), 1)


def in_batches(call: Callable[[Sequence[T]], list[R]], items: Sequence[T], *, most: int) -> list[R]:
    """Process items in batches; a batch that exceeds the memory of the GPU is halved.

    Args:
        most: Maximum batch size, at least 1.

    Raises:
        RuntimeError: The memory is too small for a single item, or ``call`` raised it.
    """
    done: list[R] = []
    while len(done) < len(items):
        batch = items[len(done) : len(done) + most]
        try:
            done += call(batch)
            continue
        except RuntimeError as error:
            if len(batch) == 1 or not is_out_of_gpu_memory(error):
                raise
        torch.cuda.empty_cache()  # after the except block, since the exception's frames hold tensors
        most = len(batch) // 2
        _log.warning(
            "GPU memory is too small for a batch of %d images; the batch size is now %d", len(batch), most
        )
    return done


def is_out_of_gpu_memory(error: RuntimeError) -> bool:
    """Whether an error of torch's allocator or driver reports that the GPU is out of memory."""
    return isinstance(error, torch.OutOfMemoryError) or "CUDA error: out of memory" in str(error)
