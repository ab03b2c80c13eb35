"""The line in which runs of many visitors wait, and what they are told while they wait."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from styleplug.core.errors import UsageError
from styleplug.system import machine

LONGEST = 128  # runs that may wait; further ones are refused
PROCESSORS, MEMORY_MB = 4, 2000  # for one run; on any machine with enough memory, there are two
UNKNOWN = 30.0  # estimated seconds of a run that cannot tell its work
TICK, EVERY = 0.1, 1.0  # seconds between two looks, and between two messages


def fitting() -> int:
    """How many runs at once fit this machine, by its processors and its memory."""
    return max(1, min(max(2, machine.processors() // PROCESSORS),
                      int(machine.limit_mb() / MEMORY_MB)))  # fmt: skip


@dataclass(frozen=True)
class Ahead:
    """What is before a waiting run.

    Args:
        runs: number of runs that compute, or wait before it.
        seconds: estimated time until it begins.
    """

    runs: int
    seconds: float


@dataclass(eq=False)
class _Place:
    """The place of a run: its estimated time, and when it began; 0 while it waits."""

    seconds: float
    began: float = 0.0

    @property
    def left(self) -> float:
        """Estimated time that it still computes; a second if that should be over."""
        return max(1.0, self.seconds - (time.monotonic() - self.began if self.began else 0.0))


class Line:
    """Runs begin in the order in which they came.

    Args:
        most: how many compute at once; by default as many as fit the machine.
        longest: how many may wait; further ones are refused.
    """

    def __init__(self, most: int | None = None, longest: int = LONGEST) -> None:
        self.most, self.longest = most or fitting(), longest
        self._changed = threading.Condition()
        self._places: list[_Place] = []

    @contextmanager
    def join(self, seconds: float | None, cancel: threading.Event) -> Iterator[Iterator[Ahead]]:
        """A place in the line while the block runs.

        Args:
            seconds: estimated time of the run, if known.
            cancel: ends the waiting.

        Yields:
            an iterator that ends when it is the turn of the run, or it was cancelled.  Until then
            it says what is before the run, once a second.

        Raises:
            UsageError: too many runs wait.
        """
        place = _Place(UNKNOWN if seconds is None else seconds)
        with self._changed:
            if len(self._waiting) >= self.longest:
                raise UsageError(f"{self.longest} runs wait already: try again in some minutes")
            self._places.append(place)
        try:
            yield self._wait(place, cancel)
        finally:
            with self._changed:
                self._places.remove(place)
                self._changed.notify_all()

    @property
    def _waiting(self) -> list[_Place]:
        return [place for place in self._places if not place.began]

    def _wait(self, place: _Place, cancel: threading.Event) -> Iterator[Ahead]:
        said = -EVERY
        while not cancel.is_set():
            with self._changed:
                if self._begins(place):
                    return
                ahead = self._ahead(place)
            if time.monotonic() - said >= EVERY:
                yield ahead
                said = time.monotonic()
            with self._changed:
                self._changed.wait(TICK)

    def _begins(self, place: _Place) -> bool:
        """Let a run begin if it is its turn."""
        waiting = self._waiting
        if waiting[0] is place and len(self._places) - len(waiting) < self.most:
            place.began = time.monotonic()
        return bool(place.began)

    def _ahead(self, place: _Place) -> Ahead:
        waiting = self._waiting
        before = waiting[: waiting.index(place)]
        ends = [one.left for one in self._places if one.began]
        free = ends + [0.0] * (self.most - len(ends))
        heapq.heapify(free)
        for one in before:
            heapq.heappush(free, heapq.heappop(free) + one.left)
        return Ahead(len(before) + len(ends), free[0])
