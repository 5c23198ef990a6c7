"""The machine that a result was computed on."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

from edlrr_cli.tasks.device import resolve_device


def machine(device: str) -> dict[str, Any]:
    """Return the hardware and the software that decide the speed.

    Raises:
        DeviceError: There is no such device here.
    """
    where = resolve_device(device)
    name = f"{where} ({torch.cuda.get_device_name(where)})" if where.type == "cuda" else str(where)
    return {
        "processor": _processor(Path("/proc/cpuinfo")),
        "num_threads": torch.get_num_threads(),
        "device": name,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor(cpuinfo: Path) -> str:
    """Return the model of the processor: from a file on Linux, through Python elsewhere."""
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
