"""Where the cells of a grid are computed: in threads of this process, or on a Ray cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from styleplug.core.errors import UsageError
from styleplug.engine.job import Job, Outcome

if TYPE_CHECKING:
    from styleplug.engine.host import Engine


ENGINES = ("local", "ray", "ray://HOST:PORT")
"""Names of executors."""


class Executor(Protocol):
    """Computes jobs."""

    def run(self, jobs: Iterator[Job | Outcome], cancel: threading.Event) -> Iterator[Outcome]:
        """Compute jobs, several at once, in any order.

        Jobs are taken one by one, so there may be millions.  Each job yields outcomes, the last of
        which is "done", "failed" or "stopped".  An outcome among the jobs is passed on.  After a
        fatal failure, no further job is started.  Closing the iterator, or setting `cancel`, stops
        all jobs within a step.
        """
        ...


def executor_of(name: str, engine: Engine, workers: int = 0, gpus: float = 0.0) -> Executor | None:
    """The executor of a name; None for the usual one.

    Args:
        name: "local"; "ray" for a cluster of this machine, or the one that RAY_ADDRESS names; or
            the address of a cluster.
        engine: runs cells in this process.
        workers: number of cells at a time; 0 for the usual number.
        gpus: share of a graphics card for each worker of a cluster.

    Raises:
        UsageError: unknown name, or Ray is not installed.
    """
    if name == "local":
        from styleplug.engine.executors.local import Local

        return Local(engine, workers) if workers else None
    if name == "ray" or name.startswith("ray://"):
        from styleplug.engine.executors.cluster import Cluster

        return Cluster(name if name != "ray" else "", workers, gpus)
    raise UsageError(f"unknown engine {name!r}; known are: {', '.join(ENGINES)}")
