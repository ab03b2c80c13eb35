"""Make one cell of a grid: read its pictures, run its recipe, write its file.

A `Job` and its `Outcome` are plain data, so that they can be sent to another process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from styleplug.core.errors import Cancelled, MethodError, OutputError, StyleplugError
from styleplug.core.frame import Frame
from styleplug.core.recipe import Recipe
from styleplug.engine.host import Engine
from styleplug.engine.inputs import longest
from styleplug.engine.memo import Descriptions, Memo, descriptions
from styleplug.imaging import Picture, format_of, read
from styleplug.imaging.sheet import encode_all
from styleplug.system.files import write_file

Step = Literal["started", "running", "done", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class Job:
    """A cell to make.

    Args:
        number: of the cell.
        pictures: sources of its pictures by slot.
        path: the file to write; None to write none.
        scored: whether the report has scores.
    """

    number: int
    recipe: Recipe
    pictures: Mapping[str, tuple[Any, ...]]
    path: Path | None = None
    scored: bool = False


@dataclass(frozen=True)
class Outcome:
    """Something that happened to a job.

    Args:
        number: of the cell.
        step: what happened.
        frame: a preview, or the result with its report.
        error: why it failed; None if that was in an earlier run.
        fatal: whether all further jobs would fail too, such as on a full disk.
    """

    number: int
    step: Step
    frame: Frame | None = None
    error: StyleplugError | None = None
    fatal: bool = False


class Maker:
    """Makes cells; it caches pictures and the results of nets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pictures: Memo[Picture] = Memo(_bytes)
        self._descriptions: Descriptions = descriptions()

    def make(self, job: Job, cancel: threading.Event) -> Iterator[Outcome]:
        """Make a cell; errors are outcomes, too.

        Args:
            job: the cell.
            cancel: set to stop it within a step; an unfinished cell is not written.
        """
        yield Outcome(job.number, "started")
        try:
            for frame in self._run(job, cancel):
                if not frame.final:
                    yield Outcome(job.number, "running", frame)
                elif frame.report and frame.report.cancelled:
                    yield Outcome(job.number, "stopped")
                else:
                    yield self._kept(job, frame)
        except Cancelled:
            yield Outcome(job.number, "stopped")
        except StyleplugError as error:
            yield Outcome(job.number, "failed", error=error)
        except Exception as error:  # one bad cell must not end a grid
            why = MethodError(f"unexpected {type(error).__name__}: {error}")
            yield Outcome(job.number, "failed", error=why)

    def _run(self, job: Job, cancel: threading.Event) -> Iterator[Frame]:
        most = longest(self._engine.catalogue.get(job.recipe.method), job.recipe.size)
        pictures = {slot: [self._picture(one, most[slot]) for one in some]
                    for slot, some in job.pictures.items()}  # fmt: skip
        return self._engine.run(
            job.recipe, pictures, cancel, scored=job.scored, memo=self._descriptions
        )

    def _picture(self, source: Any, most: int) -> Picture:
        """A picture, read only once for several cells."""
        if isinstance(source, str | Path):
            try:
                seen = Path(source).stat()
                key = (str(source), seen.st_size, seen.st_mtime_ns, most)
            except (OSError, ValueError):
                return read(source, longest=most)  # raises the right error
            return self._pictures.of(key, lambda: read(source, longest=most))
        return read(source, longest=most)

    def _kept(self, job: Job, frame: Frame) -> Outcome:
        """Write the result of a cell."""
        if job.path is not None:
            assert frame.report is not None, "the engine's final frame carries its report"
            kind = format_of(job.path, animated=frame.fps > 0)
            data = encode_all(frame.images, kind, frame.fps, frame.report.recipe.to_json())
            try:
                job.path.parent.mkdir(parents=True, exist_ok=True)
                write_file(job.path, data)
            except OSError as error:
                return Outcome(job.number, "failed", error=OutputError(str(error)), fatal=True)
            except OutputError as error:
                return Outcome(job.number, "failed", error=error, fatal=True)
        return Outcome(job.number, "done", frame)


def without_pixels(outcome: Outcome) -> Outcome:
    """The outcome without its pixels, for a cell whose file is written."""
    frame = outcome.frame and replace(outcome.frame, images=())
    return replace(outcome, frame=frame)


def _bytes(picture: Picture) -> int:
    alpha = 0 if picture.alpha is None else picture.alpha.nbytes
    return int(picture.pixels.nbytes + alpha)
