"""A grid: a base recipe and named axes.  Each cell is a complete recipe with its pictures.

Comparing methods, sweeping a parameter and painting a folder of photographs are all grids.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

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
