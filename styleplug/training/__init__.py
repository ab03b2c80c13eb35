"""Recipes that write weights; inference never imports them.

A task is a module of `tasks` that declares `TASK`.  Tasks are found by reading, not by
importing: to list them must not wait for torch.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from styleplug.core.errors import StyleplugError, UsageError
from styleplug.system.extras import missing

if TYPE_CHECKING:
    from styleplug.training.loop.task import Task

_DECLARED = re.compile(r"^TASK\b", re.MULTILINE)


def task_ids() -> tuple[str, ...]:
    """What can be trained, in the order of the alphabet."""
    modules = sorted((Path(__file__).parent / "tasks").glob("*.py"))
    return tuple(m.stem for m in modules if _DECLARED.search(m.read_text(encoding="utf-8")))


def load_task(id: str) -> Task:
    """The task of a module; imports torch.

    Raises:
        UsageError: no such task, or packages are missing that training needs.
        StyleplugError: its module cannot be imported.
    """
    if id not in task_ids():
        raise UsageError(f"unknown task {id!r}; known are: {', '.join(task_ids())}")
    if why := missing("train", "training"):
        raise UsageError(why)
    try:
        task: Task = import_module(f"{__name__}.tasks.{id}").TASK
    except Exception as error:
        raise StyleplugError(
            f"the task {id} cannot be used: {type(error).__name__}: {error}"
        ) from error
    return task
