"""Compute the cells of a grid in threads of this process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextvars import copy_context

from styleplug.engine.host import CONCURRENCY, Engine
from styleplug.engine.job import Job, Maker, Outcome

_WAITING = 4  # outcomes in the queue; if it is full, threads wait


class Local:
    """Threads that share one engine.  While one computes, others read and write pictures.

    Args:
        workers: number of threads.
    """

    def __init__(self, engine: Engine, workers: int = CONCURRENCY) -> None:
        self._engine, self._workers = engine, max(1, workers)

    def run(self, jobs: Iterator[Job | Outcome], cancel: threading.Event) -> Iterator[Outcome]:
        """See `Executor`."""
        maker = Maker(self._engine)
        stop = _Either(cancel)
        outcomes: queue.Queue[Outcome | BaseException | None] = queue.Queue(_WAITING)
        taking = threading.Lock()

        def put(outcome: Outcome | BaseException | None) -> None:
            while not stop.left:
                try:
                    return outcomes.put(outcome, timeout=0.1)
                except queue.Full:
                    continue

        def work() -> None:
            try:
                while not stop.is_set():
                    with taking:
                        job = next(jobs, None)
                    if job is None:
                        break
                    for outcome in (job,) if isinstance(job, Outcome) else maker.make(job, stop):
                        put(outcome)
            except BaseException as error:
                put(error)
            finally:
                put(None)

        threads = [
            threading.Thread(target=copy_context().run, args=(work,), name="cell", daemon=True)
            for _ in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        try:
            working = len(threads)
            while working:
                outcome = outcomes.get()
                if outcome is None:
                    working -= 1
                elif isinstance(outcome, BaseException):
                    raise outcome
                else:
                    if outcome.fatal:
                        stop.set()
                    yield outcome
        finally:
            stop.left = True
            stop.set()
            for thread in threads:
                thread.join()


class _Either(threading.Event):
    """An event that is also set while another one is.

    Attributes:
        left: whether outcomes are no longer consumed.
    """

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other
        self.left = False

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()
