"""The grid of a visitor: its progress, its results, its ZIP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from styleplug.core.frame import Report
from styleplug.engine.axes import Grid
from styleplug.engine.cells import METHOD, CellEvent
from styleplug.engine.executors.local import Local
from styleplug.engine.grid import run_grid
from styleplug.engine.line import Ahead
from styleplug.engine.overview import SCORES, Overview
from styleplug.imaging import write
from styleplug.ui import render
from styleplug.ui.context import PageContext
from styleplug.ui.errors import sentence
from styleplug.ui.i18n import Language, duration, message, say
from styleplug.ui.kept import Gallery
from styleplug.ui.live import overview as joined
from styleplug.ui.results import Folder

EVERY = 0.7  # seconds between two updates while no cell ends


@dataclass(frozen=True)
class Made:
    """A finished cell.

    Args:
        pictures: its pictures by slot.
        path: its file.
        report: of its run; None if it was made before this run.
        label: what it is called.
        caption: its time and scores.
    """

    pictures: Mapping[str, Path]
    path: Path
    report: Report | None
    label: str
    caption: str


@dataclass
class Progress:
    """The state of a grid.

    Args:
        total: number of cells.
        made: finished cells by number.
        failed: sentences on failed cells, by number.
        labels: labels of the cells, by number.
        running: number and preview of the cell that runs, if there is one.
        sheet: the contact sheet, at the end.
        best: number of the best cell.
        stopped: whether it was stopped.
        ahead: what is before it, while it waits.
    """

    total: int
    made: dict[int, Made] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    running: tuple[str, Path | None] = ("", None)
    seconds: float = 0.0
    sheet: Path | None = None
    best: int | None = None
    stopped: bool = False
    ahead: Ahead | None = None

    @property
    def ended(self) -> int:
        """Number of cells that ended."""
        return len(self.made) + len(self.failed)


class GridRunner:
    """Runs the grid of a visitor into the visitor's folder; a stopped grid is resumed.

    Args:
        context: what the page is built with.
        judged: whether results get scores, and there is a contact sheet at the end.
        gallery: keeps all results, if there is one.
    """

    def __init__(
        self, context: PageContext, *, judged: bool, gallery: Gallery | None = None
    ) -> None:
        self._engine, self._settings = context.engine, context.settings
        self._limits, self._traffic = context.limits, context.traffic
        self._judged, self._gallery = judged, gallery

    def check(self, grid: Grid) -> None:
        """Check that a grid has not too many cells.

        Raises:
            UsageError: it has.
        """
        self._limits.check(grid.count, None)

    def run(
        self,
        grid: Grid,
        labels: Mapping[int, str],
        folder: Folder,
        cancel: threading.Event,
        best: str,
        to: Language,
    ) -> Iterator[Progress]:
        """Run a grid.

        Args:
            grid: the grid.
            labels: labels of its cells.
            folder: for the results.
            cancel: set to stop.
            best: the score that marks the best cell; "" for none.
            to: language of labels and errors.

        Yields:
            The progress, always the same object.
        """
        overview = Overview(grid, best=best) if self._judged else None
        run = run_grid(
            grid,
            self._engine,
            folder=folder.path / "results",
            scored=self._judged,
            cancel=cancel,
            executor=Local(self._engine, 1),
            retry_failed=True,
            settings=self._settings,
        )
        progress, shown = Progress(grid.count), 0.0
        with ExitStack() as place:
            place.callback(run.close)
            self._limits.check(grid.count, run.plan.seconds)
            size, planned = f"{grid.count} results", run.plan.seconds
            turn = place.enter_context(self._traffic.run("grid", size, planned, cancel))
            for ahead in turn:
                progress.ahead = ahead
                yield progress
            progress.ahead, began = None, time.monotonic()
            yield progress
            for event in run:
                progress.seconds = time.monotonic() - began
                if overview is not None:
                    overview.add(event)
                self._take(event, labels, progress, folder, to)
                if event.state in ("done", "failed") or time.monotonic() - shown > EVERY:
                    yield progress
                    shown = time.monotonic()
            turn.stopped = progress.stopped = cancel.is_set()
        progress.running = ("", None)
        if overview is not None and progress.made:
            progress.best = overview.best
            progress.sheet = folder.path / "styleplug-sheet.png"
            write(overview.picture(" · ".join(grid.names.values())), progress.sheet)
        yield progress

    def _take(
        self,
        event: CellEvent,
        labels: Mapping[int, str],
        progress: Progress,
        folder: Folder,
        to: Language,
    ) -> None:
        """Update the progress after an event."""
        cell = event.cell
        label = labels[cell.number]
        if event.state in ("started", "running"):
            frame = event.frame
            seen = folder.preview(joined(frame)) if frame and frame.images else None
            progress.running = (label, seen)
            return
        progress.running = ("", None)
        if event.state == "failed":
            known = event.error
            progress.failed[cell.number] = (
                sentence(known, to) if known else message(str(event.row.get("error")), to)
            )
        elif event.path is not None:
            report = event.report
            if report is not None and self._gallery is not None:
                self._gallery.keep(event.path, report.method)
            seconds = report.seconds if report else event.row.get("seconds", 0.0)
            scores = report.scores if report else event.row.get("scores", {})
            pictures = {slot: Path(some[0]) for slot, some in cell.pictures.items()}
            caption = score_words(seconds, scores, to)
            progress.made[cell.number] = Made(pictures, event.path, report, label, caption)


def called(grid: Grid, number: int, words: Mapping[str, str]) -> str:
    """The label of a cell.

    Args:
        grid: the grid.
        number: of the cell.
        words: titles of methods and labels of parameters, in the language of the visitor.
    """
    texts = []
    for axis, at in zip(grid.axes, grid.place(number), strict=True):
        label = axis.labels[at]
        if axis.name == METHOD:
            texts.append(words.get(label, label))
        elif len(axis.values) > 1:
            named = axis.name in words
            texts.append(f"{words[axis.name]} {label}" if named else label)
    return " · ".join(texts) or ", ".join(grid.names.values())


def score_words(seconds: float, scores: Mapping[str, float], to: Language) -> str:
    """Time and scores of a result."""
    texts = [duration(seconds, to)]
    texts += [f"{say(f'score_{SCORES[name]}', to)} {value:.2f}" for name, value in scores.items()]
    return " · ".join(texts)


def packed(folder: Folder, sheet: Path | None) -> Path | None:
    """All results as a ZIP that the page may serve; None if there are none."""
    results = folder.path / "results"
    files = sorted(one for one in results.rglob("*") if one.is_file() and _shown(one, results))
    if not files:
        return None
    path = folder.path / "styleplug.zip"
    with ZipFile(path, "w", ZIP_STORED) as pack:
        for file in files:
            pack.write(file, file.relative_to(results))
        if sheet is not None:
            pack.write(sheet, sheet.name)
    return path


def _shown(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder)
    return path.suffix != ".jsonl" and not any(part.startswith(".") for part in inside.parts)


def status(progress: Progress, to: Language) -> str:
    """Progress bar, count, time left."""
    if progress.ahead:
        return render.ahead(progress.ahead, to)
    done, total = progress.ended, progress.total
    parts = [say("grid_count", to, n=done, total=total)]
    fresh = done and progress.seconds / done
    if fresh and done < total:
        parts.append(say("left", to, time=duration(fresh * (total - done), to)))
    if progress.running[0]:
        parts.append(progress.running[0])
    return render.bar(done / max(1, total)) + render.line(" · ".join(parts))


def outcome(progress: Progress, to: Language) -> str:
    """How a grid ended."""
    if progress.stopped:
        return render.line(say("grid_stopped", to, n=progress.ended, total=progress.total),
                           "sp-warn")  # fmt: skip
    text = say("grid_done", to, n=len(progress.made), time=duration(progress.seconds, to))
    best = ""
    if progress.failed:
        best = render.line(say("grid_failed", to, n=len(progress.failed)), "sp-warn")
    if progress.best in progress.made:
        made = progress.made[progress.best]
        best += render.line(say("grid_best", to, label=made.label, scores=made.caption))
    return render.line(text, "sp-done") + best


def failures(progress: Progress, labels: Mapping[int, str]) -> str:
    """Sentences on failed cells."""
    return "".join(
        render.line(f"{labels.get(number, '')} {why}".strip(), "sp-warn")
        for number, why in sorted(progress.failed.items())
    )


def table(progress: Progress, labels: Mapping[int, str], to: Language) -> str:
    """The state of every cell, as a table."""
    rows = []
    for number, label in labels.items():
        if number in progress.made:
            kind, text = "sp-ok", progress.made[number].caption
        elif number in progress.failed:
            kind, text = "sp-bad", progress.failed[number]
        else:
            running = label == progress.running[0]
            kind, text = "sp-due", say("grid_running" if running else "grid_waiting", to)
        cells = f"<td>{escape(label)}</td><td>{escape(text)}</td>"
        rows.append(f'<tr class="{kind}"><td><i></i></td>{cells}</tr>')
    return f'<div class="sp-states"><table>{"".join(rows)}</table></div>' if rows else ""
