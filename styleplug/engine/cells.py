"""The cells of a grid.  All recipes are checked at the start; a cell is created when needed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from styleplug.core.errors import BadParameter, OutputError, StyleplugError, UsageError
from styleplug.core.frame import Frame, Report
from styleplug.core.method import Method
from styleplug.core.recipe import Recipe, Settings
from styleplug.engine.axes import Grid
from styleplug.engine.inputs import check_counts, check_finish
from styleplug.engine.request import recipe_of
from styleplug.engine.shard import WHOLE, Shard
from styleplug.imaging import format_of
from styleplug.methods import Catalogue

MOST = 1_000_000
"""Largest number of cells of a grid, unless `anyway` is set."""
METHOD, NUMBER = "method", "number"
_FIELD = re.compile(r"\{([^{}]*)\}")
_UNSAFE = re.compile(r'[<>:"\\|?*\0-\x1f]')  # in file names of some systems
_LONGEST = 255  # bytes of a file name


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


class Cells:
    """The cells of a grid.

    Args:
        names: template of file names, such as "{content}-{style}.png"; "" without files.
        settings: the settings that may be chosen, if these are fewer than usual.
        anyway: allow more than MOST cells.
        shard: iterate over these cells only; needs names.

    Attributes:
        recipes: one for each combination of values that are not pictures.
        count: number of cells of the shard.

    Raises:
        UsageError: too many cells, an axis that is no parameter or picture of a method, wrong
            pictures, or a template that gives two cells one name.
        BadParameter: a value is wrong, or a method does not have the parameter.
    """

    def __init__(
        self,
        grid: Grid,
        catalogue: Catalogue,
        names: str = "",
        settings: type[Settings] = Settings,
        *,
        anyway: bool = False,
        shard: Shard = WHOLE,
    ) -> None:
        self.grid, self._names, self._settings = grid, names, settings
        self.count, self._shard = grid.count, shard
        _check_size(grid, anyway=anyway)
        self._methods = _methods(grid, catalogue)
        slots = {slot.id for method in self._methods.values() for slot in method.slots}
        self._pictured = [i for i, axis in enumerate(grid.axes) if axis.name in slots]
        self._valued = [i for i, axis in enumerate(grid.axes) if axis.name not in slots]
        counts = {slot: len(some) for slot, some in grid.pictures.items()}
        counts |= {grid.axes[i].name: 1 for i in self._pictured}
        for method in self._methods.values():
            check_counts(method, counts)
        places = itertools.product(*(range(grid.shape[i]) for i in self._valued))
        self.recipes = {place: self._recipe(place) for place in places}
        if names:
            self._check_template()
            self._check_names()

    def __len__(self) -> int:
        return self.grid.count

    def __iter__(self) -> Iterator[Cell]:
        cells = map(self.cell, range(len(self)))
        return (cell for cell in cells if cell.file in self._shard)

    def cell(self, number: int) -> Cell:
        """The cell with this number."""
        grid = self.grid
        place = grid.place(number)
        recipe = self.recipes[tuple(place[i] for i in self._valued)]
        pictures = {axis.name: (axis.values[place[i]],)
                    for i in self._pictured for axis in (grid.axes[i],)}  # fmt: skip
        labels = {axis.name: axis.labels[at] for axis, at in zip(grid.axes, place, strict=True)}
        file = self._file(number, recipe, labels) if self._names else ""
        return Cell(number, place, recipe, {**grid.pictures, **pictures}, labels, file)

    # Recipes ----------------------------------------------------------------------------

    def _recipe(self, place: tuple[int, ...]) -> Recipe:
        """The checked recipe of a combination of values."""
        axes = [self.grid.axes[i] for i in self._valued]
        values = {axis.name: axis.values[at] for axis, at in zip(axes, place, strict=True)}
        method = self._methods[values.pop(METHOD, self.grid.base.method)]
        base = self.grid.base.model_copy(update={METHOD: method.id})
        try:
            recipe = recipe_of(method, values, base, self._settings)
            check_finish(method, recipe.finish)
        except BadParameter as error:
            if len(self._methods) == 1:
                raise
            raise BadParameter(f"method {method.id}: {error}") from error
        return recipe

    # Names ------------------------------------------------------------------------------

    def _file(self, number: int, recipe: Recipe, labels: Mapping[str, str]) -> str:
        """The name of the file of a cell."""
        slots = self._methods[recipe.method].inputs
        first = slots[0].id if slots else ""

        def text(hole: re.Match[str]) -> str:
            name = hole[1]
            if name == NUMBER:
                return f"{number:0{len(str(len(self)))}}"
            told = labels.get(name) or self.grid.names.get(name)
            if told is None:
                own = recipe.parameters
                told = text_of(own[name] if name in own else getattr(recipe, name))
            value = _UNSAFE.sub("_", told)
            return value if name == first else value.replace("/", "_")

        return _FIELD.sub(text, self._names)

    def _check_template(self) -> None:
        """Check that a template has known fields and endings, and stays in its folder."""
        recipes = [recipe.parameters.keys() for recipe in self.recipes.values()]
        shared = set(recipes[0]).intersection(*recipes)  # a method may lack a parameter of another
        axes = {axis.name for axis in self.grid.axes}
        known = sorted(shared | axes | {*self.grid.names, METHOD, NUMBER, "size", "seed"})
        for name in _FIELD.findall(self._names):
            if name not in known:
                raise UsageError(
                    f"the name {self._names!r} has the unknown field {name!r}; known are: "
                    f"{', '.join(known)}"
                )
        path = PurePosixPath(self._names)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(f"the name {self._names!r} leads out of the folder; give one below it")
        for recipe in self.recipes.values():
            method = self._methods[recipe.method]
            try:
                format_of(
                    Path(self._names), animated=method.animated(method.params.of(recipe.parameters))
                )
            except OutputError as error:
                raise UsageError(str(error)) from error

    def _check_names(self) -> None:
        """Check that no two cells have the same name, even if case is ignored."""
        seen: dict[int, int] = {}
        self.count = 0
        for number in range(len(self)):
            name = self.cell(number).file
            self.count += name in self._shard
            if len(PurePosixPath(name).name.encode()) > _LONGEST - len(".partial"):
                raise UsageError(f"the name {name!r} is too long; choose a shorter template")
            other = seen.setdefault(hash(name.casefold()), number)
            if other != number:
                raise UsageError(
                    f"two results have the name {name!r}: {self._described(other)}, and "
                    f"{self._described(number)}. Put what differs, or the number, into the "
                    f"template {self._names!r}"
                )

    def _described(self, number: int) -> str:
        """A cell, described by its labels."""
        return ", ".join(f"{name} {label}" for name, label in self.cell(number).labels.items())


def _check_size(grid: Grid, *, anyway: bool) -> None:
    """Check that a grid is not empty, and not too large by mistake.

    Raises:
        UsageError: it is.
    """
    for axis in grid.axes:
        if not axis.values:
            raise UsageError(f"{axis.name} has no values; expected at least one")
    names = [axis.name for axis in grid.axes]
    if twice := {name for name in names if names.count(name) > 1 or name in grid.pictures}:
        raise UsageError(f"{min(twice)} is given twice; expected each axis once")
    if grid.count > MOST and not anyway:
        sizes = " × ".join(f"{len(axis.values)} {axis.name}" for axis in grid.axes)
        raise UsageError(
            f"the grid has {grid.count:,} cells ({sizes}); at most {MOST:,} are run unless you "
            "insist (--anyway): take fewer values"
        )


def _methods(grid: Grid, catalogue: Catalogue) -> dict[str, Method[Any]]:
    """The methods of a grid, by id."""
    axis = next((axis for axis in grid.axes if axis.name == METHOD), None)
    ids = axis.values if axis else (grid.base.method,)
    return {str(id): catalogue.get(str(id)) for id in ids}


def text_of(value: Any) -> str:
    """The value of a parameter as a part of a file name.

    >>> text_of((1.0, 0.5)), text_of(0.25), text_of("gram")
    ('1+0.5', '0.25', 'gram')
    """
    if isinstance(value, list | tuple):
        return "+".join(map(text_of, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
