"""Measure the memory that work adds to this process, and give memory back to the system."""

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
    """Largest resident memory of this process since its start."""
    if resource is None:
        return float(psutil.Process().memory_info().peak_wset) / MB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MB if sys.platform == "darwin" else peak / 1024


class Work:
    """A context manager around work that adds memory to this process.

    Attributes:
        alone: whether no other work was open at the same time; else its memory is unknown.
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

    The record of the system is exact, but covers the whole life of the process.  It is used if it
    rose during the work; otherwise the largest of the values measured every 50 ms.
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
        """Peak of the whole process so far."""
        record = _process_peak_mb()
        return record if record > self._record else max(self._seen, used_mb())

    @property
    def added_mb(self) -> float:
        """Difference between the peak and the memory at the start."""
        return self.peak_mb - self._before


def release(*, thoroughly: bool = False) -> None:
    """Give unused memory back to the system.

    Args:
        thoroughly: collect old objects too, which takes a third of a second on a slow processor.
    """
    gc.collect(2 if thoroughly else 1)
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc keeps freed memory
        if trim is not None:
            trim(0)
