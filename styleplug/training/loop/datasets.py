"""Load the pictures of a run, and hold some of them out for the scores."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

from styleplug.core.errors import Cancelled, UsageError
from styleplug.core.weight import VGG19
from styleplug.store import Store
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.progress import Progress
from styleplug.training.loop.setup import HUB_TEACHER, Setup
from styleplug.training.loop.task import Datasets

HELD_OUT_SHARE = 0.05  # of the pictures; at least one

State = TypeVar("State")
Found = TypeVar("Found")


@dataclass(frozen=True)
class LoadedDatasets:
    """Datasets, and notes about their files.

    Args:
        datasets: for the task.
        skipped: a sentence for each file that could not be used.
        warnings: sentences to show.
    """

    datasets: Datasets
    skipped: list[str]
    warnings: tuple[str, ...]


def load_datasets(setup: Setup, cancel: Event) -> Generator[Progress, None, LoadedDatasets]:
    """Read all pictures of a run.

    Raises:
        UsageError: a folder is missing, holds no picture, or too few for the task.
        WeightError: VGG-19 cannot be downloaded.
        Cancelled: `cancel` was set.
    """
    teacher = str(setup.teacher) if setup.teacher else None
    if setup.teacher == HUB_TEACHER:
        teacher = yield from _download(cancel)
    data = yield from _read("pictures", setup.data, cancel)
    if len(data) < setup.task.least:
        raise UsageError(
            f"{setup.task.id} needs at least {setup.task.least} pictures to learn how pictures "
            f"differ, got {len(data)}: add more"
        )
    held = data.split(HELD_OUT_SHARE, by_class=setup.task.learns_classes)
    styles, parts = None, held
    if setup.styles:
        styles = yield from _read("styles", setup.styles, cancel)
        parts = styles.split(HELD_OUT_SHARE)
    warnings: list[str] = []
    for name, found in (("pictures", data), ("styles", styles)):
        if found is None:
            continue
        warnings += found.notes
        if found in (held[1], parts[1]):
            warnings.append(
                f"too few {name} ({len(found)}): training and scores use the same ones, so the "
                "scores say nothing about other pictures"
            )
    skipped = data.skipped + (styles.skipped if styles else [])
    if skipped:
        warnings += [f"{len(skipped)} files skipped", *skipped]
    return LoadedDatasets(Datasets(*held, *parts, teacher), skipped, tuple(warnings))


def _download(cancel: Event) -> Generator[Progress, None, str]:
    """The file of VGG-19 from the Hub, or from the cache."""
    resolving = Store().resolve((VGG19,))
    file = yield from _followed(
        resolving, str, cancel, Cancelled("stopped during the download; nothing was trained")
    )
    return str(file.path)


def _read(name: str, folders: Sequence[Path], cancel: Event) -> Generator[Progress, None, Pictures]:
    """The pictures of some folders; yields the number of files read from time to time."""

    def note(read: tuple[int, int]) -> str:
        done, count = read
        return f"reading {name}: {done} of {count}" if done % 50 == 0 or done == count else ""

    reading = Pictures.reading(folders)
    stopped = Cancelled("stopped while pictures were read; nothing was trained")
    return (yield from _followed(reading, note, cancel, stopped))


def _followed(
    work: Generator[State, None, Found],
    note: Callable[[State], str],
    cancel: Event,
    stopped: Cancelled,
) -> Generator[Progress, None, Found]:
    """The result of a generator; yields a note for each of its states, unless the note is empty.

    Args:
        work: closed at the end, whatever happens.
        note: gives the note.
        cancel: stops the work between two states.
        stopped: raised if `cancel` is set.
    """
    with closing(work):
        while True:
            try:
                state = next(work)
            except StopIteration as end:
                found: Found = end.value
                return found
            if cancel.is_set():
                raise stopped
            if text := note(state):
                yield Progress(note=text)
