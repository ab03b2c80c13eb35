"""A grid: a base recipe and named axes.  Each cell is a complete recipe with its pictures.

Comparing methods, sweeping a parameter and painting a folder of photographs are all grids.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from styleplug.core.errors import StyleplugError
from styleplug.core.frame import Frame, Report
from styleplug.core.recipe import Recipe


@dataclass(frozen=True)
class Axis:
    """One axis of a grid.

    Args:
        name: "method", a setting, a parameter, or a slot of the methods ("content", "style").
        values: one for each position; for a slot, one picture each.
        labels: names of the values in file names, ledgers and sheets.
    """

    name: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Many runs.

    Args:
        base: the recipe; axes change its values.
        axes: the axes; the last one changes fastest.
        pictures: pictures of all cells, by slot.
        names: names of single pictures in `pictures`, by slot, for file names.
    """

    base: Recipe
    axes: tuple[Axis, ...] = ()
    pictures: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def count(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    def place(self, number: int) -> tuple[int, ...]:
        """Position of a cell on every axis.

        >>> axes = Axis("size", (64, 128), ("64", "128")), Axis("seed", (0, 1, 2), ("0", "1", "2"))
        >>> Grid(Recipe(method="cnn"), axes).place(4)
        (1, 1)
        """
        place = []
        for length in reversed(self.shape):
            number, position = divmod(number, length)
            place.append(position)
        return tuple(reversed(place))


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Args:
        number: its number, from 0.
        place: its position on every axis.
        recipe: everything about the run except the pictures.
        pictures: pictures by slot: paths, or anything else that can be read.
        labels: labels of its values, by axis.
        file: name of its file in the folder of the grid; "" without a folder.
    """

    number: int
    place: tuple[int, ...]
    recipe: Recipe
    pictures: Mapping[str, tuple[Any, ...]]
    labels: Mapping[str, str]
    file: str = ""


State = Literal["started", "running", "done", "skipped", "failed"]


@dataclass(frozen=True)
class CellEvent:
    """A change of the state of a cell.

    Args:
        state: "started", "running" (a preview), "done", "skipped" (it was finished before), or
            "failed".
        frame: the preview, or the result; None for other states.
        report: of a cell that is done.
        error: why it failed.
        path: the file of its result, if there is a folder.
        row: its line of the ledger, if it ended in an earlier run and was not made again.
    """

    cell: Cell
    state: State
    frame: Frame | None = None
    report: Report | None = None
    error: StyleplugError | None = None
    path: Path | None = None
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GridPlan:
    """The estimate for a grid.

    Args:
        cells: number of all cells.
        finished: number of cells that were finished before.
        seconds: estimated time of the others; None if unknown.
        added_mb: memory that the largest cell adds; None if unknown.
        runs: number of earlier runs that it is estimated from; 0 for a guess.
    """

    cells: int
    finished: int
    seconds: float | None
    added_mb: float | None
    runs: int
