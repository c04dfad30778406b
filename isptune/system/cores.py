"""Threads that fit the machine, set before the libraries that make them are loaded."""

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def prepare_threads() -> None:
    """Let waiting threads sleep, and have no more of them than there are cores; what the user has set stays.

    torch's threads spin while they wait for each other, which on a machine with other work to do burns the time that
    this work needs: 90 ScoreNet trials took 51 s, and 6 s with threads that sleep. OpenMP reads these variables once,
    when torch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    cores = usable_cores()
    if cores < _allowed():  # OpenMP knows the allowed cores by itself, but no quota
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def usable_cores() -> int:
    """Cores that this process may use: those that it is allowed, and no more than the quota of its container."""
    allowed, quota = _allowed(), _quota()
    return allowed if quota >= allowed else max(1, math.ceil(quota))


def _allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota() -> float:
    """Cores worth of time that the container's control group gives (version 2, then 1); infinite where none is set."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = " ".join((_CGROUPS / name).read_text() for name in names).split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # none, or "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return math.inf
