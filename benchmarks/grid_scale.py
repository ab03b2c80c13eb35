"""Planning, ledger and resuming of a very large grid, without a pixel.

    python benchmarks/grid_scale.py [--cells 1000000] [--folder DIR]

Method: ten styles and a tenth as many contents as cells; all pictures are empty files.  An executor
that computes nothing ends each cell at once and makes an empty result file.  Printed are the
seconds and the memory of: making the cells and checking their names; the run, which writes the
ledger; reading the ledger again; and a second run, in which every cell is skipped.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import typer
from rich.console import Console
from rich.table import Table

from styleplug.core.frame import Frame, Report
from styleplug.core.recipe import Recipe
from styleplug.engine import shared
from styleplug.engine.axes import Axis, Grid
from styleplug.engine.cells import Cells
from styleplug.engine.grid import run_grid
from styleplug.engine.job import Job, Outcome
from styleplug.engine.ledger import Ledger

STYLES = 10
REPORT = Report(
    method="cnn",
    backend="fake",
    provider="cpu",
    seconds=0.1,
    peak_rss_mb=0,
    width=1,
    height=1,
    steps=1,
    metrics={},
    weights=(),
    recipe=Recipe(method="cnn"),
)


class Nothing:
    """An executor that computes nothing."""

    def run(self, jobs: Iterator[Job | Outcome], cancel: threading.Event) -> Iterator[Outcome]:
        """End each job at once."""
        for job in jobs:
            if isinstance(job, Outcome):
                yield job
                continue
            assert job.path is not None
            job.path.touch()
            yield Outcome(job.number, "done", Frame(1, 1, final=True, report=REPORT))


def main(cells: int = 1_000_000, folder: Path | None = None) -> None:
    """Measure and print."""
    table = Table(title=f"{cells:,} cells")
    for head in ("what", "seconds", "microseconds a cell", "MB in use afterwards"):
        table.add_column(head)
    process = psutil.Process()

    def row(what: str, began: float) -> None:
        seconds = time.perf_counter() - began
        used = process.memory_info().rss / 2**20
        table.add_row(what, f"{seconds:.1f}", f"{1e6 * seconds / cells:.1f}", f"{used:.0f}")

    with tempfile.TemporaryDirectory(dir=folder) as place:
        photos, out = Path(place, "photos"), Path(place, "out")
        photos.mkdir()
        names = [f"{number // 1000:04}/{number:07}" for number in range(cells // STYLES)]
        files = [photos / f"{name}.jpg" for name in names]
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.touch()
        styles = [photos / f"style-{number}.png" for number in range(STYLES)]
        for file in styles:
            file.touch()
        for name in {Path(name).parent for name in names}:
            (out / name).mkdir(parents=True)
        axes = (
            Axis("content", tuple(files), tuple(names)),
            Axis("style", tuple(styles), tuple(file.stem for file in styles)),
        )
        grid = Grid(Recipe(method="cnn", backend="fake"), axes)
        row("contents and styles named", time.perf_counter())
        began = time.perf_counter()
        Cells(grid, shared().catalogue, "{content}-{style}-{method}.png")
        row("cells made and names checked", began)
        for what in ("run: ledger written", "run again: every cell skipped"):
            began = time.perf_counter()
            run = run_grid(grid, folder=out, executor=Nothing())
            ended = sum(event.state in ("done", "skipped") for event in run)
            assert ended == cells
            row(what, began)
        began = time.perf_counter()
        ledger = Ledger(out)
        row("ledger read", began)
        size = ledger.path.stat().st_size
        ledger.close()
    Console().print(table, f"ledger: {size / 2**20:.0f} MB")


if __name__ == "__main__":
    typer.run(main)
