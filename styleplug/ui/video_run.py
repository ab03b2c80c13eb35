"""The video of a visitor: what is asked for, whether it is allowed, its progress."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from styleplug.core.array import Pixels
from styleplug.core.errors import Cancelled, UsageError
from styleplug.core.recipe import Part, Recipe
from styleplug.engine.line import Ahead
from styleplug.engine.request import pictures_of
from styleplug.engine.video import VideoReport, VideoRun
from styleplug.imaging import fitted
from styleplug.imaging.video import Facts, header
from styleplug.ui import render
from styleplug.ui.context import PageContext
from styleplug.ui.i18n import Language, duration, message, say
from styleplug.ui.results import Folder, short_name

EVERY = 0.5  # seconds between two previews
KEPT = 3600.0  # seconds until the folder of a video is deleted, also if nobody saw it
_LESS = "choose a shorter part, fewer frames per second or a smaller size"


@dataclass(frozen=True)
class Asked:
    """What a visitor asks for.

    Args:
        clip: the video.
        recipe: of each frame.
        pictures: the files of the other slots; those that the method does not have are ignored.
        part: which frames.
    """

    clip: Path
    recipe: Recipe
    pictures: Mapping[str, Sequence[Path]]
    part: Part


@dataclass(frozen=True)
class Moment:
    """The state of a video.

    Args:
        ahead: what is before it, while it waits.
        number: of the newest frame, from 1 on; 0 before it.
        count: of all frames; 0 if unknown.
        left: estimated remaining seconds; None if unknown.
        picture: the newest frame.
        report: at the end.
        over: whether it was stopped because a limit was reached.
    """

    ahead: Ahead | None = None
    number: int = 0
    count: int = 0
    left: float | None = None
    picture: Pixels | None = None
    report: VideoReport | None = None
    over: bool = False


class VideoRunner:
    """Paints the videos of visitors.

    Args:
        context: what the page is built with.
    """

    def __init__(self, context: PageContext) -> None:
        self._engine, self._limits, self._traffic = context.engine, context.limits, context.traffic
        self._ended: deque[tuple[float, Path]] = deque()  # when, and the folder

    def run(self, asked: Asked, cancel: threading.Event) -> Iterator[Moment]:
        """Paint a video.

        Args:
            asked: what is wanted.
            cancel: set to stop; what is painted so far is kept.

        Raises:
            BadImage: a file cannot be used.
            UsageError: it is more than the limits of this page allow, or a picture is missing.
            Cancelled: it was stopped before the first frame.
        """
        facts = header(asked.clip)
        size, method = asked.recipe.size, self._engine.catalogue.get(asked.recipe.method)
        width, height = fitted(facts.width, facts.height, size)
        most = self._check(facts, asked.part, width * height / 1e6)
        known = {slot.id: slot for slot in method.inputs[1:]}
        files = {id: some[: known[id].most] for id, some in asked.pictures.items() if id in known}
        if lacking := [slot.id for slot in known.values() if slot.least and not files.get(slot.id)]:
            raise UsageError(f"a picture is missing: choose at least one {lacking[0]}")
        pictures = pictures_of(method, size, files)
        folder = Folder("video").path
        out = folder / f"{short_name(asked.clip) or 'video'}-{method.id}.mp4"
        run = VideoRun(self._engine, asked.recipe, asked.clip, pictures, out, asked.part, cancel)
        shapes = {
            slot: [(one.width, one.height) for one in some] for slot, some in pictures.items()
        }
        shapes[method.inputs[0].id] = [(facts.width, facts.height)]
        one = self._engine.plan(asked.recipe, shapes).seconds
        planned = None if one is None else one * run.count
        if (planned or 0) > self._limits.seconds:
            raise UsageError(
                f"this would take about {planned:.0f} s; at most {self._limits.seconds:.0f} s are "
                f"allowed here: {_LESS}"
            )
        told = f"{width}x{height}x{run.count}"
        try:
            with self._traffic.run(f"video {method.id}", told, planned, cancel) as turn:
                for ahead in turn:
                    yield Moment(ahead=ahead)
                if cancel.is_set():
                    raise Cancelled
                for moment in self._moments(run, most, cancel):
                    turn.stopped = cancel.is_set()
                    yield moment
        finally:
            self._forget(folder)

    def _check(self, facts: Facts, part: Part, megapixels: float) -> int:
        """Check that a video is not too large, before anything of it is decoded.

        Returns:
            How many frames may be painted, whatever the header of the video says.

        Raises:
            UsageError: it is.
        """
        read, painted = self._limits.megapixels
        whole = facts.seconds * facts.rate * facts.width * facts.height / 1e6
        if whole > read:
            raise UsageError(
                f"this video has {whole:,.0f} million pixels; at most {read:,.0f} million are read "
                "here: take a smaller or shorter video, or use styleplug video"
            )
        seconds = max(0.0, min(facts.seconds, part.until) - part.start)
        wanted = seconds * (part.fps or facts.rate) * megapixels
        if wanted > painted:
            raise UsageError(
                f"these are {wanted:,.0f} million pixels; at most {painted:,.0f} million are "
                f"painted here: {_LESS}"
            )
        return int(min(painted / megapixels, 1e9))

    def _moments(self, run: VideoRun, most: int, cancel: threading.Event) -> Iterator[Moment]:
        """The moments of a video whose turn it is; it is stopped where a limit is reached."""
        over = threading.Event()

        def stop() -> None:
            over.set()
            cancel.set()

        clock = threading.Timer(min(self._limits.seconds, threading.TIMEOUT_MAX), stop)
        clock.daemon = True
        clock.start()
        began, shown = time.monotonic(), 0.0
        try:
            yield Moment(count=run.count)
            for frame in run:
                if frame.number >= most and frame.number < frame.count:
                    stop()
                now = time.monotonic()
                if now - shown < EVERY:
                    continue
                pace = (now - began) / frame.number
                left = pace * (frame.count - frame.number) if run.count else None
                yield Moment(None, frame.number, run.count and frame.count, left, frame.picture)
                shown = time.monotonic()
        finally:
            clock.cancel()
        assert run.report is not None, "an iterated run has a report"
        yield Moment(None, run.report.frames, run.count, None, None, run.report, over.is_set())

    def _forget(self, folder: Path) -> None:
        """Delete the folders of videos that ended long ago, and later this one."""
        now = time.monotonic()
        self._ended.append((now, folder))
        while self._ended and now - self._ended[0][0] > KEPT:
            shutil.rmtree(self._ended.popleft()[1], ignore_errors=True)


def status(moment: Moment, to: Language) -> str:
    """Progress bar, frames, time left."""
    if moment.ahead:
        return render.ahead(moment.ahead, to)
    if not moment.number:
        return render.line(say("starting", to))
    key = "video_count" if moment.count else "video_count_open"
    parts = [say(key, to, n=moment.number, total=moment.count)]
    if moment.left is not None:
        parts.append(say("left", to, time=duration(moment.left, to)))
    return render.bar(moment.number / max(1, moment.count)) + render.line(" · ".join(parts))


def outcome(report: VideoReport, over: bool, to: Language) -> str:
    """How a video ended, and what its owner should know."""
    if report.cancelled:
        key = "video_limit" if over else "video_stopped"
        first = render.line(say(key, to, n=report.frames), "sp-warn")
    else:
        time = duration(report.seconds, to)
        first = render.line(say("video_done", to, n=report.frames, time=time), "sp-done")
    notes = [message(note, to) for note in report.notes]
    if report.skipped:
        notes.append(say("video_skipped", to, n=report.skipped))
    return first + "".join(render.line(note, "sp-warn") for note in notes)


def pills(report: VideoReport, to: Language) -> str:
    """What computed, sizes and speed."""
    whole = report.run.model_copy(update={"seconds": report.seconds, "notes": ()})
    speed = report.frames / max(report.seconds, 1e-9)
    return render.badge(whole, to, {say("video_speed", to): speed})
