"""Where the cells of a grid are computed: in threads of this process, or on a Ray cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from styleplug.core.errors import UsageError
from styleplug.engine.job import Job, Outcome

if TYPE_CHECKING:
    from styleplug.engine.host import Engine


ENGINES = ("local",)
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


def executor_of(name: str, engine: Engine) -> Executor | None:
    """The executor with this name; None for the default one.

    Raises:
        UsageError: the name is unknown.
    """
    if name == "local":
        return None
    raise UsageError(f"unknown engine {name!r}; known are: {', '.join(ENGINES)}")
