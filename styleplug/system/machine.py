"""The processors and the memory that this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

MB = 2**20
_ROOT = Path("/sys/fs/cgroup")  # where control groups are mounted
_OWN = Path("/proc/self/cgroup")  # the groups that this process is in


def processors(root: Path = _ROOT, own: Path = _OWN) -> int:
    """How many threads can compute at once.

    The fewest of: processors that the process may run on, the quota of its control groups
    (rounded up), and `OMP_NUM_THREADS`.  More threads than that wait for each other.
    """
    if hasattr(os, "sched_getaffinity"):
        counts = [float(len(os.sched_getaffinity(0)))]
    else:  # macOS, Windows
        counts = [float(os.cpu_count() or 1)]
    counts += (_quota(version, group) for version, group in _groups("cpu", root, own))
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # by level of nesting
    if wanted.isdecimal():
        counts.append(float(wanted))
    return max(1, math.ceil(min(counts)))


def used_mb() -> float:
    """Resident memory of this process, now."""
    return float(psutil.Process().memory_info().rss) / MB


def limit_mb() -> float:
    """Memory that this process may take at most: of the machine and its control groups."""
    total: float = psutil.virtual_memory().total / MB
    return min(total, cgroup_limit_mb())


def available_mb() -> float:
    """Memory that this process may still take: of the machine, its control groups, its rlimit."""
    free: float = psutil.virtual_memory().available / MB
    return min(free, cgroup_room_mb(), _rlimit_room_mb())


def cgroup_limit_mb(root: Path = _ROOT, own: Path = _OWN) -> float:
    """The lowest memory limit of the control groups around this process; infinite without one."""
    limits = (_memory(version, group)[0] for version, group in _groups("memory", root, own))
    return min(limits, default=math.inf)


def cgroup_room_mb(root: Path = _ROOT, own: Path = _OWN) -> float:
    """What the tightest control group around this process leaves; infinite without a limit."""
    groups = (_memory(version, group) for version, group in _groups("memory", root, own))
    return min((max(0.0, limit - used) for limit, used in groups), default=math.inf)


def _groups(controller: str, root: Path, own: Path) -> Iterator[tuple[int, Path]]:
    """Version and folder of each control group around this process, the innermost first."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return
    for _, controllers, place in lines:
        if controllers and controller not in controllers.split(","):
            continue
        version, top = (1, root / controller) if controllers else (2, root)
        folder = top / place.lstrip("/")
        for group in (folder, *folder.parents):
            if top in (group, *group.parents):
                yield version, group


def _memory(version: int, group: Path) -> tuple[float, float]:
    """Limit and used memory in MB; the file cache does not count, because it can be freed."""
    files = ("memory.max", "memory.current")
    cache = "inactive_file"
    if version == 1:
        files, cache = ("memory.limit_in_bytes", "memory.usage_in_bytes"), "total_inactive_file"
    try:
        limit, used = (int((group / file).read_text()) for file in files)
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such file, or "max"
        return math.inf, 0.0
    return limit / MB, (used - int(counts.get(cache, 0))) / MB


def _quota(version: int, group: Path) -> float:
    """The number of processors that the quota of a control group allows; infinite without one."""
    try:
        if version == 2:
            quota, period = map(int, (group / "cpu.max").read_text().split())
        else:
            files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = (int((group / file).read_text()) for file in files)
    except (OSError, ValueError):  # no such file, or "max"
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _rlimit_room_mb() -> float:
    """What the limit of the address space leaves; infinite without a limit."""
    if resource is None:
        return math.inf
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY:
        return math.inf
    mapped: int = psutil.Process().memory_info().vms
    return max(0.0, (most - mapped) / MB)
