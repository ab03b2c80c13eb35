"""What a run will take, predicted from what earlier runs took on this machine."""

from __future__ import annotations

import json
import math
import os
import statistics
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from styleplug.core.params import bounds_of
from styleplug.core.recipe import Settings
from styleplug.engine import memory

# Before any run of its kind: seconds a step and megapixel, by device, on the slow side.
SECONDS = {"cuda": 0.05, "mps": 0.2, "cpu": 1.0}
# Before any run of its kind: process with its libraries loaded, and more for each megapixel.
BASE_MB = 800.0
MB_PER_MEGAPIXEL = 2000.0
# The same for a method that paints by tiles: with a tile's features; content, result, finishing.
TILED_BASE_MB = 1200.0
TILED_MB_PER_MEGAPIXEL = 60.0
# For each megapixel of a result's further pictures: themselves, their previews, the sheet.
MORE_MB_PER_MEGAPIXEL = 40.0

_KEPT = 24  # runs remembered of each kind
_NEAREST = 3  # of which so many, the nearest in work, tell the time
_APART = 1.5  # times the work or size of another run: both together tell a slope


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Args:
        seconds: None where the method cannot tell its work.
        peak_mb: of memory of this process; None where unknown.
        width: of each picture of the result; 0 while what it is made from is missing.
        height: the same.
        runs: earlier ones that it is drawn from; 0 for a guess.
        smaller: size that will be tried, as so much memory is not free; else 0.
        waiting: label of the picture that it waits for.
    """

    seconds: float | None
    peak_mb: float | None
    width: int
    height: int
    runs: int = 0
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
        if self.smaller:
            note += f"; {self.peak_mb:.0f} MB are not free: {self.smaller} px will be tried"
        return note


@dataclass(frozen=True)
class Observation:
    """What one run took.

    Args:
        megapixels: of one picture of its result.
        work: the method's word for its work (steps × megapixels).
        seconds: within the method.
        peak_mb: of memory of the process, less what further pictures took.
    """

    megapixels: float
    work: float
    seconds: float
    peak_mb: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) and number > 0 for number in astuple(self)):
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
            text = json.dumps(
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


def predict(
    kind: Kind,
    seen: Sequence[Observation],
    work: float | None,
    width: int,
    height: int,
    *,
    tiled: bool,
    count: int = 1,
) -> Plan:
    """The plan of a run.

    Args:
        kind: of run.
        seen: what earlier runs of this kind took.
        work: the method's word for its work, if it has one.
        width: of each picture of the result in pixels.
        height: the same.
        tiled: the method paints by tiles.
        count: of these pictures.
    """
    megapixels = width * height / 1e6
    need = peak_mb(seen, megapixels, tiled=tiled) + more_mb(megapixels, count)
    smaller = 0 if fits(need) else step_down(max(width, height))
    time = None if work is None else seconds(kind, seen, work)
    return Plan(time, need, width, height, len(seen), smaller)


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
        if more.work > _APART * less.work
    ]
    if paces:
        pace = max(0.0, statistics.median(paces))
    near = sorted(reversed(seen), key=lambda one: abs(math.log(one.work / work)))[:_NEAREST]
    led = statistics.median(one.seconds + pace * (work - one.work) for one in near)
    return max(pace * work, led)


def peak_mb(seen: Sequence[Observation], megapixels: float, *, tiled: bool) -> float:
    """Memory of a run: a line through what earlier runs took, by size.

    Runs too near in size to tell a slope from the base get the slope assumed at first.  So do
    all of a method that paints by tiles: up to the size of a tile its memory grows fast, beyond
    it hardly, and runs of small pictures tell nothing of those of large ones.
    """
    if tiled:
        slope = TILED_MB_PER_MEGAPIXEL
        bases = (one.peak_mb - slope * one.megapixels for one in seen)
        return max((TILED_BASE_MB, *bases)) + slope * megapixels
    if not seen:
        return BASE_MB + MB_PER_MEGAPIXEL * megapixels
    sizes = [one.megapixels for one in seen]
    peaks = [one.peak_mb for one in seen]
    slope = min(MB_PER_MEGAPIXEL, *(peak / size for peak, size in zip(peaks, sizes, strict=True)))
    if max(sizes) > _APART * min(sizes):
        slope = max(0.0, float(np.polyfit(sizes, peaks, 1)[0]))
    base = statistics.fmean(peaks) - slope * statistics.fmean(sizes)
    return base + slope * megapixels


def more_mb(megapixels: float, count: int) -> float:
    """Memory that pictures beyond the first take."""
    return MORE_MB_PER_MEGAPIXEL * megapixels * (count - 1)


def fits(predicted_mb: float) -> bool:
    """Whether this process may grow to so much memory."""
    return predicted_mb - memory.used_mb() <= memory.available_mb()


def work_of(method: Any, params: Any, pixels: int) -> float | None:
    """The method's word for its work; None where it has none worth the name."""
    try:
        work = float(method.work(params, pixels))
    except Exception:  # a stranger's code; the run itself may still go well
        return None
    return work if math.isfinite(work) and work > 0 else None


def count_of(method: Any, params: Any) -> int:
    """How many pictures the method says that it makes; 1 where it does not say it well."""
    try:
        return max(1, int(method.count(params)))
    except Exception:  # a stranger's code; the run itself may still go well
        return 1


def step_down(size: int) -> int:
    """The size to try where memory is short: half the pixels."""
    smallest = bounds_of(Settings.model_fields["size"])[0]
    return max(int(smallest or 1), round(size * 0.7))
