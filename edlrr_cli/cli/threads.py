"""How torch's threads wait."""

from __future__ import annotations

import os


def spin_briefly() -> None:
    """Let threads sleep soon when they wait for each other; to be called before torch is imported.

    Spinning slows a busy machine down many times over; a short spin costs an idle one next to nothing.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
