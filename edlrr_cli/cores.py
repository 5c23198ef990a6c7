"""How many cores this process may use, found without torch."""

from __future__ import annotations

import functools
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


@functools.cache
def available_cores() -> int:
    """Return how many cores this process may use, by its affinity and the CPU quota of its cgroup."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(_CGROUPS)
    return cores if quota is None else max(min(cores, int(quota)), 1)


def cpu_quota(cgroups: Path) -> float | None:
    """Return the CPU quota in cores; None without one, or where the system has no cgroups.

    Args:
        cgroups: The mounted hierarchy, of version 1 or 2, whose root is the container's own cgroup.
    """
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota = (cgroups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (cgroups / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        cores = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):  # "max" stands for none
        return None
    return cores if cores > 0 else None  # -1 stands for none
