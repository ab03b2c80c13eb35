"""Enlarge the result of a run: each picture in a run of the method `enhance`."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from styleplug.core.array import Pixels
from styleplug.core.errors import Cancelled, StyleplugError
from styleplug.core.frame import Frame, Report
from styleplug.core.recipe import LARGEST, Recipe
from styleplug.engine.plan import Plan
from styleplug.imaging import Picture

if TYPE_CHECKING:
    from styleplug.engine.host import Engine

METHOD, SLOT = "enhance", "content"


def enlarged(
    engine: Engine, recipe: Recipe, frames: Iterator[Frame], cancel: threading.Event
) -> Iterator[Frame]:
    """The frames of a run, then those of enlarging its result; the last report is about both.

    If enlarging fails or is stopped, the result stays as it was.
    """
    final, report = yield from _before_last(frames)
    pictures: list[Pixels] = []
    reports: list[Report] = []
    note = ""
    try:
        for picture in () if report.cancelled else final.images:
            wanted = _recipe(recipe, *picture.shape[1::-1])
            steps = engine.run(wanted, {SLOT: [_as_picture(picture)]}, cancel)
            steps = (replace(step, note="enlarging") for step in steps)
            last, its_report = yield from _before_last(steps)
            pictures += last.images
            reports.append(its_report)
            if its_report.cancelled:
                break
    except Cancelled:
        report = report.model_copy(update={"cancelled": True})
    except StyleplugError as error:
        note = f"the result is not enlarged: {error}"
    stopped = report.cancelled or any(one.cancelled for one in reports)
    whole = not stopped and not note
    report = _joined(report, reports if whole else []).model_copy(update={"cancelled": stopped})
    if note:
        report = report.model_copy(update={"notes": (*report.notes, note)})
    yield replace(final, images=tuple(pictures) if whole else final.images, report=report)


def planned(engine: Engine, recipe: Recipe, once: Plan, count: int) -> Plan:
    """The plan of a run and of enlarging its result.

    Args:
        once: the plan without enlarging.
        count: number of pictures.
    """
    if once.waiting:
        return once
    wanted = _recipe(recipe, once.width, once.height)
    more = engine.plan(wanted, {SLOT: [(once.width, once.height)]})
    seconds = None
    if once.seconds is not None and more.seconds is not None:
        seconds = once.seconds + count * more.seconds
    return replace(
        once,
        seconds=seconds,
        added_mb=max(once.added_mb or 0.0, more.added_mb or 0.0),
        width=more.width,
        height=more.height,
        runs=min(once.runs, more.runs),
        short=once.short or more.short,
    )


def _before_last(frames: Iterator[Frame]) -> Generator[Frame, None, tuple[Frame, Report]]:
    """Yield the frames up to the final one, and return that, with its report."""
    for frame in frames:
        if frame.final:
            break
        yield frame
    assert frame.report is not None, "the engine's final frame carries its report"
    return frame, frame.report


def _recipe(recipe: Recipe, width: int, height: int) -> Recipe:
    """The recipe that enlarges a picture of this size."""
    size = min(LARGEST, int(recipe.enlarge) * max(width, height))
    return Recipe(method=METHOD, size=size, backend=recipe.backend, device=recipe.device)


def _as_picture(pixels: Pixels) -> Picture:
    """A result (h, w, 3) or (h, w, 4) as an input."""
    return Picture(pixels[:, :, :3], pixels[:, :, 3] if pixels.shape[2] > 3 else None)


def _joined(report: Report, more: Sequence[Report]) -> Report:
    """A report that also covers the runs that enlarged the pictures."""
    files = (*report.weights, *(file for one in more for file in one.weights))
    weights = {name: digest for one in more for name, digest in one.recipe.weights.items()}
    recipe = report.recipe.model_copy(update={"weights": report.recipe.weights | weights})
    return report.model_copy(
        update={
            "seconds": report.seconds + sum(one.seconds for one in more),
            "peak_rss_mb": max(one.peak_rss_mb for one in (report, *more)),
            "width": more[0].width if more else report.width,
            "height": more[0].height if more else report.height,
            "weights": tuple({file["file"]: file for file in files}.values()),
            "notes": tuple(dict.fromkeys(n for one in (report, *more) for n in one.notes)),
            "recipe": recipe,
        }
    )
