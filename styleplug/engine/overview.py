"""A contact sheet of a grid, filled while the grid runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import UsageError
from styleplug.engine.axes import Axis, Grid
from styleplug.engine.cells import METHOD, CellEvent
from styleplug.imaging import read
from styleplug.imaging.contact import contact_sheet
from styleplug.imaging.picture import reduce_pixels
from styleplug.imaging.sheet import columns as nearly_square
from styleplug.imaging.sheet import grid as joined
from styleplug.methods.shared.transfer import CONTENT, STYLE

MOST = 1000
"""Most cells of a sheet."""
SIDE = 320
"""Longest side of a picture on a sheet."""
SCORES = {"style_gain": "style", "content_kept": "content"}
"""Scores, and their names in captions."""


class Overview:
    """The sheet.

    Args:
        side: longest side of a picture on the sheet.
        best: the score by which the best cell gets a frame; "" for none.

    Raises:
        UsageError: it has too many cells for a sheet, or there is no such score.
    """

    def __init__(self, grid: Grid, side: int = SIDE, best: str = "") -> None:
        if best and best not in SCORES:
            raise UsageError(f"there is no score {best!r}; known are: {', '.join(SCORES)}")
        if grid.count > MOST:
            raise UsageError(
                f"a sheet shows at most {MOST} pictures, this grid has {grid.count:,}: take fewer "
                "values, or write a file for each cell"
            )
        self._grid, self._side, self._best = grid, side, best
        self._pictures: dict[int, Pixels] = {}
        self._captions: dict[int, str] = {}
        self._scores: dict[int, Mapping[str, float]] = {}

    def add(self, event: CellEvent) -> None:
        """Add the result of a cell: a small copy, and its caption."""
        number = event.cell.number
        if event.state == "failed":
            self._captions[number] = "failed"
        elif event.state == "skipped" and event.path is not None:
            self._pictures[number] = read(event.path, longest=self._side).pixels
            self._describe(number, event.row.get("seconds", 0.0), event.row.get("scores", {}))
        elif event.state == "done" and event.frame is not None and event.report is not None:
            images = event.frame.images[:1] if event.frame.fps else event.frame.images
            if images:
                self._pictures[number] = reduce_pixels(joined(images), self._side).copy()
            elif event.path is not None:  # made in another process
                self._pictures[number] = read(event.path, longest=self._side).pixels
            self._describe(number, event.report.seconds, event.report.scores)

    def _describe(self, number: int, seconds: float, scores: Mapping[str, float]) -> None:
        """Store time and scores of a result."""
        self._captions[number] = caption(seconds, scores)
        self._scores[number] = scores

    @property
    def best(self) -> int | None:
        """Number of the cell with the highest score; None without scores."""
        known = {n: found[self._best] for n, found in self._scores.items() if self._best in found}
        return max(known, key=lambda n: known[n]) if known else None

    def picture(self, title: str = "") -> Pixels:
        """The sheet: (h, w, 3) float32 in [0, 1].

        The last axis gives the columns, all others the rows.  The pictures of a single axis are
        wrapped.  The title is above them.
        """
        grid, framed = self._grid, self.best
        axes = [axis for axis in grid.axes if len(axis.values) > 1]
        if len(axes) < 2:
            first = next(iter(self._pictures.values()), np.zeros((1, 1, 3), np.float32))
            across = nearly_square([first] * grid.count)
            columns, rows = [""] * across, [""] * -(-grid.count // across)
            labels = {n: said(axis, n) for axis in axes for n in range(grid.count)}
        else:
            across = len(axes[-1].values)
            columns = [said(axes[-1], n) for n in range(across)]
            rows = [self._row(n * across) for n in range(grid.count // across)]
            labels = {}
        return contact_sheet(
            {divmod(n, across): one for n, one in self._pictures.items()},
            columns,
            rows,
            labels={divmod(n, across): text for n, text in labels.items()},
            captions={divmod(n, across): text for n, text in self._captions.items()},
            title=title,
            best=None if framed is None else divmod(framed, across),
            side=self._side,
        )

    def _row(self, number: int) -> str:
        """The label of the row of a cell: its values on all axes but the last."""
        place = list(zip(self._grid.axes, self._grid.place(number), strict=True))
        texts = [said(axis, at) for axis, at in place if len(axis.values) > 1]
        return ", ".join(texts[:-1])


def said(axis: Axis, position: int) -> str:
    """A value of an axis as text for people.

    >>> said(Axis("style_weight", (0.5,), ("0.5",)), 0)
    'style weight 0.5'
    """
    label = axis.labels[position]
    plain = axis.name in (METHOD, CONTENT, STYLE)
    return label if plain else f"{axis.name.replace('_', ' ')} {label}"


def caption(seconds: float, scores: Mapping[str, float]) -> str:
    """Time and scores of a result."""
    texts = [f"{SCORES.get(name, name)} {value:.2f}" for name, value in scores.items()]
    return " · ".join((f"{seconds:.1f} s", *texts))
