"""Show a grid on standard error, and print a summary at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from styleplug.cli.console import ERR, print_json, say_note, say_result
from styleplug.cli.method import cancel_on_signals
from styleplug.core.errors import Cancelled, StyleplugError, UsageError
from styleplug.engine import shared
from styleplug.engine.axes import Grid
from styleplug.engine.cells import CellEvent, GridPlan
from styleplug.engine.executors import executor_of
from styleplug.engine.grid import GridRun, run_grid
from styleplug.engine.grid_request import ALL, grid_of, styles_in
from styleplug.engine.overview import Overview
from styleplug.engine.request import recipe_in
from styleplug.engine.tally import Tally
from styleplug.imaging import write

_SHOWN = 20  # failures that are shown one by one


class Follower:
    """Shows a grid on standard error.

    Args:
        as_json: whether the summary is a line of JSON.
        overview: collects the results for a sheet, if there is one.
    """

    def __init__(self, grid: Grid, as_json: bool, overview: Overview | None = None) -> None:
        self._grid, self._json, self._overview = grid, as_json, overview
        self._tally = Tally()
        self._stopped = False

    def follow(
        self,
        *,
        folder: Path | None = None,
        engine: tuple[str, int, float] = ("local", 0, 0.0),
        **options: Any,
    ) -> None:
        """Run it to its end, or until Ctrl-C."""
        with cancel_on_signals() as cancel:
            executor = executor_of(engine[0], shared(), *engine[1:])
            run = run_grid(self._grid, folder=folder, cancel=cancel, executor=executor, **options)
            say_note(_planned(run.plan))
            try:
                self._show(run)
            finally:
                run.close()
            self._stopped = cancel.is_set()

    def _show(self, run: GridRun) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=ERR, transient=True) as progress:
            bar = progress.add_task("starting", total=run.plan.cells, rate="")
            for event in run:
                self._tally.add(event)
                if self._overview is not None:
                    self._overview.add(event)
                if event.state == "failed" and self._tally.failed <= _SHOWN:
                    say_note(_failed(event))
                if event.state in ("started", "running"):
                    continue
                progress.update(
                    bar,
                    completed=self._tally.ended,
                    description=escape(_called(event)[-40:]),
                    rate=f"{self._tally.rate:.1f}/s",
                )

    def write(self, out: Path) -> None:
        """Write the sheet."""
        assert self._overview is not None, "there is a sheet"
        if self._tally.done + self._tally.skipped:
            title = " · ".join(self._grid.names.values())
            write(self._overview.picture(title), out)

    def tell(self, out: Path) -> None:
        """Print a summary.

        Raises:
            Cancelled: the grid was stopped.
            StyleplugError: some cells failed.
        """
        tally = self._tally
        if self._json:
            print_json(
                {
                    "out": str(out),
                    "done": tally.done,
                    "skipped": tally.skipped,
                    "failed": tally.failed,
                    "seconds": round(tally.seconds, 3),
                    "failures": [
                        {"cell": dict(one.cell.labels), "error": _why(one)}
                        for one in tally.failures
                    ],
                }
            )  # fmt: skip
        else:
            say_result(str(out))
        say_note(
            f"{tally.done} made, {tally.skipped} finished before, {tally.failed} failed; "
            f"{tally.seconds:.1f} s, {tally.rate:.1f} a second"
        )
        if self._stopped:
            raise Cancelled("stopped; start the same command again to go on")
        if tally.failed:
            raise StyleplugError(
                f"{tally.failed} of {tally.ended} failed; add --retry-failed to try them again"
            )


def grid_asked(
    pictures: Mapping[str, Mapping[str, Any]],
    method: str,
    over: Sequence[str] | None,
    values: Sequence[str] | None,
    size: str | None,
    recipe: Path | None,
) -> Grid:
    """The grid that the options describe."""
    axes = dict(pair(one, "--over") for one in over or ())
    given = dict(pair(one, "--set") for one in values or ())
    if size is not None:
        axes |= {"size": size} if "," in size or ":" in size else {}
        given |= {"size": size} if "size" not in axes else {}
    if "," in method or method == ALL:
        axes.setdefault("method", method)
        method = ""
    base = recipe_in(recipe) if recipe else None
    if base is not None and method == "cnn":
        method = base.method
    return grid_of(shared().catalogue, method, pictures, axes, given, base)


def styles_asked(wanted: Sequence[str] | None) -> dict[str, dict[str, Path]]:
    """The pictures of the slot "style"; no slot if there are none."""
    return {"style": styles_in(wanted)} if wanted else {}


def pair(text: str, option: str) -> tuple[str, str]:
    """NAME and VALUE of an option."""
    name, mark, value = text.partition("=")
    if not (mark and name.strip()):
        raise UsageError(f"{option} {text}: expected NAME=VALUE, such as size=256")
    return name.strip().replace("-", "_"), value.strip()


def check_apart(out: Path, photos: Sequence[Path]) -> None:
    """Check that results are not written to a folder of inputs, where they would become inputs.

    Raises:
        UsageError: they are.
    """
    if any(photo.is_dir() and photo.resolve() == out.resolve() for photo in photos):
        raise UsageError(
            f"--out {out} is a folder of inputs: choose another one, such as {out / 'painted'}"
        )


def _planned(plan: GridPlan) -> str:
    """The estimate for a grid, as text."""
    known = [f"{plan.cells:,} results"]
    if plan.finished:
        known.append(f"{plan.finished:,} finished before")
    if plan.seconds:
        known.append(f"about {_time(plan.seconds)}")
    if plan.added_mb is not None:
        known.append(f"{plan.added_mb:.0f} MB more memory for each")
    return ", ".join(known) + ("" if plan.runs else " (a rough estimate)")


def _time(seconds: float) -> str:
    """A duration as text.

    >>> _time(40), _time(600), _time(90000)
    ('40 s', '10 min', '25.0 h')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _called(event: CellEvent) -> str:
    """The name of a cell."""
    return event.cell.file or ", ".join(event.cell.labels.values()) or event.cell.recipe.method


def _why(event: CellEvent) -> str:
    """The error of a cell, now or in an earlier run."""
    return str(event.error or event.row.get("error", "unknown"))


def _failed(event: CellEvent) -> str:
    before = "failed before: " if event.row else ""
    return f"{_called(event)}: {before}{_why(event)}"
