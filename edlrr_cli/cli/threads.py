"""Waiting of torch's threads, and the end of those that are not waited for."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

from edlrr_cli.cores import available_cores


def settle_threads() -> None:
    """Let torch's threads sleep soon when they wait, no more of them than cores; before torch is imported.

    Spinning slows a busy machine down many times over; a short spin costs an idle one next to nothing. Torch
    counts the cores of the machine, also where a container may use a part of them.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
    if available_cores() < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))


def exit_at_once(code: int) -> NoReturn:
    """Exit after Ctrl-C without waiting for threads at work, which Python would join and write nothing."""
    at_work = sys.modules.get("edlrr_cli.parallel")
    if at_work and any(thread.name.startswith(at_work.NAME) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
