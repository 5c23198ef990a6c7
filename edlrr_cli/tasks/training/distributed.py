"""Distributed training by several processes started by `torchrun`."""

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
    """One process of a distributed run.

    Attributes:
        rank: Global rank; rank 0 validates and writes.
        count: Number of processes.
        local_rank: Rank on this machine, which is the index of the GPU.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process logs and writes for all."""
        return self.rank == 0

    def agree(self, value: float) -> float:
        """Return the value of rank 0."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        if distributed.get_backend() == "nccl":
            shared = shared.cuda(self.local_rank)
        distributed.broadcast(shared, src=0)
        return float(shared)


@contextmanager
def joined(device: str) -> Iterator[tuple[Process, str]]:
    """Join the process group if `torchrun` started this process, and leave it at the end.

    Args:
        device: Name of a device; ``"auto"`` and ``"cuda"`` select the GPU of this process.

    Yields:
        This process and the name of its device.

    Raises:
        DeviceError: One numbered GPU is requested for several processes.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Process(), device
        return
    if device.startswith("cuda:"):
        raise DeviceError(f"{count} processes cannot share {device}", "use --device cuda")
    local_rank = int(os.environ["LOCAL_RANK"])
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        process = Process(int(os.environ["RANK"]), count, local_rank)
        yield process, f"cuda:{local_rank}" if on_gpu else "cpu"
        # Rank 0 finishes last; a process that leaves earlier would close connections that it still uses.
        distributed.barrier(device_ids=[local_rank] if on_gpu else None)
    finally:
        distributed.destroy_process_group()
