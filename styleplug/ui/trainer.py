"""The training run of a page: it runs in the background, and every visitor sees its progress.

A run takes hours.  It must not end when a window is closed or a computer goes to sleep, so it
belongs to the page and not to a visitor.  `page.launch` decides who may see it.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from styleplug.core.errors import UsageError
from styleplug.system.files import not_written
from styleplug.training.curve import read_log
from styleplug.training.loop import train
from styleplug.training.loop.folder import LAST, LOG, SAMPLES
from styleplug.training.loop.progress import Progress
from styleplug.training.loop.setup import FILE, Setup
from styleplug.training.loop.task import TaskSpec
from styleplug.ui.live import History
from styleplug.ui.training_files import (
    PICTURES,
    STYLES,
    check_classes,
    check_size,
    files_of,
    lay,
    packed,
    served,
)

EVERY = 1.0  # seconds between two updates
POINTS = 400  # most points of a curve
PATIENCE = 60  # seconds that the process waits at its end for the last weights


@dataclass(frozen=True)
class View:
    """The state of a run to show."""

    progress: Progress = field(default_factory=Progress)
    history: History = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ended: bool = False
    error: Exception | None = None


class Curve:
    """Losses over the steps; when it gets long, several steps share one point.

    >>> curve = Curve()
    >>> for step in range(1, 10_001):
    ...     curve.add(step, {"loss": step})
    >>> len(curve.history["loss"]) <= POINTS, curve.history["loss"][0]
    (True, (32, 16.5))
    """

    def __init__(self) -> None:
        self.history: History = {}
        self._stride = 1
        self._since: dict[str, list[float]] = {}  # the last point

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        """Add a step."""
        for name, value in losses.items():
            self._since.setdefault(name, []).append(value)
        if step % self._stride:
            return
        for name, values in self._since.items():
            self.history.setdefault(name, []).append((step, sum(values) / len(values)))
        self._since = {}
        if max(map(len, self.history.values()), default=0) >= POINTS:
            self._stride *= 2
            self.history = {name: _halved(points) for name, points in self.history.items()}


def _halved(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Merge pairs of neighbours; with an odd number, the last one is dropped."""
    pairs = zip(points[::2], points[1::2], strict=False)
    return [(step, (one + other) / 2) for (_, one), (step, other) in pairs]


