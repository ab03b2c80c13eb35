"""The engine: one for each process; it runs all methods."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from styleplug.backends.choose import choose, expect
from styleplug.core.frame import Frame
from styleplug.core.method import REGION, Before, Method
from styleplug.core.recipe import Recipe
from styleplug.engine import plan
from styleplug.engine.enlarge import enlarged, planned
from styleplug.engine.inputs import check_finish, check_slots, has_regions
from styleplug.engine.line import Line
from styleplug.engine.memo import Descriptions
from styleplug.engine.need import Need
from styleplug.engine.nets import NetCache
from styleplug.engine.run import Run, Shared
from styleplug.engine.sources import fitting, sources_of
from styleplug.imaging import Picture
from styleplug.methods import Catalogue
from styleplug.methods import catalogue as found
from styleplug.store import Store
from styleplug.store.trained import Trained
from styleplug.system import machine

CONCURRENCY = 2
"""Number of cells of a grid that are worked on at once in one process."""


class Engine:
    """Turns a recipe and pictures into frames.

    It can be used from many threads: a run has its own state, and shares only nets.

    Attributes:
        line: in which pages let runs wait.  The engine itself does not: a run is a generator, and
            one that is not consumed to its end would block all others.
    """

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        store: Store | None = None,
        calibration: plan.Calibration | None = None,
    ) -> None:
        self.catalogue = catalogue or found()
        self.line = Line()
        self._shared = Shared(store or Store(), NetCache(), calibration or plan.Calibration())

    def run(
        self,
        recipe: Recipe,
        images: Mapping[str, Sequence[Picture]],
        cancel: threading.Event | None = None,
        *,
        scored: bool = False,
        memo: Descriptions | None = None,
        before: Before | None = None,
    ) -> Iterator[Frame]:
        """Run a recipe.  Recipe and pictures are checked in this call, the rest while iterating.

        Args:
            images: pictures by slot.
            cancel: set it from any thread to stop the run.  The final frame follows within one
                step, with the picture so far and `report.cancelled`.
            scored: report the scores of the result, if there are a content and a style.
            memo: shared by runs whose pictures are to be described only once.
            before: what it continues, if it is a frame of a video and its method `follows`.

        Returns:
            Frames; only the last one is final, and has a report.  Closing the iterator ends the run
            and frees its memory.

        Raises:
            UsageError: an unknown method, wrong parameters or pictures.
            WeightError: the trained weights of the recipe are not known.
            Cancelled: (iterating) stopped before there was a picture.
            OutOfMemory: (iterating) not enough memory, even at a smaller size.
            WeightError: (iterating) no source of the weights can be used.
            BackendError: (iterating) the backend is not installed, or failed.
            MethodError: (iterating) the method failed.
        """
        method = self.catalogue.get(recipe.method)
        params = method.params.of(recipe.parameters)
        check_slots(method, images)
        check_finish(method, recipe.finish)
        sources = sources_of(recipe, method, params, self._trained(recipe))
        stop = cancel or threading.Event()
        kind = plan.Kind(*expect(recipe.backend, recipe.device), method.id, method.nets(params))

        def frames() -> Iterator[Frame]:
            yield Frame(0, 0, note=f"starting {kind.backend}")  # importing torch takes seconds
            backend = choose(recipe.backend, recipe.device)
            run = Run(recipe, method, params, images, sources, backend, kind, self._shared, stop,
                      scored=scored, memo=memo, before=before)  # fmt: skip
            yield from run.frames()

        return frames() if recipe.enlarge == "1" else enlarged(self, recipe, frames(), stop)

    def plan(self, recipe: Recipe, sizes: Mapping[str, Sequence[tuple[int, int]]]) -> plan.Plan:
        """Estimate time and memory of a run; this is fast and loads nothing.

        Args:
            sizes: width and height of the pictures by slot, before they are resized.

        Raises:
            UsageError: an unknown method or wrong parameters.
        """
        method = self.catalogue.get(recipe.method)
        params = method.params.of(recipe.parameters)
        first = method.inputs[:1]
        if any(slot.least and not sizes.get(slot.id) for slot in first):
            return plan.Plan(None, None, 0, 0, waiting=method.inputs[0].label)
        kind = plan.Kind(*expect(recipe.backend, recipe.device), method.id, method.nets(params))
        seen = self._shared.calibration.of(kind)
        need = Need(method, params, sizes, seen)
        width, height = need.shape(recipe.size)
        times = len(sizes.get(REGION, ())) if has_regions(method) else 1
        time = plan.seconds(kind, seen, max(1, times) * method.work(params, width * height))
        added, smaller = need.mb(recipe.size), 0
        free = machine.available_mb() + self._shared.cache.idle_mb()
        if short := added > free:
            smaller = need.smaller(recipe.size)
        once = plan.Plan(time, added, width, height, len(seen), short, smaller)
        return once if recipe.enlarge == "1" else planned(self, recipe, once, method.count(params))

    def add_trained(self, folder: Path) -> str:
        """Add a training result; returns its name for recipes (`trained`).

        Raises:
            UsageError: the folder does not contain one.
            WeightError: the result cannot be used.
        """
        return self._shared.store.add_trained(folder).name

    def forget_trained(self, name: str) -> None:
        """Forget a training result, whose folder is deleted."""
        self._shared.store.forget_trained(name)

    def trained_for(self, method: Method[Any]) -> dict[str, str]:
        """Titles, by name, of the training results that a method can use.

        Raises:
            WeightError: a result in the folder of the environment variable is damaged.
        """
        known = fitting(method, self._shared.store.trained)
        return {name: one.model.title for name, one in known.items()}

    def _trained(self, recipe: Recipe) -> Mapping[str, Trained]:
        """The known training results; none are searched if the recipe names none."""
        return self._shared.store.trained if recipe.trained else {}

    def close_idle_nets(self) -> None:
        """Free the memory of all nets that no run uses; otherwise they stay loaded for later runs.

        A host that manages the memory of a graphics card calls it after its runs.
        """
        self._shared.cache.shrink()

    def warm(self) -> None:
        """Import the library of the default backend; torch takes seconds.

        Raises:
            BackendError: none is installed.
        """
        choose("auto", "auto")


_making = threading.Lock()


@cache
def _only() -> Engine:
    return Engine()


def shared() -> Engine:
    """The engine of this process, created at first use."""
    with _making:  # `cache` alone may make two
        return _only()
