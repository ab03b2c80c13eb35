"""Work in a thread, watched by a generator that passes its notes on and ends its waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

from styleplug.core.errors import Cancelled, HubUnavailable

T = TypeVar("T")
_TICK = 0.2  # seconds between two notes: how soon a visitor's Stop is heard


class Watch:
    """What the worker tells its watcher, and hears from it."""

    def __init__(self) -> None:
        self.note = ""
        self.stopped = threading.Event()
        self._due: tuple[float, str] | None = None

    def expect(self, seconds: float, otherwise: str) -> None:
        """Promise to call this or `rest` within so many seconds.

        No call of the operating system can then hold the visitor up: name look-up, connecting
        and a server that drips its headers are all bounded alike.

        Args:
            seconds: how long.
            otherwise: what to say if it takes longer.

        Raises:
            Cancelled: nobody waits for this work any more.
        """
        self._due = (time.monotonic() + seconds, otherwise)
        self.check()

    def rest(self) -> None:
        """Nothing is awaited from outside."""
        self._due = None

    def check(self) -> None:
        """Stop here if nobody waits for this work any more.

        Raises:
            Cancelled: nobody does.
        """
        if self.stopped.is_set():
            raise Cancelled("the download was stopped; it can be taken up again")

    def left(self) -> float:
        """Seconds until a promise is broken, at most a tick.

        Raises:
            HubUnavailable: it is broken.
        """
        due = self._due
        if due is None:
            return _TICK
        if time.monotonic() >= due[0]:
            raise HubUnavailable(due[1])
        return min(_TICK, due[0] - time.monotonic())


def watched(work: Callable[[Watch], T]) -> Generator[str, None, T]:
    """Yield the notes of some work about five times a second, then return its result.

    Closing the generator stops the work at its next `Watch` call.

    Raises:
        HubUnavailable: a promise was not kept.
        Exception: what the work raised.
    """
    watch = Watch()
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work(watch))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="styleplug-store", daemon=True).start()
    try:
        while True:
            try:
                return done.result(timeout=watch.left())
            except TimeoutError:
                if done.done():
                    raise
            yield watch.note
    finally:
        watch.stopped.set()