class Run:
    """A training run in a separate thread.

    Args:
        setup: the task, its options and its folder.
        ready: called with the folder when it contains weights.

    Attributes:
        view: the newest view; it is replaced, never changed.
    """

    def __init__(self, setup: Setup, ready: Callable[[Path], object] = Path) -> None:
        self.setup = setup
        self._ready = ready
        self.view = View()
        self.cancel = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._train, name="training", daemon=True).start()

    @property
    def going(self) -> bool:
        """Whether it is still running."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """Stop it after the current step; the last weights are kept."""
        self.cancel.set()

    def wait(self, seconds: float) -> None:
        """Wait for its end, at most for this time."""
        self._ended.wait(seconds)

    def _train(self) -> None:
        curve, error = Curve(), None
        try:
            for progress in train(self.setup, self.cancel):
                if progress.step and not progress.report:
                    curve.add(progress.step, progress.losses)
                notes = self.view.notes + progress.warnings
                drawn = {name: list(points) for name, points in curve.history.items()}
                self.view = View(progress, drawn, notes)
            self._ready(self.setup.out)
        except Exception as raised:  # shown to the visitors
            error = raised
        finally:
            if not (self.setup.out / LAST).exists():
                shutil.rmtree(self.setup.out, ignore_errors=True)
            self.view = replace(self.view, ended=True, error=error)
            self._ended.set()

    def views(self) -> Iterator[View]:
        """The present view, then each new view about once a second, until the end."""
        seen = None
        while seen is None or not seen.ended:
            view = self.view
            if view is not seen:
                yield view
                seen = view
            self._ended.wait(EVERY)

    def sample(self) -> Path | None:
        """A copy of the newest sheet of samples that the page may serve."""
        sheet = self.view.progress.sample
        if sheet is None or not sheet.exists():  # removed together with an empty run
            return None
        return Path(shutil.copy(sheet, served()))

    def packed(self) -> Path | None:
        """Its results as a ZIP that the page may serve; None if there are none."""
        return packed(self.setup.out)


@dataclass(frozen=True)
class Earlier:
    """An earlier run.

    Args:
        name: of its folder.
        task: id of its task.
        step: finished steps.
        minutes: of training so far.
        sample: its newest sheet of samples.
    """

    name: str
    task: str
    step: int
    minutes: float
    sample: Path | None


class Trainer:
    """Starts runs, one at a time.

    Args:
        folder: the folder for the folders of the runs.
        ready: called with the folder of each successful run.
        gone: called with the name of each run that is deleted.
    """

    def __init__(
        self,
        folder: Path,
        ready: Callable[[Path], object] = Path,
        gone: Callable[[str], object] = str,
    ) -> None:
        self._folder = folder.absolute()
        self._ready, self._gone = ready, gone
        self._starting = threading.Lock()
        self.run: Run | None = None  # the newest run
        atexit.register(self.close)

    def close(self) -> None:
        """Stop, and wait until the weights are written."""
        if self.run is not None:
            self.run.stop()
            self.run.wait(PATIENCE)

    def start(self, task: TaskSpec, pictures: Any, styles: Any, options: Mapping[str, Any]) -> Run:
        """Start a run.

        Args:
            pictures: the value of the upload component.
            styles: the same for styles; ignored if the task takes none.
            options: options of the loop and of the task, by name.

        Raises:
            UsageError: another run is active, or there are no pictures or too many.
            BadParameter: an option is out of bounds.
            OutputError: the folder of the run cannot be written.
        """
        with self._starting:
            self._check_free()
            given = {PICTURES: pictures} | ({STYLES: styles} if task.takes_styles else {})
            files = {name: files_of(some, name) for name, some in given.items()}
            check_size(sum(path.stat().st_size for some in files.values() for path in some))
            place = self._place(task.id)
            try:
                data, other = [place / PICTURES], [place / STYLES] if STYLES in files else []
                setup = Setup.of(task, data=data, styles=other, out=place, options=options)
                for name in files:
                    lay(files[name], place / name)
                if task.learns_classes:
                    check_classes(place / PICTURES)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            self.run = Run(setup, self._ready)
            return self.run

    def _check_free(self) -> None:
        if self.run is not None and self.run.going:
            raise UsageError(
                "A training run is active: stop it, or wait for its end. Reload this page to "
                "see it."
            )

    # Earlier runs -----------------------------------------------------------------------

    def earlier(self) -> list[Earlier]:
        """The runs that are kept in the folder, also of earlier days, the newest first."""
        found = []
        for file in self._folder.glob(f"*/{FILE}"):
            with suppress(OSError, ValueError, LookupError, TypeError):  # not a run, or damaged
                log = file.parent / LOG
                last = read_log(log)[-1] if log.exists() else {"step": 0, "seconds": 0.0}
                sheets = sorted((file.parent / SAMPLES).glob("*.png"))
                about = json.loads(file.read_bytes())
                run = Earlier(
                    file.parent.name,
                    str(about["task"]),
                    int(last["step"]),
                    float(last["seconds"]) / 60,
                    sheets[-1] if sheets else None,
                )
                found.append((file.stat().st_mtime, run))
        return [run for _, run in sorted(found, key=lambda one: -one[0])]

    def find(self, name: object) -> Earlier:
        """An earlier run by its name.

        Raises:
            UsageError: there is no such run.
        """
        for one in self.earlier():
            if one.name == name:
                return one
        raise UsageError("This training run is no longer there. Reload the page.")

    def folder(self, one: Earlier) -> Path:
        """The folder of an earlier run."""
        return self._folder / one.name

    def resume(self, one: Earlier, task: TaskSpec, minutes: float) -> Run:
        """Continue an earlier run.

        Args:
            one: the run.
            task: its task.
            minutes: how long it goes on.

        Raises:
            UsageError: another run is active, or this one cannot be continued.
        """
        with self._starting:
            self._check_free()
            options = {"minutes": one.minutes + max(1.0, minutes)}
            self.run = Run(Setup.resumed(task, self.folder(one), options=options), self._ready)
            return self.run

    def delete(self, one: Earlier) -> None:
        """Delete an earlier run with its pictures.

        Raises:
            UsageError: it is running.
            OutputError: it cannot be deleted.
        """
        with self._starting:
            if self.run is not None and self.run.going and self.run.setup.out == self.folder(one):
                self._check_free()
            try:
                shutil.rmtree(self.folder(one))
            except OSError as error:
                raise not_written(self.folder(one), error) from error
            self._gone(one.name)

    def _place(self, task: str) -> Path:
        """A new folder that other users cannot read."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            prefix = f"{task}-{date.today():%Y%m%d}-"
            return Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder))
        except OSError as error:
            raise not_written(self._folder / task, error) from error
