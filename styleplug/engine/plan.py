"""What a run will take, predicted from what earlier runs took on this machine."""

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

# Before any run of its kind: seconds a step and megapixel, by device, on the slow side.
SECONDS = {"cuda": 0.05, "mps": 0.2, "cpu": 1.0}
APART = 1.5  # times the work or size of another run: both together tell a slope
_KEPT = 24  # runs remembered of each kind
_NEAREST = 3  # of which so many, the nearest in work or size, tell what another run takes
_T = TypeVar("_T")


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Args:
        seconds: None where the method cannot tell its work.
        added_mb: memory that it adds to this process; None where unknown.
        width: of each picture of the result; 0 while what it is made from is missing.
        height: the same.
        runs: earlier ones that it is drawn from; 0 for a guess.
        short: so much memory is not free.
        smaller: size that will then be tried; 0 where none would help.
        waiting: label of the picture that it waits for.
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
        """How sure this is, and what will happen if memory is short."""
        if self.waiting:
            return f"waiting for {self.waiting}"
        note = "a guess: no such run was timed here yet"
        if self.runs:
            note = f"from {self.runs} earlier run{'s' if self.runs > 1 else ''}"
        if self.short:
            note += f"; {self.added_mb:.0f} MB are not free"
            note += f": {self.smaller} px will be tried" if self.smaller else ""
        return note


@dataclass(frozen=True)
class Observation:
    """What one run took.

    Args:
        megapixels: of one picture of its result.
        work: the method's word for its work (steps × megapixels).
        seconds: within the method.
        added_mb: memory by which the process grew, nets included and further pictures not; None
            where other work grew at the same time.
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
    """Runs that can be compared.

    Args:
        backend: its name.
        device: where it computes.
        method: its id.
        nets: keys of the weights used.
    """

    backend: str
    device: str
    method: str
    nets: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.backend, self.device, self.method, *self.nets))


class Calibration:
    """Observations of earlier runs, kept on disk; a lost or damaged file only costs precision.

    Processes share the file: what another one wrote meanwhile is read before anything is said or
    added.

    Args:
        path: the file; by default in the user's cache folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or _default_path()
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[str, list[Observation]]] = {}
        self._known: tuple[int, ...] = ()  # stamp of the file that was read or written last

    def observe(self, kind: Kind, digest: str, observation: Observation) -> None:
        """Remember a run; runs of this kind with other weights are forgotten.

        Args:
            kind: of run.
            digest: of the weights it used.
            observation: what it took.
        """
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
        """What earlier runs of this kind took, oldest first."""
        with self._lock:
            return tuple(self._load().get(str(kind), ("", []))[1])

    def _load(self) -> dict[str, tuple[str, list[Observation]]]:
        """The file's content; one that could not be written is no reason to forget."""
        stamp = self._stamp()
        if stamp != self._known:
            self._known, self._runs = stamp, {}
            with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
                for name, (digest, seen) in json.loads(self._path.read_bytes()).items():
                    self._runs[str(name)] = (str(digest), [Observation(**one) for one in seen])
        return self._runs

    def _stamp(self) -> tuple[int, ...]:
        """Another one for every content of the file; () where there is none."""
        try:
            state = self._path.stat()
        except OSError:
            return ()
        return state.st_ino, state.st_mtime_ns, state.st_size


def _default_path() -> Path:
    """In the user's cache folder; of a user without a home, where nothing can be written."""
    try:
        folder = user_cache_path("styleplug", appauthor=False)
    except RuntimeError:
        folder = Path(os.devnull)
    return folder / "calibration.json"


def seconds(kind: Kind, seen: Sequence[Observation], work: float) -> float:
    """Time of a run: that of the runs nearest in work, each led on to this work at the pace of all.

    So what any run takes to begin with, which is most of a small one, does not grow with the work.
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
    """The few of what was seen, oldest first, whose value is nearest in proportion."""
    return sorted(reversed(seen), key=lambda one: abs(math.log(of(one) / value)))[:_NEAREST]
