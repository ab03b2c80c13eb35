"""A cache for the results of nets, so that a grid computes them once for each picture."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

from styleplug.core.array import Arrays, Floats
from styleplug.system.machine import MB

DESCRIBING = {"describe", "code", "measure"}
"""Functions of nets whose results are cached: they are much smaller than the picture."""
T = TypeVar("T")


class Memo(Generic[T]):
    """A cache of results by key, for many threads; the least recently used ones are dropped.

    Args:
        size: gives the bytes of a result.
        limit: largest number of bytes of all results.
    """

    def __init__(self, size: Callable[[T], int], limit: int = 256 * MB) -> None:
        self._size, self._limit = size, limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._bytes = 0

    def of(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result for a key; it is computed if it is not in the cache."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = compute()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._bytes += self._size(found)
            while self._bytes > self._limit:
                self._bytes -= self._size(self._kept.popitem(last=False)[1])
        return found


Descriptions = Memo[dict[str, Floats]]
"""A cache of results of nets."""


def descriptions() -> Descriptions:
    """An empty cache for results of nets."""
    return Memo(lambda arrays: sum(array.nbytes for array in arrays.values()), 64 * MB)


def digest(arrays: Arrays) -> bytes:
    """A digest of arrays by name."""
    hashed = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        hashed.update(f"{name} {array.shape} {array.dtype} ".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.digest()
