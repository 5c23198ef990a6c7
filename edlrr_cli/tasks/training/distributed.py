"""Several processes that train one network, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from edlrr_cli.errors import DeviceError


@dataclass(frozen=True)
class Process:
    """One of the processes.

    Attributes:
        rank: Its number; 0 validates and writes.
        count: How many there are.
        local_rank: Its number on this machine, which is that of its GPU.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the process that speaks and writes for all."""
        return self.rank == 0

    def agree(self, value: float) -> float:
        """Return the leader's value."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        if distributed.get_backend() == "nccl":
            shared = shared.cuda(self.local_rank)
        distributed.broadcast(shared, src=0)
        return float(shared)


@contextmanager
def joined(device: str) -> Iterator[tuple[Process, str]]:
    """Join the other processes if `torchrun` started this one, and part from them in the end.

    Args:
        device: The name of a device; ``"auto"`` and ``"cuda"`` become this process's own GPU.

    Yields:
        This process and the name of its device.

    Raises:
        DeviceError: One GPU is asked for by number, for all processes.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Process(), device
        return
    if device.startswith("cuda:"):
        raise DeviceError(f"{count} processes cannot share {device}", "take --device cuda")
    local_rank = int(os.environ["LOCAL_RANK"])
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        process = Process(int(os.environ["RANK"]), count, local_rank)
        yield process, f"cuda:{local_rank}" if on_gpu else "cpu"
        # The leader is the last to be done; who parts earlier tears connections down that it still holds.
        distributed.barrier(device_ids=[local_rank] if on_gpu else None)
    finally:
        distributed.destroy_process_group()
