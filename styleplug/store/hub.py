"""What is known of the Hugging Face Hub without huggingface_hub, which an extra installs.

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
"""Seconds until the Hub must have answered first."""
STALL = 10.0
"""Seconds without data after which a download ends."""
QUIET = 60.0
"""Seconds during which a Hub that failed is not asked again."""


class Offline(HubUnavailable):
    """The Hub is not asked: HF_HUB_OFFLINE is set, or huggingface_hub is not installed."""


class Refused(HubUnavailable):
    """The Hub answers, but refuses this file."""


class Origin(Protocol):
    """The source of the bytes of a file on the Hub."""

    commit: str
    size: int
    sha256: str | None  # if it is known

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Exactly the bytes from start up to end.

        Raises:
            HubUnavailable: there were fewer.
        """
        ...


def home() -> Path:
    """HF_HOME: the folder for files of the Hub."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = os.environ.get("HF_HOME") or f"{caches}/huggingface"
    return at_home(os.path.expandvars(named))


def endpoint() -> str:
    """HF_ENDPOINT: the address of the Hub or of a mirror."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids requests to the Hub."""
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in {"1", "ON", "YES", "TRUE"}


def open_origin(source: Hub, revision: str, watch: Watch) -> Origin:
    """Find a file: in the cache of huggingface_hub, else on the Hub.

    Args:
        source: names the file.
        revision: branch, tag or commit.
        watch: gets the deadline of the answer.

    Raises:
        HubUnavailable: the Hub cannot be reached, or refuses.
        WeightError: the names cannot be those of a file on a Hub.
    """
    if why := missing("hub", "a download from the Hub"):
        raise Offline(why)
    from styleplug.store.remote import find  # here, because the client imports a lot

    return find(source, revision, watch)


class _Failures:
    """Failures of the last minute, so that no run waits for the same again.

    The process has one list: a Hub that cannot be reached is the same for all visitors.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, Hub | None], tuple[float, type[WeightError], str]] = {}
        self._lock = threading.Lock()

    def note(self, source: Hub, error: WeightError) -> None:
        """Remember a failure: of this file if it was refused or wrong, else of the Hub."""
        if isinstance(error, Offline) or not isinstance(error, HubUnavailable | DigestMismatch):
            return  # no request was sent, or the fault is on this machine
        alone = isinstance(error, Refused | DigestMismatch)
        with self._lock:
            key = (endpoint(), source if alone else None)
            if not self._lasting(key):
                # Not the error itself: its traceback would keep the frames of the download.
                self._failed[key] = (time.monotonic(), type(error), str(error))

    def recall(self, source: Hub) -> None:
        """Raise the error of this file or its Hub again, if it is younger than `QUIET` seconds."""
        with self._lock:
            for key in ((endpoint(), None), (endpoint(), source)):
                if self._lasting(key):
                    _, kind, message = self._failed[key]
                    raise kind(message)

    def _lasting(self, key: tuple[str, Hub | None]) -> bool:
        return key in self._failed and time.monotonic() - self._failed[key][0] < QUIET


failures = _Failures()
