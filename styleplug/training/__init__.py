"""Training: recipes that write weights.  Inference never imports this package.

A task is a module of `tasks` that declares `TASK`.  The list of tasks is found by reading the
source files, not by importing them, because torch takes long to load.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from styleplug.core.errors import StyleplugError, UsageError
from styleplug.system.extras import require

if TYPE_CHECKING:
    from styleplug.training.loop.task import TaskSpec

_DECLARED = re.compile(r"^TASK\b", re.MULTILINE)


def task_ids() -> tuple[str, ...]:
    """Ids of the tasks, in alphabetical order."""
    modules = sorted((Path(__file__).parent / "tasks").glob("*.py"))
    return tuple(m.stem for m in modules if _DECLARED.search(m.read_text(encoding="utf-8")))


def load_task(id: str) -> TaskSpec:
    """The task with this id; imports torch.

    Raises:
        UsageError: no such task, or packages for training are missing.
        StyleplugError: the module of the task cannot be imported.
    """
    if id not in task_ids():
        raise UsageError(f"unknown task {id!r}; known are: {', '.join(task_ids())}")
    require("train", "training")
    try:
        task: TaskSpec = import_module(f"{__name__}.tasks.{id}").TASK
    except Exception as error:
        raise StyleplugError(
            f"the task {id} cannot be used: {type(error).__name__}: {error}"
        ) from error
    return task
