"""Estimate the memory that a run adds to the process, and what to try if it is not free."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from styleplug.core.method import Method
from styleplug.core.params import Params, bounds_of
from styleplug.core.recipe import Settings
from styleplug.engine.inputs import base_shape, result_shape
from styleplug.engine.plan import APART, Observation, nearest
from styleplug.imaging.tiles import SIDE
from styleplug.system import machine

# Estimates before the first run, rather too large: nets, and features for each megapixel.
BASE_MB = 300.0
MB_PER_MEGAPIXEL = 2000.0
# The same for a method that works by tiles, on one tile at a time.
TILED_MB_PER_MEGAPIXEL = 1200.0
TILE_MEGAPIXELS = SIDE**2 / 1e6
# For every method and each megapixel of its result: content, result, finishing.
PICTURE_MB = 60.0
# For each megapixel of further pictures: the pictures, their previews, the sheet.
MORE_MB = 40.0


class Need:
    """The memory that a run adds to the process, by size.

    `sizes` are width and height of the pictures by slot, before they are resized.
    """

    def __init__(
        self,
        method: Method[Any],
        params: Params,
        sizes: Mapping[str, Sequence[tuple[int, int]]],
        seen: Sequence[Observation],
    ) -> None:
        self._method, self._params, self._sizes, self._seen = method, params, sizes, seen

    def shape(self, size: int) -> tuple[int, int]:
        """Width and height of the result at a size.

        Raises:
            UsageError: the result would be too large.
            MethodError: the method failed, or returned no shape.
        """
        base = base_shape(self._method, self._sizes, size)
        return result_shape(self._method, self._params, *base)

    def mb(self, size: int) -> float:
        """Memory of the run at a size; raises the same errors as `shape`."""
        width, height = self.shape(size)
        megapixels = width * height / 1e6
        tiled = self._method.tiled or self._method.bounded
        first = added_mb(self._seen, megapixels, tiled=tiled)
        return first + more_mb(megapixels, self._method.count(self._params))

    def smaller(self, size: int) -> int:
        """A size of half the pixels, to try if memory is short; 0 if it would need no less."""
        least = _least()
        half = max(least, round(size * 0.7))
        return half if half < size and self.mb(size) > self.mb(half) else 0

    def remedy(self, size: int) -> str:
        """What the user can do if there is not enough memory even at this size."""
        least = _least()
        helps = least < size and self.mb(least) < self.mb(size)
        if helps and self.mb(least) <= machine.available_mb():
            return "choose a smaller size or close other programs"
        return "close other programs; a smaller size would not help"


def _least() -> int:
    """The smallest size of a run."""
    return int(bounds_of(Settings.model_fields["size"])[0] or 1)


def added_mb(seen: Sequence[Observation], megapixels: float, *, tiled: bool) -> float:
    """Memory that a run adds: that of the runs nearest in size, extrapolated to this size.

    It is the lower median of the earlier runs and a first guess.  So a single run that needed much
    more than the guess, maybe because of other work at the same time, has no effect until another
    run confirms it.
    """
    slope = TILED_MB_PER_MEGAPIXEL if tiled else MB_PER_MEGAPIXEL
    most = TILE_MEGAPIXELS if tiled else math.inf
    guess = BASE_MB + slope * min(megapixels, most) + PICTURE_MB * megapixels
    # (megapixels worked on at once, memory without the pictures)
    observed = [
        (min(one.megapixels, most), max(1.0, one.added_mb - PICTURE_MB * one.megapixels))
        for one in seen
        if one.added_mb is not None
    ]
    slope = _slope(observed, slope)
    here = min(megapixels, most)
    led = [mb + slope * (here - at) for at, mb in nearest(observed, here, lambda one: one[0])]
    return statistics.median_low([guess, *(mb + PICTURE_MB * megapixels for mb in led)])


def _slope(observed: Sequence[tuple[float, float]], most: float) -> float:
    """Memory for each further megapixel, from runs of (megapixels, memory); at most `most`.

    If all runs have a similar size, it is `most`, or less if a run needed less.
    """
    between = [
        (more - less) / (larger - smaller)
        for (smaller, less), (larger, more) in permutations(observed, 2)
        if larger > APART * smaller
    ]
    steepest = min([most, *(mb / megapixels for megapixels, mb in observed)])
    return max(0.0, min(steepest, statistics.median(between))) if between else steepest


def more_mb(megapixels: float, count: int) -> float:
    """Memory of all pictures except the first."""
    return MORE_MB * megapixels * (count - 1)
