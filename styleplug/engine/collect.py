"""Run a grid to its end and collect the results, for Python and HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from styleplug.core.array import Pixels
from styleplug.core.recipe import Recipe
from styleplug.engine.axes import Grid
from styleplug.engine.cells import CellEvent
from styleplug.engine.grid import run_grid
from styleplug.engine.grid_request import files_in, grid_of, styles_in
from styleplug.engine.host import Engine, shared
from styleplug.engine.overview import Overview
from styleplug.engine.request import recipe_in
from styleplug.engine.tally import Tally
from styleplug.imaging import write
from styleplug.methods.shared.transfer import CONTENT, STYLE


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch.

    Args:
        done: number of results that were made.
        skipped: number of results that were finished before.
        failures: the failed cells, each with its `error`, or with `row` if it failed before.
        seconds: time of the batch.
    """

    done: int
    skipped: int
    failures: tuple[CellEvent, ...]
    seconds: float


@dataclass(frozen=True)
class GridResult:
    """The cells of a grid.

    Args:
        cells: the last event of each cell, in the order of the grid.
        sheet: a labelled contact sheet (h, w, 3), float32 in [0, 1].
        best: the cell with the best score, if a score was given.
    """

    cells: tuple[CellEvent, ...]
    sheet: Pixels
    best: CellEvent | None

    @property
    def failures(self) -> tuple[CellEvent, ...]:
        """The cells that failed."""
        return tuple(cell for cell in self.cells if cell.state == "failed")

    def save(self, path: str | Path) -> None:
        """Write the contact sheet.

        Raises:
            OutputError: unknown ending, missing folder, full disk …
        """
        write(self.sheet, Path(path))


def ended(events: Iterable[CellEvent]) -> Iterator[CellEvent]:
    """The events that end cells."""
    return (event for event in events if event.state not in ("started", "running"))


def batch(grid: Grid, folder: Path, **options: Any) -> BatchResult:
    """Run a grid into a folder; for the options, see `run_grid`."""
    tally = Tally()
    for event in ended(run_grid(grid, folder=folder, **options)):
        tally.add(event)
    return BatchResult(tally.done, tally.skipped, tuple(tally.failures), tally.seconds)


def compare(
    grid: Grid,
    *,
    best: str = "",
    engine: Engine | None = None,
    cancel: threading.Event | None = None,
    **options: Any,
) -> GridResult:
    """Run a grid and keep its results in memory, or as files if there is a folder.

    `best` is the score that decides which cell is the best; for all others, see `run_grid`.
    """
    overview = Overview(grid, best=best)
    options["scored"] = options.get("scored") or bool(best)
    found: dict[int, CellEvent] = {}
    for event in ended(run_grid(grid, engine, cancel=cancel, **options)):
        overview.add(event)
        found[event.cell.number] = replace(event, frame=None) if event.path else event
    cells = tuple(found[number] for number in sorted(found))
    top = overview.best
    title = " · ".join(grid.names.values())
    return GridResult(cells, overview.picture(title), None if top is None else found[top])


def grid_from(
    content: Any,
    style: Any,
    method: str,
    over: Mapping[str, Any],
    values: Mapping[str, Any],
    recipe: Recipe | str | Path | None = None,
    *,
    pattern: str = "",
    leave_out: Iterable[Path] = (),
) -> Grid:
    """The grid of a request in Python.

    Args:
        content: a picture in any form that can be read, a folder, or a list of them; None for
            methods without content.
        style: the same, or names of built-in styles.
        method: id of the method; "all" for all methods that take both.
        over: as for `grid_of`.
        values: as for `grid_of`.
        recipe: a recipe, or a file that contains one; it gives all other values.
        pattern: as for `files_in`.
        leave_out: as for `files_in`.
    """
    pictures: dict[str, Mapping[str, Any]] = {}
    if content is not None:
        paths, others = _parted(content, CONTENT)
        files = files_in([Path(one) for one in paths], pattern, tuple(leave_out)) if paths else {}
        pictures[CONTENT] = {**files, **others}
    if style is not None:
        paths, others = _parted(style, STYLE)
        pictures[STYLE] = {**(styles_in(paths) if paths else {}), **others}
    if method == "all":
        over = {"method": method, **over}
    base = None if recipe is None else recipe_in(recipe)
    return grid_of(shared().catalogue, method, pictures, over, values, base)


def _parted(given: Any, what: str) -> tuple[list[str | Path], dict[str, Any]]:
    """Paths and names, and pictures in memory by generated labels."""
    some = list(given) if isinstance(given, list | tuple) else [given]
    paths = [one for one in some if isinstance(one, str | Path)]
    others = [one for one in some if not isinstance(one, str | Path)]
    if len(some) == 1:
        return paths, dict.fromkeys((what,), others[0]) if others else {}
    return paths, {f"{what} {number}": one for number, one in enumerate(others, 1)}
