"""Number of cores available to this process, without torch."""

from __future__ import annotations

import functools
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


@functools.cache
def available_cores() -> int:
    """Return the number of cores available to this process, by its affinity and its cgroup's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(_CGROUPS)
    return cores if quota is None else max(min(cores, int(quota)), 1)


def cpu_quota(cgroups: Path) -> float | None:
    """Return the CPU quota in cores; None if there is no quota, or the system has no cgroups.

    Args:
        cgroups: Mounted cgroup hierarchy, version 1 or 2, whose root is the container's own cgroup.
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
    except (ValueError, ZeroDivisionError):  # "max" means no quota
        return None
    return cores if cores > 0 else None  # -1 means no quota
