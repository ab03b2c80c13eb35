"""Checks of local files: kind, size and digest."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

from styleplug.core.errors import DigestMismatch, WeightError

LARGEST = 2 * 10**9
"""Bytes of the largest weight file that is accepted."""


T = TypeVar("T")


def remembered(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """A function that reads a file again only when its time or its size has changed."""

    @lru_cache(maxsize=8)
    def known(path: Path, *_: int) -> T:
        return read(path)

    @wraps(read)
    def reading(path: Path) -> T:
        found = path.stat()
        return known(path, found.st_mtime_ns, found.st_size)

    return reading


class Digests:
    """Sha256 of files; not computed again while path, time and size stay the same."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int, int], str] = {}
        self._lock = threading.Lock()

    def of(self, path: Path, *, anew: bool = False) -> str:
        """Sha256 of a file, in hexadecimal.

        Args:
            anew: read it even if it seems unchanged.

        Raises:
            WeightError: missing, unreadable, not a regular file, or larger than `LARGEST`.
        """
        size_of(path)
        try:
            with path.open("rb") as file:
                key = _key(path, file.fileno())
                with self._lock:
                    known = self._known.get(key)
                if known and not anew:
                    return known
                found = hashlib.file_digest(file, "sha256").hexdigest()
                if _key(path, file.fileno()) == key:  # it was not changed meanwhile
                    with self._lock:
                        self._known[key] = found
                return found
        except OSError as error:
            raise WeightError(f"{path} cannot be read: {error.strerror}") from error

    def expect(self, path: Path, sha256: str, remedy: str, name: str = "") -> None:
        """Check a digest.

        Args:
            sha256: the expected digest.
            remedy: what the user can do if it differs.
            name: the name of the file in an error; by default its own.

        Raises:
            DigestMismatch: the digests differ.
        """
        found = self.of(path)
        if found != sha256.lower():
            raise DigestMismatch(
                f"{name or path.name} has sha256 {found}, expected {sha256.lower()}: "
                f"it is damaged or another file; {remedy}"
            )


def size_of(path: Path) -> int:
    """Bytes of a file.

    Raises:
        WeightError: missing, unreadable, not a regular file, or larger than `LARGEST`.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise WeightError(f"there is no weight file {path} ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise WeightError(f"{path} is not a file that can hold weights")
    refuse_large(path.name, status.st_size)
    return status.st_size


def refuse_large(name: str, size: int) -> None:
    """Refuse a size before the file is read.

    Raises:
        WeightError: larger than `LARGEST`.
    """
    if size > LARGEST:
        raise WeightError(
            f"{name} has {size / 1e6:,.0f} MB; at most {LARGEST / 1e6:,.0f} MB are accepted"
        )


def _key(path: Path, handle: int) -> tuple[Path, int, int, int]:
    """Identifies a file and its state."""
    status = os.fstat(handle)
    return path, status.st_ino, status.st_mtime_ns, status.st_size
