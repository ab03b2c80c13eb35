"""The Hugging Face Hub as far as it is known without its client, which an extra installs.

Environment variables are read at each call: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE,
HF_TOKEN.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from styleplug.core.errors import DigestMismatch, HubUnavailable, WeightError
from styleplug.core.weight import Hub
from styleplug.store.watch import Watch
from styleplug.system.extras import missing
from styleplug.system.files import at_home

FIRST_ANSWER = 2.0
"""Seconds that the Hub has for its first answer."""
STALL = 10.0
"""Seconds without a byte after which a download is given up."""
QUIET = 60.0
"""Seconds for which a Hub that failed is not asked again."""


class Offline(HubUnavailable):
    """The Hub is not asked: HF_HUB_OFFLINE is set, or its client is not installed."""


class Refused(HubUnavailable):
    """The Hub is there, but does not give this file."""


class Origin(Protocol):
    """Where the bytes of a Hub file come from."""

    commit: str
    size: int
    sha256: str | None  # where the origin knows it

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from start up to end, exactly.

        Raises:
            HubUnavailable: fewer came.
        """
        ...


def home() -> Path:
    """HF_HOME: the folder of everything that comes from the Hub."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = os.environ.get("HF_HOME") or f"{caches}/huggingface"
    return at_home(os.path.expandvars(named))


def endpoint() -> str:
    """Address of the Hub or of its mirror, HF_ENDPOINT."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask the Hub."""
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in {"1", "ON", "YES", "TRUE"}


def open_origin(source: Hub, revision: str, watch: Watch) -> Origin:
    """Find a file: in the cache of huggingface_hub, else on the Hub.

    Args:
        source: the file.
        revision: its revision, or the commit it is pinned to.
        watch: told by when an answer is due.

    Raises:
        HubUnavailable: the Hub cannot be reached, or refuses.
        WeightError: the source names no file that could be on a Hub.
    """
    if why := missing("hub", "a download from the Hub"):
        raise Offline(why)
    from styleplug.store.remote import find  # only now: the client imports a lot

    return find(source, revision, watch)


class _Failures:
    """What failed a short while ago, so that nobody waits for it again so soon.

    One memory a process: what is unreachable is so for every visitor.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, Hub | None], tuple[float, type[WeightError], str]] = {}
        self._lock = threading.Lock()

    def note(self, source: Hub, error: WeightError) -> None:
        """Remember a failure: of one file where it was refused or wrong, else of the Hub."""
        if isinstance(error, Offline) or not isinstance(error, HubUnavailable | DigestMismatch):
            return  # the network was not asked, or the fault is local and soon mended
        alone = isinstance(error, Refused | DigestMismatch)
        with self._lock:
            key = (endpoint(), source if alone else None)
            if not self._lasting(key):
                # Not the error itself: its traceback would keep the frames of the download.
                self._failed[key] = (time.monotonic(), type(error), str(error))

    def recall(self, source: Hub) -> None:
        """Raise what this file or its Hub raised within the last `QUIET` seconds."""
        with self._lock:
            for key in ((endpoint(), None), (endpoint(), source)):
                if self._lasting(key):
                    _, kind, message = self._failed[key]
                    raise kind(message)

    def _lasting(self, key: tuple[str, Hub | None]) -> bool:
        return key in self._failed and time.monotonic() - self._failed[key][0] < QUIET


failures = _Failures()
