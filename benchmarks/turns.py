"""Times of several runs that take turns, so that a change of the machine's pace meets all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table


def compare(
    runs: Mapping[str, Callable[[], object]],
    rounds: int,
    title: str,
    heads: tuple[str, str],
    baselines: Sequence[str],
) -> None:
    """Time the runs, after one warm-up each, and print medians and their spread.

    Args:
        runs: what is timed, by name.
        heads: of the first column, and of the last one.
        baselines: runs; the last column has the fastest of them, divided by each run.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    mark = min(medians[name] for name in baselines)
    table = Table(title=title)
    for head in (heads[0], "median s", "min", "max", heads[1]):
        table.add_column(head)
    for name, found in seconds.items():
        row = (medians[name], min(found), max(found))
        table.add_row(name, *(f"{value:.3f}" for value in row), f"{mark / medians[name]:.1f}")
    Console().print(table)
