"""How much memory work took of this process, and giving it back."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from typing import ClassVar, Self

import psutil

from styleplug.system.machine import MB, used_mb

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

_PERIOD = 0.05  # seconds between two looks at the memory in use


def _process_peak_mb() -> float:
    """Largest resident memory of this process since it began."""
    if resource is None:
        return float(psutil.Process().memory_info().peak_wset) / MB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MB if sys.platform == "darwin" else peak / 1024


class Work:
    """Work by which this process grows, while it is open (a context manager).

    Attributes:
        alone: whether no other was open meanwhile; of two at once nobody can say who took what.
    """

    _open: ClassVar[set[Work]] = set()
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.alone = True

    def __enter__(self) -> Self:
        with self._lock:
            for other in self._open:
                self.alone = other.alone = False
            self._open.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open.discard(self)


class Watch(Work):
    """Work whose peak of resident memory is measured.

    The system's own record is exact but covers the whole life of the process, so it counts
    where it rose meanwhile; else what was seen by looking every 50 ms.
    """

    def __init__(self) -> None:
        super().__init__()
        self._record = _process_peak_mb()
        self._before = self._seen = used_mb()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(_PERIOD):
            self._seen = max(self._seen, used_mb())

    @property
    def peak_mb(self) -> float:
        """Of the whole process, so far."""
        record = _process_peak_mb()
        return record if record > self._record else max(self._seen, used_mb())

    @property
    def added_mb(self) -> float:
        """By which the process was larger at its peak than at first."""
        return self.peak_mb - self._before


def release(*, thoroughly: bool = False) -> None:
    """Give memory that nobody uses any more back to the system.

    Args:
        thoroughly: also look for garbage among what is older than the run, all modules and the
            page, too; this takes a third of a second on a slow processor.
    """
    gc.collect(2 if thoroughly else 1)
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory
        if trim is not None:
            trim(0)
