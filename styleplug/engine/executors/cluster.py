"""Compute the cells of a grid on a Ray cluster: this machine, or many.

Every actor has an engine of its own.  Paths travel, not pixels: actors read and write the files, so
all nodes must see the same folders.  The driver hands out cells and writes the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from styleplug.core.errors import BackendError, UsageError
from styleplug.engine.host import shared
from styleplug.engine.job import Job, Maker, Outcome, without_pixels
from styleplug.system.extras import require

ATTEMPTS = 3
"""How often a cell is tried if its worker dies each time; then it has failed."""
_PERIOD = 0.2  # seconds between two looks at Stop
_PATIENCE = 30.0  # seconds that running cells get to stop


class Worker:
    """What runs in an actor."""

    def __init__(self) -> None:
        self._maker = Maker(shared())
        self._stop = threading.Event()

    def make(self, job: Job) -> Outcome:
        """Make a cell; its last outcome, without pixels."""
        *_, last = self._maker.make(job, self._stop)
        return without_pixels(last)

    def stop(self) -> None:
        """Stop the running cell within a step; called while `make` runs."""
        self._stop.set()


class Cluster:
    """An executor on Ray.

    Args:
        address: of a cluster ("ray://host:10001", "auto"); "" starts one on this machine.
        workers: number of actors; by default one for each free processor.
        gpus: share of a graphics card for each actor.

    Raises:
        UsageError: Ray is not installed.
    """

    def __init__(self, address: str = "", workers: int = 0, gpus: float = 0.0) -> None:
        require("ray", "a Ray cluster")
        self._address, self._workers, self._gpus = address, workers, gpus

    def run(self, jobs: Iterator[Job | Outcome], cancel: threading.Event) -> Iterator[Outcome]:
        """See `Executor`."""
        import ray

        ours = not ray.is_initialized()
        if ours:
            self._connect(ray)
        pool = _Pool(ray, self._count(ray), self._gpus)
        try:
            yield from pool.run(jobs, cancel)
        finally:
            pool.close()
            if ours:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        quiet = {"log_to_driver": False, "configure_logging": False}
        here = {} if self._address else {"include_dashboard": False}
        try:
            ray.init(address=self._address or None, **quiet, **here)
        except (ConnectionError, RuntimeError, OSError, ValueError) as error:
            where = self._address or "this machine"
            raise BackendError(f"there is no Ray cluster at {where}: {error}") from error

    def _count(self, ray: Any) -> int:
        """Number of actors: they never take all processors, as Ray itself needs some."""
        free = int(ray.cluster_resources().get("CPU", 1)) - 1
        most = max(1, free)
        return min(self._workers or most, most)


class _Pool:
    """Actors, and what each of them is at."""

    def __init__(self, ray: Any, count: int, gpus: float) -> None:
        self._ray = ray
        processors = ray.cluster_resources().get("CPU", 1)
        self._actor = ray.remote(
            num_cpus=1 if processors > 1 else 0.5, num_gpus=gpus, max_concurrency=2
        )(Worker)
        self._idle = [self._actor.remote() for _ in range(count)]
        self._busy: dict[Any, tuple[Any, Job, int]] = {}  # answer -> actor, job, attempts
        self._again: list[tuple[Job, int]] = []

    def run(self, jobs: Iterator[Job | Outcome], cancel: threading.Event) -> Iterator[Outcome]:
        """Hand out jobs until all are done, or the event is set."""
        stopping = exhausted = False
        while True:
            if cancel.is_set() and not stopping:
                stopping = True
                self._stop()
            while self._idle and not (stopping or exhausted and not self._again):
                job, attempt = self._again.pop() if self._again else (next(jobs, None), 1)
                if job is None:
                    exhausted = True
                elif isinstance(job, Outcome):
                    yield job
                else:
                    yield from self._begin(job, attempt)
            if not self._busy:
                return
            for outcome in self._ended():
                stopping = stopping or outcome.fatal
                yield outcome

    def _begin(self, job: Job, attempt: int) -> Iterator[Outcome]:
        job = _travelling(job)
        actor = self._idle.pop()
        self._busy[actor.make.remote(job)] = actor, job, attempt
        if attempt == 1:
            yield Outcome(job.number, "started")

    def _ended(self) -> Iterator[Outcome]:
        """The outcomes of cells that ended; a dead actor is replaced and its cell done again."""
        done, _ = self._ray.wait(list(self._busy), timeout=_PERIOD)
        for answer in done:
            actor, job, attempt = self._busy.pop(answer)
            try:
                outcome = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                self._idle.append(self._actor.remote())
                if attempt < ATTEMPTS:
                    self._again.append((job, attempt + 1))
                    continue
                why = f"its worker died {ATTEMPTS} times ({type(error).__name__})"
                outcome = Outcome(job.number, "failed", error=BackendError(why))
            else:
                self._idle.append(actor)
            yield outcome

    def _stop(self) -> None:
        for actor, _, _ in self._busy.values():
            actor.stop.remote()

    def close(self) -> None:
        """Stop what runs, and end all actors."""
        self._stop()
        if self._busy:
            self._ray.wait(list(self._busy), num_returns=len(self._busy), timeout=_PATIENCE)
        for actor in (*self._idle, *(actor for actor, _, _ in self._busy.values())):
            self._ray.kill(actor)


def _travelling(job: Job) -> Job:
    """The job with paths that are the same everywhere.

    Raises:
        UsageError: a picture is no file, or the result has no file.
    """
    files = all(isinstance(one, str | Path) for some in job.pictures.values() for one in some)
    if job.path is None or not files:
        raise UsageError(
            "a Ray cluster takes and writes files: give paths of pictures, and a folder for the "
            "results that all nodes see"
        )
    pictures = {slot: tuple(Path(one).absolute() for one in some)
                for slot, some in job.pictures.items()}  # fmt: skip
    return replace(job, pictures=pictures, path=job.path.absolute())
