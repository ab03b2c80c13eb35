"""Run a grid: plan it, make its cells, keep a ledger, resume."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from styleplug.core.errors import StyleplugError, UsageError
from styleplug.core.recipe import Settings
from styleplug.engine.axes import Grid
from styleplug.engine.cells import Cell, CellEvent, Cells, GridPlan
from styleplug.engine.executors import Executor
from styleplug.engine.executors.local import Local
from styleplug.engine.grid_request import template
from styleplug.engine.host import CONCURRENCY, Engine, shared
from styleplug.engine.job import Job, Outcome
from styleplug.engine.ledger import Ledger
from styleplug.engine.shard import WHOLE, Shard
from styleplug.imaging import measure
from styleplug.system import machine

LONGEST = 7 * 24 * 3600
"""Largest planned time of a grid in seconds, unless `anyway` is set."""
_PREVIEW = 0.4  # seconds between two previews of one cell
_SAMPLES = 24  # cells that a plan looks at
_UNMEASURED = (1024, 768)  # a picture whose header cannot be read


class GridRun:
    """A run of a grid: iterate over it for its events.

    Attributes:
        cells: the cells.
        plan: the estimate.
    """

    def __init__(
        self,
        cells: Cells,
        engine: Engine,
        ledger: Ledger | None,
        executor: Executor | None,
        cancel: threading.Event,
        *,
        retry_failed: bool,
        scored: bool,
        anyway: bool,
    ) -> None:
        self.cells, self._ledger, self._cancel = cells, ledger, cancel
        self._retry_failed, self._scored = retry_failed, scored
        self.plan = _plan(cells, engine, ledger.count("done") if ledger else 0)
        if (self.plan.seconds or 0) > LONGEST and not anyway:
            days = (self.plan.seconds or 0) / 86400
            raise UsageError(
                f"{self.plan.cells:,} cells would take about {days:,.0f} days; at most "
                f"{LONGEST // 86400} are run unless you insist (--anyway): take fewer values or a "
                "smaller size"
            )
        self._executor = executor or Local(engine, _workers(self.plan))
        self._events = self._all()

    def __iter__(self) -> Iterator[CellEvent]:
        return self._events

    def close(self) -> None:
        """Stop, and unlock the folder."""
        self._events.close()  # type: ignore[attr-defined]
        if self._ledger is not None:
            self._ledger.close()

    def _all(self) -> Iterator[CellEvent]:
        running: dict[int, Cell] = {}
        shown: dict[int, float] = {}
        outcomes = self._executor.run(self._jobs(running), self._cancel)
        try:
            for outcome in outcomes:
                number = outcome.number
                cell = running[number]
                if outcome.step == "running":
                    if outcome.frame is not None and outcome.frame.images:
                        now = time.monotonic()
                        if now - shown.get(number, 0.0) < _PREVIEW:
                            continue
                        shown[number] = now
                elif outcome.step != "started":
                    running.pop(number)
                    shown.pop(number, None)
                if outcome.step != "stopped":
                    yield self._event(cell, outcome)
                if outcome.fatal and outcome.error is not None:
                    raise outcome.error
        finally:
            getattr(outcomes, "close", lambda: None)()
            if self._ledger is not None:
                self._ledger.close()

    def _jobs(self, running: dict[int, Cell]) -> Iterator[Job | Outcome]:
        """A job for every cell, or its outcome if it ended in an earlier run."""
        for cell in self.cells:
            running[cell.number] = cell
            known = self._ledger.state(cell) if self._ledger else None
            if known == "done":
                yield Outcome(cell.number, "skipped")
            elif known == "failed" and not self._retry_failed:
                yield Outcome(cell.number, "failed")
            else:
                yield Job(cell.number, cell.recipe, cell.pictures, self._path(cell), self._scored)

    def _event(self, cell: Cell, outcome: Outcome) -> CellEvent:
        """The event for an outcome; the ledger gets those that end a cell."""
        assert outcome.step != "stopped", "an unfinished cell is no event"
        report = outcome.frame.report if outcome.frame else None
        earlier = outcome.step == "failed" and outcome.error is None
        ended = outcome.step in ("done", "failed") and not earlier
        if outcome.step in ("started", "running"):
            return CellEvent(cell, outcome.step, outcome.frame)
        if self._ledger is not None and ended and not outcome.fatal:
            self._ledger.add(cell, report, outcome.error)
        path = self._path(cell) if outcome.step in ("done", "skipped") else None
        row = self._ledger.row(cell) if self._ledger and not ended else {}
        return CellEvent(cell, outcome.step, outcome.frame, report, outcome.error, path, row)

    def _path(self, cell: Cell) -> Path | None:
        return self._ledger.folder / cell.file if self._ledger else None


def run_grid(
    grid: Grid,
    engine: Engine | None = None,
    *,
    folder: Path | None = None,
    names: str | None = None,
    retry_failed: bool = False,
    scored: bool = False,
    anyway: bool = False,
    settings: type[Settings] = Settings,
    cancel: threading.Event | None = None,
    executor: Executor | None = None,
    shard: Shard = WHOLE,
) -> GridRun:
    """Run a grid.  It is checked in this call; cells are made while iterating.

    Args:
        engine: runs the cells; by default that of the process.
        folder: folder for the results and a ledger.  Cells that are finished there are skipped, so
            starting again resumes.  Without a folder, results are only in the events.
        names: template of file names; by default pictures, method, and all other axes.
        retry_failed: retry cells that failed in an earlier run.
        scored: compute scores for every result.
        anyway: allow very many cells, and a plan of more than a week.
        settings: the settings that may be chosen, if these are fewer than usual.
        cancel: set it from any thread to stop within a step.
        executor: computes the cells; by default threads of this process.
        shard: make this part only; other processes make the others in the same folder.

    Returns:
        An iterable of events, with the plan of the grid.

    Raises:
        UsageError: the grid is empty or too large, contradicts itself, or two cells have one name.
        BadParameter: a value is wrong, or a method does not have the parameter.
        OutputError: the folder cannot be written; while iterating: the disk is full …
    """
    engine = engine or shared()
    names = (names or template(grid, engine.catalogue)) if folder else ""
    cells = Cells(grid, engine.catalogue, names, settings, anyway=anyway, shard=shard)
    ledger = Ledger(folder, shard) if folder else None
    try:
        return GridRun(
            cells,
            engine,
            ledger,
            executor,
            cancel or threading.Event(),
            retry_failed=retry_failed,
            scored=scored,
            anyway=anyway,
        )
    except BaseException:
        if ledger is not None:
            ledger.close()
        raise


def _plan(cells: Cells, engine: Engine, finished: int) -> GridPlan:
    """Estimate a grid from some of its cells."""
    step = max(1, len(cells) // _SAMPLES)
    seconds, memory, runs = [], [], []
    for number in islice(range(0, len(cells), step), _SAMPLES):
        cell = cells.cell(number)
        sizes = {slot: [_measured(one) for one in some] for slot, some in cell.pictures.items()}
        plan = engine.plan(cell.recipe, sizes)
        seconds.append(plan.seconds)
        memory.append(plan.added_mb)
        runs.append(plan.runs)
    known = [one for one in seconds if one is not None]
    left = max(0, cells.count - finished)
    return GridPlan(
        cells=cells.count,
        finished=min(finished, cells.count),
        seconds=sum(known) / len(known) * left if known else None,
        added_mb=max((one for one in memory if one is not None), default=None),
        runs=min(runs, default=0),
    )


def _measured(source: Any) -> tuple[int, int]:
    """Width and height of a picture; a guess if they cannot be read."""
    if isinstance(source, str | Path):
        try:
            return measure(source)
        except StyleplugError:
            return _UNMEASURED
    if hasattr(source, "width"):
        return int(source.width), int(source.height)
    shape = getattr(source, "shape", _UNMEASURED[::-1])
    return int(shape[1]), int(shape[0])


def _workers(plan: GridPlan) -> int:
    """Number of cells at a time: one if there is not enough memory for several."""
    needed = CONCURRENCY * (plan.added_mb or 0)
    return CONCURRENCY if needed < machine.available_mb() else 1
