"""Waiting of torch's threads, and the end of the process."""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import NoReturn

from edlrr_cli.cores import available_cores
from edlrr_cli.errors import EXIT_INTERRUPTED


def settle_threads() -> None:
    """Let torch's threads sleep soon when they wait, no more of them than cores; before torch is imported.

    Spinning slows a busy machine down many times over; a short spin costs an idle one next to nothing. Torch
    counts the cores of the machine, also where a container may use a part of them.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
    if available_cores() < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))


def leave(end: SystemExit) -> NoReturn:
    """Exit, without the cleanup of the interpreter where running threads would hang or abort it.

    After Ctrl-C Python joins threads at work. Threads of a process group outlive it (gloo, torch 2.13),
    and one that releases a tensor during the cleanup aborts the process.
    """
    if (end.code == EXIT_INTERRUPTED and _at_work()) or _in_process_group():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)
    gc.freeze()  # else the interpreter spends a third of a second on a last search for cycles
    raise end


def _at_work() -> bool:
    parallel = sys.modules.get("edlrr_cli.parallel")
    if parallel is None:
        return False
    return any(thread.name.startswith(parallel.NAME) for thread in threading.enumerate())


def _in_process_group() -> bool:
    joined = "edlrr_cli.tasks.training.distributed" in sys.modules
    return joined and int(os.environ.get("WORLD_SIZE", "1")) > 1
