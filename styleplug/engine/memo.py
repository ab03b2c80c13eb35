"""Remember what networks say of pictures, so that a grid describes each picture once."""

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
"""Functions of nets whose result describes a picture and is much smaller than it."""
T = TypeVar("T")


class Memo(Generic[T]):
    """Results by key; those used longest ago are forgotten.  It can be used from many threads.

    Args:
        size: gives the bytes of a result.
        limit: bytes of all results that are remembered.
    """

    def __init__(self, size: Callable[[T], int], limit: int = 256 * MB) -> None:
        self._size, self._limit = size, limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._bytes = 0

    def of(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result for a key; it is computed if it is not known."""
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
"""What nets say of pictures."""


def descriptions() -> Descriptions:
    """A memo for results of nets."""
    return Memo(lambda arrays: sum(array.nbytes for array in arrays.values()), 64 * MB)


def digest(arrays: Arrays) -> bytes:
    """A digest of arrays by name."""
    hashed = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        hashed.update(f"{name} {array.shape} {array.dtype} ".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.digest()
