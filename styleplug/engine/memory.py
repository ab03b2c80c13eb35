"""How much memory there is, how much a run took, and giving it back."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from pathlib import Path
from typing import Self

import psutil

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

MB = 2**20
_PERIOD = 0.05  # seconds between two looks at the memory in use


def used_mb() -> float:
    """Resident memory of this process, now."""
    return float(psutil.Process().memory_info().rss) / MB


def available_mb() -> float:
    """Memory that this process may still take: of the machine, its cgroup and its rlimit."""
    free: float = psutil.virtual_memory().available / MB
    rooms = (free, cgroup_room_mb(), _rlimit_room_mb())
    return min(room for room in rooms if room is not None)


def cgroup_room_mb(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float | None:
    """What the tightest cgroup around this process leaves; None without a limit.

    Args:
        root: where cgroups are mounted.
        own: the list of the cgroups that this process is in.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return None
    rooms = []
    for _, controllers, place in lines:
        names = ("memory.max", "memory.current", "inactive_file")
        top = root
        if "memory" in controllers.split(","):  # version 1
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            top = root / "memory"
        elif controllers:
            continue
        folder = top / place.lstrip("/")
        for group in (folder, *folder.parents):
            if top in (group, *group.parents):
                rooms.append(_room_mb(group, *names))
    return min((room for room in rooms if room is not None), default=None)


def _room_mb(group: Path, limit: str, usage: str, cache: str) -> float | None:
    """Limit less what is in use, not counting file cache, which gives way."""
    try:
        most, now = int((group / limit).read_text()), int((group / usage).read_text())
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such file, or "max"
        return None
    return max(0.0, (most - now + int(counts.get(cache, 0))) / MB)


def _rlimit_room_mb() -> float | None:
    """What the limit of the address space leaves; None without a limit."""
    if resource is None:
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY:
        return None
    mapped: int = psutil.Process().memory_info().vms
    return max(0.0, (most - mapped) / MB)


def _process_peak_mb() -> float:
    """Largest resident memory of this process since it began."""
    if resource is None:
        return float(psutil.Process().memory_info().peak_wset) / MB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MB if sys.platform == "darwin" else peak / 1024


class Watch:
    """Peak of resident memory while it is open (a context manager).

    The system's own record is exact but covers the whole life of the process, so it counts
    where it rose meanwhile; else what was seen by looking every 50 ms.
    """

    def __init__(self) -> None:
        self._before = _process_peak_mb()
        self._seen = used_mb()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(_PERIOD):
            self._seen = max(self._seen, used_mb())

    @property
    def peak_mb(self) -> float:
        """So far."""
        record = _process_peak_mb()
        return record if record > self._before else max(self._seen, used_mb())


def release(*, thoroughly: bool = False) -> None:
    """Give memory back to the system and to the graphics card.

    Args:
        thoroughly: also look for garbage among what is older than the run, all modules and the
            page, too; this takes a third of a second on a slow processor.
    """
    gc.collect(2 if thoroughly else 1)
    torch = sys.modules.get("torch")
    if torch is not None:
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if getattr(torch, "mps", None) is not None and torch.backends.mps.is_available():
            torch.mps.empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory
        if trim is not None:
            trim(0)
