"""Run blocking work in a thread, while a generator yields its progress and can cancel it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

from styleplug.core.errors import Cancelled, HubUnavailable

T = TypeVar("T")
_TICK = 0.2  # seconds between two notes; Stop takes effect within this time


class Watch:
    """The connection between the worker thread and the generator."""

    def __init__(self) -> None:
        self.note = ""
        self.stopped = threading.Event()
        self._due: tuple[float, str] | None = None

    def expect(self, seconds: float, otherwise: str) -> None:
        """Set a deadline: the worker must call this or `rest` before it ends.

        The deadline covers every blocking call: name look-up, connecting, and a server that sends
        its headers very slowly.

        Args:
            seconds: time until the deadline.
            otherwise: the error message if it is missed.

        Raises:
            Cancelled: the work was cancelled.
        """
        self._due = (time.monotonic() + seconds, otherwise)
        self.check()

    def rest(self) -> None:
        """Clear the deadline."""
        self._due = None

    def check(self) -> None:
        """Stop the worker if the work was cancelled.

        Raises:
            Cancelled: it was cancelled.
        """
        if self.stopped.is_set():
            raise Cancelled("the download was stopped; it can be continued later")

    def left(self) -> float:
        """Seconds until the deadline, at most a tick.

        Raises:
            HubUnavailable: the deadline was missed.
        """
        due = self._due
        if due is None:
            return _TICK
        if time.monotonic() >= due[0]:
            raise HubUnavailable(due[1])
        return min(_TICK, due[0] - time.monotonic())


def watched(work: Callable[[Watch], T]) -> Generator[str, None, T]:
    """Yield the notes of the work about five times a second, then return its result.

    Closing the generator cancels the work at its next `Watch` call.

    Raises:
        HubUnavailable: a deadline was missed.
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
