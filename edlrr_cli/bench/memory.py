"""Peak memory of a call, above the level before it.

On a GPU it is the maximum of torch's allocator (`torch.cuda.max_memory_allocated`). On the CPU it is the
resident memory of a fresh process, whose high-water mark is reset (``clear_refs`` of Linux) after imports,
inputs and a warm-up on a small input; workspaces of libraries count. There, every block of 64 KiB or more is
a separate mapping, so that memory freed before is not reused unnoticed. On other systems it is not measured.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from edlrr_cli.errors import EdlrrError

Call = Callable[[], object]
R = TypeVar("R")

_PROC = Path("/proc/self")
_RESET_PEAK = "5"
_OWN_MAPPINGS = {"MALLOC_MMAP_THRESHOLD_": str(2**16), "MALLOC_TOP_PAD_": "0"}


def cuda_peak_bytes(call: Call, device: torch.device) -> int:
    """Run the call and return the peak of torch's allocator above the level before it."""
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def fresh_process_peak_bytes(
    prepare: str, arguments: Mapping[str, Any], *, whole: bool = False
) -> int | None:
    """Measure a call in a separate process.

    Args:
        prepare: ``"module:function"``; the function, called with the arguments, returns the warm-up
            and the call.
        whole: Count all resident memory of the process, including imports and freed memory that it retains.

    Returns:
        Bytes; None where the system does not support the measurement.

    Raises:
        EdlrrError: The process failed.
    """
    command = [sys.executable, "-m", "edlrr_cli.bench.memory", prepare, json.dumps(arguments), str(whole)]
    environment = {**os.environ, **({} if whole else _OWN_MAPPINGS)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    if ended.returncode != 0:
        fault = ended.stderr.strip().rpartition("\n")[2]
        raise EdlrrError(f"measuring the memory of {prepare} failed ({fault})", "leave it out: --no-memory")
    peak: int | None = json.loads(ended.stdout)
    return peak


def resident_peak_bytes(call: Call, *, whole: bool = False) -> int | None:
    """Run the call and return the peak resident memory of the process, in total or above the level before."""
    try:
        (_PROC / "clear_refs").write_text(_RESET_PEAK)
        before = 0 if whole else _status_bytes("VmRSS")
        call()
        return max(_status_bytes("VmHWM") - before, 0)
    except OSError:
        return None


def measure_peak(call: Callable[[], R], device: torch.device) -> tuple[R, int | None]:
    """Run the call in this process; return its result and its peak in bytes, None if not measured."""
    outcomes: list[R] = []

    def keep() -> None:
        outcomes.append(call())

    if device.type == "cuda":
        peak: int | None = cuda_peak_bytes(keep, device)
    else:
        _release_freed_memory()
        peak = resident_peak_bytes(keep)
    if not outcomes:  # the system does not support the measurement, and the call was not run
        keep()
    return outcomes[0], peak


def _release_freed_memory() -> None:
    """Return freed memory to the system (glibc only), so that the call does not reuse it unnoticed."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _status_bytes(key: str) -> int:
    for line in (_PROC / "status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {key} in {_PROC / 'status'}")


def main(prepare: str, arguments: str, whole: str) -> None:
    """Warm up, measure, and print the bytes; run by `fresh_process_peak_bytes` in the new process."""
    module, _, function = prepare.partition(":")
    warm_up, call = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    warm_up()
    print(json.dumps(resident_peak_bytes(call, whole=whole == str(True))))


if __name__ == "__main__":
    main(*sys.argv[1:])
