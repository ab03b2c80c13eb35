"""Estimate time and memory of a run from earlier runs on this machine."""

from __future__ import annotations

import json
import math
import os
import statistics
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path

from styleplug.system.jsontext import to_json

# Seconds per step and megapixel before the first run, by device; rather too slow.
SECONDS = {"cuda": 0.05, "mps": 0.2, "cpu": 1.0}
APART = 1.5  # ratio of work or size from which two runs are used to compute a slope
_KEPT = 24  # runs stored of each kind
_NEAREST = 3  # an estimate uses this many runs, those nearest in work or size
_T = TypeVar("_T")


@dataclass(frozen=True)
class Plan:
    """The estimate for a run.

    Args:
        seconds: estimated time; None if the method cannot tell its work.
        added_mb: memory that it adds to this process; None if unknown.
        width: width of each picture of the result; 0 while an input is missing.
        height: height of the same.
        runs: number of earlier runs that it is estimated from; 0 for a guess.
        short: whether there is not enough free memory.
        smaller: the size that will be tried instead; 0 if no size would help.
        waiting: label of the missing picture.
    """

    seconds: float | None
    added_mb: float | None
    width: int
    height: int
    runs: int = 0
    short: bool = False
    smaller: int = 0
    waiting: str = ""

    @property
    def note(self) -> str:
        """What the estimate is based on, and what happens if there is not enough memory."""
        if self.waiting:
            return f"waiting for {self.waiting}"
        note = "a rough estimate: no such run was timed on this machine yet"
        if self.runs:
            note = f"estimated from {self.runs} earlier run{'s' if self.runs > 1 else ''}"
        if self.short:
            note += f"; {self.added_mb:.0f} MB are not free"
            note += f": {self.smaller} px will be tried" if self.smaller else ""
        return note


@dataclass(frozen=True)
class Observation:
    """Time and memory of one run.

    Args:
        megapixels: size of one picture of its result.
        work: its work as given by the method (steps × megapixels).
        seconds: time within the method.
        added_mb: memory by which the process grew, with nets, but without further pictures; None
            if other work ran at the same time.
    """

    megapixels: float
    work: float
    seconds: float
    added_mb: float | None

    def __post_init__(self) -> None:
        numbers = [number for number in asdict(self).values() if number is not None]
        if not all(math.isfinite(number) and number > 0 for number in numbers):
            raise ValueError(f"expected positive numbers, got {self}")


@dataclass(frozen=True)
class Kind:
    """The kind of a run; runs of one kind can be compared."""

    backend: str
    device: str
    method: str
    nets: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.backend, self.device, self.method, *self.nets))


class Calibration:
    """Observations of earlier runs, stored on disk; without the file, estimates are only rougher.

    Processes share the file: it is read again if another process has changed it.

    Args:
        path: the file; by default in the user's cache folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or _default_path()
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[str, list[Observation]]] = {}
        self._known: tuple[int, ...] = ()  # stamp of the file that was read or written last

    def observe(self, kind: Kind, digest: str, observation: Observation) -> None:
        """Store a run; runs of this kind with other weights are removed."""
        with self._lock:
            runs = self._load()
            before = runs.get(str(kind), ("", []))
            kept = before[1] if before[0] == digest else []
            runs[str(kind)] = (digest, [*kept, observation][-_KEPT:])
            text = to_json(
                {
                    name: [digest, [asdict(one) for one in seen]]
                    for name, (digest, seen) in runs.items()
                }
            )
            temporary = self._path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
            with suppress(OSError):  # a read-only home, a full disk
                self._path.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_text(text)
                temporary.replace(self._path)
                self._known = self._stamp()

    def of(self, kind: Kind) -> Sequence[Observation]:
        """Earlier runs of this kind, oldest first."""
        with self._lock:
            return tuple(self._load().get(str(kind), ("", []))[1])

    def _load(self) -> dict[str, tuple[str, list[Observation]]]:
        """The content of the file; if it could not be written, that in memory."""
        stamp = self._stamp()
        if stamp != self._known:
            self._known, self._runs = stamp, {}
            with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
                for name, (digest, seen) in json.loads(self._path.read_bytes()).items():
                    self._runs[str(name)] = (str(digest), [Observation(**one) for one in seen])
        return self._runs

    def _stamp(self) -> tuple[int, ...]:
        """A stamp that changes with the file; () if there is none."""
        try:
            state = self._path.stat()
        except OSError:
            return ()
        return state.st_ino, state.st_mtime_ns, state.st_size


def _default_path() -> Path:
    """The file in the user's cache folder; without a home folder, one that cannot be written."""
    try:
        folder = user_cache_path("styleplug", appauthor=False)
    except RuntimeError:
        folder = Path(os.devnull)
    return folder / "calibration.json"


def seconds(kind: Kind, seen: Sequence[Observation], work: float) -> float:
    """Estimated time of a run: that of the runs nearest in work, extrapolated to this work.

    The slope comes from all runs, so the constant time at the start of a run is not scaled.
    """
    pace = SECONDS.get(kind.device, SECONDS["cpu"])
    if not seen:
        return work * pace
    pace = min(pace, *(one.seconds / one.work for one in seen))
    paces = [
        (more.seconds - less.seconds) / (more.work - less.work)
        for less, more in permutations(seen, 2)
        if more.work > APART * less.work
    ]
    if paces:
        pace = max(0.0, statistics.median(paces))
    near = nearest(seen, work, lambda one: one.work)
    led = statistics.median(one.seconds + pace * (work - one.work) for one in near)
    return max(pace * work, led)


def nearest(seen: Sequence[_T], value: float, of: Callable[[_T], float]) -> list[_T]:
    """The few items with the nearest values, in proportion; `seen` starts with the oldest."""
    return sorted(reversed(seen), key=lambda one: abs(math.log(of(one) / value)))[:_NEAREST]
