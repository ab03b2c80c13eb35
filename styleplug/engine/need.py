"""How much memory a run will add to the process, and what to try where that is not free."""

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

# Before any run of its kind, on the large side: nets, and features for each megapixel.
BASE_MB = 300.0
MB_PER_MEGAPIXEL = 2000.0
# The same for a method that paints by tiles: no more than a tile is worked on at once.
TILED_MB_PER_MEGAPIXEL = 1200.0
TILE_MEGAPIXELS = SIDE**2 / 1e6
# Of every method for each megapixel of its result: content, result, finishing.
PICTURE_MB = 60.0
# For each megapixel of a result's further pictures: themselves, their previews, the sheet.
MORE_MB = 40.0


class Need:
    """Memory that a run adds to the process, by size.

    Args:
        method: that runs.
        params: of the run.
        sizes: width and height of the pictures by slot, as they are before the run.
        seen: what earlier runs of this kind took.
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
            UsageError: larger than any result may be.
            MethodError: the method failed, or gave no shape.
        """
        base = base_shape(self._method, self._sizes, size)
        return result_shape(self._method, self._params, *base)

    def mb(self, size: int) -> float:
        """Memory that the run takes at a size; raises what `shape` raises."""
        width, height = self.shape(size)
        megapixels = width * height / 1e6
        tiled = self._method.tiled or self._method.bounded
        first = added_mb(self._seen, megapixels, tiled=tiled)
        return first + more_mb(megapixels, self._method.count(self._params))

    def smaller(self, size: int) -> int:
        """The size to try where memory is short, half the pixels; 0 where that takes no less."""
        least = _least()
        half = max(least, round(size * 0.7))
        return half if half < size and self.mb(size) > self.mb(half) else 0

    def remedy(self, size: int) -> str:
        """What to do where memory was short even at this size."""
        least = _least()
        helps = least < size and self.mb(least) < self.mb(size)
        if helps and self.mb(least) <= machine.available_mb():
            return "choose a smaller size or close other programs"
        return "close other programs; a smaller size would not help"


def _least() -> int:
    """The smallest size of a run."""
    return int(bounds_of(Settings.model_fields["size"])[0] or 1)


def added_mb(seen: Sequence[Observation], megapixels: float, *, tiled: bool) -> float:
    """Memory that a run adds: that of the runs nearest in size, each led on to this size.

    The guess counts as one run more, and of an even number of runs the lower middle one: a single
    run that took much more than the guess, maybe because other work grew meanwhile, is believed
    once another confirms it.

    Args:
        seen: what earlier runs took.
        megapixels: of one picture of the result.
        tiled: the method works on parts of bounded size.
    """
    slope = TILED_MB_PER_MEGAPIXEL if tiled else MB_PER_MEGAPIXEL
    most = TILE_MEGAPIXELS if tiled else math.inf
    guess = BASE_MB + slope * min(megapixels, most) + PICTURE_MB * megapixels
    # (megapixels worked on at once, memory beside the pictures)
    told = [
        (min(one.megapixels, most), max(1.0, one.added_mb - PICTURE_MB * one.megapixels))
        for one in seen
        if one.added_mb is not None
    ]
    slope = _slope(told, slope)
    here = min(megapixels, most)
    led = [mb + slope * (here - at) for at, mb in nearest(told, here, lambda one: one[0])]
    return statistics.median_low([guess, *(mb + PICTURE_MB * megapixels for mb in led)])


def _slope(told: Sequence[tuple[float, float]], most: float) -> float:
    """Memory for each further megapixel, by runs of (megapixels, memory); at most this much.

    Runs too near in size to tell get the slope assumed at first, as long as none takes less.
    """
    between = [
        (more - less) / (larger - smaller)
        for (smaller, less), (larger, more) in permutations(told, 2)
        if larger > APART * smaller
    ]
    steepest = min([most, *(mb / megapixels for megapixels, mb in told)])
    return max(0.0, min(steepest, statistics.median(between))) if between else steepest


def more_mb(megapixels: float, count: int) -> float:
    """Memory that pictures beyond the first take."""
    return MORE_MB * megapixels * (count - 1)
