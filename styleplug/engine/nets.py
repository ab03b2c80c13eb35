"""A cache of nets that all runs share: each is loaded once and called by one run at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from styleplug.core.array import Arrays, Floats
from styleplug.core.backend import Backend, Net
from styleplug.core.errors import BackendError, OutOfMemory
from styleplug.core.weight import WeightFile
from styleplug.engine.memo import DESCRIBING, Descriptions, digest
from styleplug.system.machine import MB

LIMIT = 2**30  # bytes of weight files whose nets stay loaded when they are not in use
_Key = tuple[Backend, str, str, str]


@dataclass(eq=False)
class _Entry:
    """A net, the number of runs that use it, and the lock for its calls."""

    bytes: int
    net: Net | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class NetCache:
    """Loaded nets.  Idle ones are closed first if they were used longest ago.

    Args:
        limit: bytes of weight files, as an estimate of the memory of their nets.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    def borrow(
        self,
        backend: Backend,
        file: WeightFile,
        function: str,
        check: Callable[[], None],
        memo: Descriptions | None = None,
    ) -> BorrowedNet:
        """Get a net for a run; load it if necessary.

        Args:
            backend: the backend that loads it.
            check: raises if the run is to stop; called before every call and while waiting.
            memo: remembers what it says of pictures, if it describes them.

        Raises:
            BackendError: it cannot be loaded.
            OutOfMemory: there is not enough memory, even after closing idle nets.
        """
        key = (backend, file.arch, file.sha256, function)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(_bytes_of(file))
            entry.users += 1
            self._entries.move_to_end(key)
        net = BorrowedNet(self, entry, check, memo if function in DESCRIBING else None)
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
        """Load a net; if there is not enough memory, close idle nets first."""
        try:
            return backend.load(file, function)
        except (OutOfMemory, MemoryError):
            self.shrink()
        return backend.load(file, function)

    def idle_mb(self) -> float:
        """Memory that `shrink` frees."""
        with self._lock:
            idle = [entry for entry in self._entries.values() if entry.users == 0]
        return sum(entry.bytes for entry in idle) / MB

    def give_back(self, entry: _Entry) -> None:
        """Return a net after a run."""
        with self._lock:
            entry.users -= 1
        self.shrink(self._limit)

    def shrink(self, limit: int = 0) -> None:
        """Close idle nets, starting with those used longest ago, down to `limit` bytes."""
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
    """A net of the cache, used by one run: calls wait for the lock and can be cancelled.

    Attributes:
        loaded: whether this run had to load it.
    """

    loaded = False

    def __init__(
        self,
        cache: NetCache,
        entry: _Entry,
        check: Callable[[], None],
        memo: Descriptions | None,
    ) -> None:
        self._cache, self._check, self._memo = cache, check, memo
        self._entry: _Entry | None = entry

    def compute(self, arrays: Arrays) -> dict[str, Floats]:
        """Compute as soon as no other run computes with this net."""
        if self._entry is None or self._entry.net is None:
            raise BackendError("this net was returned; get it from the context again")
        self._check()
        if self._memo is None:
            return self._compute(arrays)
        key = (self.spec.provider, self.spec.weights.sha256, self.spec.function, digest(arrays))
        return dict(self._memo.of(key, lambda: self._compute(arrays)))

    def _compute(self, arrays: Arrays) -> dict[str, Floats]:
        assert self._entry is not None and self._entry.net is not None
        with self.lock():
            return self._entry.net.compute(arrays)

    @property
    def mb(self) -> float:
        """Memory of its weights; 0 after it is returned."""
        return self._entry.bytes / MB if self._entry else 0.0

    @property
    def closed(self) -> bool:
        """Whether it was returned."""
        return self._entry is None

    def lock(self) -> _CancellableLock:
        """The lock of the net, as a context manager."""
        assert self._entry is not None
        return _CancellableLock(self._entry.lock, self._check)

    def close(self) -> None:
        """Return it; the cache closes it when the memory is needed."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._cache.give_back(entry)


class _CancellableLock:
    """A lock; waiting for it is interrupted regularly, so that the run can be stopped."""

    def __init__(self, lock: threading.Lock, check: Callable[[], None]) -> None:
        self._lock, self._check = lock, check

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=0.1):
            self._check()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _bytes_of(file: WeightFile) -> int:
    """Size of a weight file; 0 if there is none (the fake backend)."""
    try:
        return file.path.stat().st_size
    except OSError:
        return 0
