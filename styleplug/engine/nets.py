"""The nets that all runs share: loaded once, bounded, one call at a time each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from styleplug.core.backend import Backend, Net
from styleplug.core.errors import BackendError, OutOfMemory
from styleplug.core.weight import WeightFile
from styleplug.system.machine import MB

LIMIT = 2**30  # bytes of weight files whose nets are kept; more only while in use
_Key = tuple[Backend, str, str, str]


@dataclass(eq=False)
class _Entry:
    """A net, how many runs have borrowed it, and the lock of its calls."""

    bytes: int
    net: Net | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class NetCache:
    """Loaded nets, those used longest ago closed first, and only while no run has them.

    Args:
        limit: bytes of weight files, as an estimate of what their nets take.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    def borrow(
        self, backend: Backend, file: WeightFile, function: str, check: Callable[[], None]
    ) -> BorrowedNet:
        """A net for a run, loaded if need be.

        Args:
            backend: which loads it.
            file: its weights.
            function: of the architecture `file.arch`.
            check: raises where the run is to stop; called before every call and while waiting.

        Raises:
            BackendError: it cannot be loaded.
            OutOfMemory: there is no memory for it, even without the nets that are idle.
        """
        key = (backend, file.arch, file.sha256, function)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(_bytes_of(file))
            entry.users += 1
            self._entries.move_to_end(key)
        net = BorrowedNet(self, entry, check)
        try:
            with net.lock():
                net.loaded = entry.net is None
                if entry.net is None:
                    entry.net = self._load(backend, file, function)
                net.spec = entry.net.spec
        except BaseException:
            net.close()
            raise
        return net

    def _load(self, backend: Backend, file: WeightFile, function: str) -> Net:
        """A net; where memory is short, idle ones make room for it."""
        try:
            return backend.load(file, function)
        except (OutOfMemory, MemoryError):
            self.shrink()
        return backend.load(file, function)

    def idle_mb(self) -> float:
        """Memory that `shrink` gives back."""
        with self._lock:
            idle = [entry for entry in self._entries.values() if entry.users == 0]
        return sum(entry.bytes for entry in idle) / MB

    def give_back(self, entry: _Entry) -> None:
        """A run is done with a net."""
        with self._lock:
            entry.users -= 1
        self.shrink(self._limit)

    def shrink(self, limit: int = 0) -> None:
        """Close idle nets, those used longest ago first, until `limit` bytes are left."""
        with self._lock:
            total = sum(entry.bytes for entry in self._entries.values())
            closed = []
            for key, entry in list(self._entries.items()):
                if entry.users == 0 and (total > limit or limit == 0 or entry.net is None):
                    closed.append(self._entries.pop(key))
                    total -= entry.bytes
        for entry in closed:
            if entry.net is not None:
                entry.net.close()


class BorrowedNet(Net):
    """A shared net as one run sees it: every call waits its turn and can be cancelled.

    Attributes:
        loaded: whether this run had to load it.
    """

    loaded = False

    def __init__(self, cache: NetCache, entry: _Entry, check: Callable[[], None]) -> None:
        self._cache, self._check = cache, check
        self._entry: _Entry | None = entry

    def __call__(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Compute, once no other run is computing with this net."""
        if self._entry is None or self._entry.net is None:
            raise BackendError("this net was returned; get it from the context again")
        self._check()
        with self.lock():
            return self._entry.net(**arrays)

    @property
    def mb(self) -> float:
        """What its weights take; 0 once it is given back."""
        return self._entry.bytes / MB if self._entry else 0.0

    @property
    def closed(self) -> bool:
        """Whether it was given back."""
        return self._entry is None

    def lock(self) -> _CancellableLock:
        """Hold the net's lock for a while."""
        assert self._entry is not None
        return _CancellableLock(self._entry.lock, self._check)

    def close(self) -> None:
        """Give it back; the cache closes it when it wants the room."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._cache.give_back(entry)


class _CancellableLock:
    """A lock that is waited for in short naps, so that Stop is heard meanwhile."""

    def __init__(self, lock: threading.Lock, check: Callable[[], None]) -> None:
        self._lock, self._check = lock, check

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=0.1):
            self._check()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _bytes_of(file: WeightFile) -> int:
    """Size of a weight file; 0 where there is none (the fake backend)."""
    try:
        return file.path.stat().st_size
    except OSError:
        return 0
