"""How torch's threads wait, and how those end that nobody waits for."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn


def spin_briefly() -> None:
    """Let threads sleep soon when they wait for each other; to be called before torch is imported.

    Spinning slows a busy machine down many times over; a short spin costs an idle one next to nothing.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "300")


def exit_at_once(code: int) -> NoReturn:
    """Exit after Ctrl-C without waiting for threads at work, which Python would join and write nothing."""
    at_work = sys.modules.get("edlrr_cli.tasks.threads")
    if at_work and any(thread.name.startswith(at_work.NAME) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
