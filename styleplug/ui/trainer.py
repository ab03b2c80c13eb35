"""The training run of a page: it runs in the background, and every visitor sees its progress.

A run takes hours.  It must not end when a window is closed or a computer goes to sleep, so it
belongs to the page and not to a visitor.  `page.launch` decides who may see it.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from gradio.utils import get_upload_folder

from styleplug.core.errors import UsageError
from styleplug.system.files import not_written
from styleplug.training.loop import train
from styleplug.training.loop.folder import CHECKPOINT, LAST
from styleplug.training.loop.progress import Progress
from styleplug.training.loop.setup import FILE, Setup
from styleplug.training.loop.task import TaskSpec
from styleplug.ui.live import History
from styleplug.ui.uploads import uploaded

MOST = 5000  # most files for one run, and most styles
BYTES = 4 * 10**9  # most bytes of all files
EVERY = 1.0  # seconds between two updates
POINTS = 400  # most points of a curve
PATIENCE = 60  # seconds that the process waits at its end for the last weights
PICTURES, STYLES = "pictures", "styles"  # sub-folders of a run
_MISSING = {
    PICTURES: "Training pictures are missing: add some first.",
    STYLES: "Styles are missing: this task also needs paintings or patterns. Add some first.",
}
KEPT_BACK = {PICTURES, STYLES, FILE, CHECKPOINT}  # not in the ZIP: large, or with private paths


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
        return Path(shutil.copy(sheet, _served()))

    def packed(self) -> Path | None:
        """Its results as a ZIP that the page may serve; None if there are none.

        It contains no training pictures and no paths of this machine.
        """
        folder = self.setup.out
        if not folder.exists():
            return None
        path = _served() / f"styleplug-{folder.name}.zip"
        with ZipFile(path, "w", ZIP_DEFLATED) as pack:
            for file in sorted(folder.rglob("*")):
                inside = file.relative_to(folder)
                private = inside.parts[0] in KEPT_BACK or inside.name.startswith(".")
                if file.is_file() and not private:
                    pack.write(file, Path(folder.name) / inside)
        return path


class Trainer:
    """Starts runs, one at a time.

    Args:
        folder: the folder for the folders of the runs.
        ready: called with the folder of each successful run.
    """

    def __init__(self, folder: Path, ready: Callable[[Path], object] = Path) -> None:
        self._folder = folder.absolute()
        self._ready = ready
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
            if self.run is not None and self.run.going:
                raise UsageError(
                    "A training run is active: stop it, or wait for its end. Reload this page to "
                    "see it."
                )
            given = {PICTURES: pictures} | ({STYLES: styles} if task.takes_styles else {})
            files = {name: _files(some, name) for name, some in given.items()}
            if (
                size := sum(path.stat().st_size for some in files.values() for path in some)
            ) > BYTES:
                raise UsageError(
                    f"The files have {size / 1e9:.1f} GB; at most {BYTES / 1e9:.0f} GB are "
                    "accepted here. For more, use styleplug train."
                )
            place = self._place(task.id)
            try:
                data, other = [place / PICTURES], [place / STYLES] if STYLES in files else []
                setup = Setup.of(task, data=data, styles=other, out=place, options=options)
                for name in files:
                    _lay(files[name], place / name)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            self.run = Run(setup, self._ready)
            return self.run

    def _place(self, task: str) -> Path:
        """A new folder that other users cannot read."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            prefix = f"{task}-{date.today():%Y%m%d}-"
            return Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder))
        except OSError as error:
            raise not_written(self._folder / task, error) from error


def _files(payload: Any, what: str) -> list[Path]:
    """The uploaded files in the value of a component."""
    if not isinstance(payload, list) or not payload:
        raise UsageError(_MISSING[what])
    if len(payload) > MOST:
        raise UsageError(
            f"{len(payload):,} files are too many; at most {MOST:,} are accepted here. For more, "
            "use styleplug train."
        )
    return [uploaded(one) for one in payload]


def _lay(files: Sequence[Path], place: Path) -> None:
    """Move uploads into a folder, as links if possible.

    The page deletes its uploads after an hour, but a run may be resumed much later.
    """
    try:
        place.mkdir()
        for number, file in enumerate(files):
            goal = place / file.name
            if goal.exists():  # the same name: a sub-folder keeps both names
                goal = place / str(number) / file.name
                goal.parent.mkdir()
            try:
                os.link(file, goal)
            except OSError:  # another disk, or one without links
                shutil.copyfile(file, goal)
    except OSError as error:
        raise not_written(place, error) from error


def _served() -> Path:
    """A new folder below the folder that the page serves; its name cannot be guessed."""
    path = Path(get_upload_folder()) / secrets.token_hex(20)
    path.mkdir(parents=True)
    return path
