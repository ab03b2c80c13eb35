"""Paint a clip frame by frame, without flicker.

Three threads work at a time: one reads frames and finds their motion, one paints, one writes.
"""

from __future__ import annotations

import hashlib
import math
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from styleplug.algorithms.flow import Flow, Motion, blended
from styleplug.core.array import Pixels
from styleplug.core.errors import Cancelled, UsageError
from styleplug.core.frame import Report
from styleplug.core.method import Before
from styleplug.core.recipe import Part, Recipe
from styleplug.engine.memo import Descriptions, descriptions
from styleplug.imaging import Picture, resize
from styleplug.imaging.video import Clip, comment_of
from styleplug.imaging.video_write import Writer, check_ending, complete
from styleplug.methods.shared.transfer import STYLE

if TYPE_CHECKING:
    from styleplug.engine.host import Engine
    from styleplug.methods import Catalogue

_AHEAD = 2  # frames that wait between two threads
T = TypeVar("T")


@dataclass(frozen=True)
class VideoFrame:
    """A painted frame.

    Args:
        number: from 1 on.
        count: of all frames, estimated from the header of the clip.
        picture: (h, w, 3) float32 in [0, 1], or (h, w, 4) if the clip has transparency.
        cut: whether it begins a new scene.
    """

    number: int
    count: int
    picture: Pixels
    cut: bool


@dataclass(frozen=True)
class VideoReport:
    """A painted clip.

    Args:
        frames: how many were written.
        skipped: damaged frames of the clip that were left out.
        cuts: new scenes that were found.
        seconds: the whole time.
        out: the file.
        cancelled: whether it was stopped; the file then holds the frames so far.
        run: the report of the last frame's run, with its recipe.
        notes: what a reader should know.
    """

    frames: int
    skipped: int
    cuts: int
    seconds: float
    out: Path
    cancelled: bool
    run: Report
    notes: tuple[str, ...]


class VideoRun:
    """Iterates over painted frames while the file is written; afterwards there is a `report`.

    Args:
        engine: that paints.
        recipe: of each frame.
        clip: the first picture of the method, as a video file.
        pictures: of the other slots.
        out: the file; its ending decides the format.
        part: which frames.
        cancel: stops it within a step.  The frames so far are then in a file with `.partial` in its
            name, which can be played.  The same request goes on from there, also after a kill.

    Raises:
        UsageError: the method does not repaint a picture, a picture is missing, or nothing of the
            clip is left.
        BadImage: the clip is not a video.
        OutputError: the file cannot be written.
    """

    def __init__(
        self,
        engine: Engine,
        recipe: Recipe,
        clip: Path,
        pictures: Mapping[str, Sequence[Picture]],
        out: Path,
        part: Part,
        cancel: threading.Event | None = None,
    ) -> None:
        method = engine.catalogue.get(recipe.method)
        if not method.supports_finish():
            raise UsageError(f"{method.id} does not repaint a picture, so it cannot paint a clip")
        check_ending(out)
        self._engine, self._pictures = engine, pictures
        self._enlarge = recipe.enlarge != "1"  # the motion would have to be enlarged, too
        self._recipe = recipe.model_copy(update={"enlarge": "1"})
        self._slot = method.inputs[0].id
        self._clip, self._out, self._part = Clip(clip), out, part
        self._cancel = cancel or threading.Event()
        facts = self._clip.facts
        seconds = min(facts.seconds or math.inf, part.until) - part.start
        if seconds <= 0:
            raise UsageError(
                f"nothing is left of the clip between {part.start:g} and {part.until:g} s: it has "
                f"{facts.seconds:g} s"
            )
        self.rate = part.fps or facts.rate
        self._parts, self._earlier = (
            out.with_name(f"{out.stem}.{name}{out.suffix}") for name in ("partial", "earlier")
        )
        self._key = self._digest()
        self._last: Report | None = None
        self.count = round(seconds * self.rate) if math.isfinite(seconds) else 0
        self.report: VideoReport | None = None

    def __iter__(self) -> Iterator[VideoFrame]:
        began, number, cuts = time.perf_counter(), 0, 0
        part, clip = self._part, self._clip
        notes = ["HDR was mapped to the brightness of a picture"] if clip.facts.hdr else []
        notes += ["frames of a video are not enlarged: use a larger size"] * self._enlarge
        painted = self._painted()
        with (
            Writer(self._parts, self.rate, clip.path, part.start, part.until, self._key) as writer,
            ThreadPoolExecutor(1) as later,
        ):
            written: Future[None] | None = None
            for when, picture, cut in painted:
                number, cuts = number + 1, cuts + cut
                if written is not None:
                    written.result()  # raises what went wrong
                written = later.submit(writer.write, when, picture)
                yield VideoFrame(number, max(self.count, number), picture, cut)
            if written is not None:
                written.result()
        self._earlier.unlink(missing_ok=True)
        last, stopped = self._last, self._cancel.is_set()
        if last is None:
            self._parts.unlink(missing_ok=True)
            raise Cancelled("stopped before there was a frame; nothing was written")
        if not stopped:
            complete(self._parts, self._out, last.recipe.to_json())
        self.report = VideoReport(
            frames=number,
            skipped=clip.skipped,
            cuts=cuts,
            seconds=time.perf_counter() - began,
            out=self._parts if stopped else self._out,
            cancelled=stopped,
            run=last,
            notes=tuple(dict.fromkeys([*notes, *writer.notes, *last.notes])),
        )

    def _painted(self) -> Iterator[tuple[float, Pixels, bool]]:
        """Times, results, and whether a scene begins; it ends early if the run is stopped."""
        memo, earlier, before = descriptions(), self._results(), None
        for when, content, motion in ahead(self._contents(), self._cancel):
            if self._cancel.is_set():
                return
            cut = motion is not None and motion.cut
            known = next(earlier, None)
            if known is not None:
                picture = resize(known, *content.shape[1::-1])
                before = picture[:, :, :3]
            else:
                found = self._result(content, None if cut else motion, before, memo)
                if found is None:
                    return
                picture, before = found
            yield when, picture, cut

    def _result(
        self, content: Pixels, motion: Motion | None, before: Pixels | None, memo: Descriptions
    ) -> tuple[Pixels, Pixels] | None:
        """A result, and what the next one continues; None if the run is stopped.

        Args:
            content: the frame, (h, w, 3) or (h, w, 4).
            motion: None where a scene begins.
            before: what this one continues.
            memo: what nets say of pictures.
        """
        follow, smooth = None, self._part.smooth
        method = self._engine.catalogue.get(self._recipe.method)
        if method.follows and motion is not None and before is not None:
            trust = np.float32(smooth) * motion.trust[:, :, None]
            follow = Before(motion.moved(before), trust)
        given = {**self._pictures, self._slot: [_picture(content)]}
        try:
            *_, final = self._engine.run(
                self._recipe, given, self._cancel, memo=memo, before=follow
            )
        except Cancelled:
            return None
        assert final.report is not None, "the engine's final frame carries its report"
        if final.report.cancelled:
            return None
        self._last = final.report
        picture = resize(final.images[0], *content.shape[1::-1])
        if final.unfinished is not None:
            return picture, resize(final.unfinished, *content.shape[1::-1])
        if motion is not None and before is not None:
            after = blended(picture[:, :, :3], before, motion, smooth)
            picture = np.dstack([after, picture[:, :, 3:]])
        return picture, picture[:, :, :3]

    def _results(self) -> Iterator[Pixels]:
        """The frames of an earlier run of the same request, except the last one."""
        if comment_of(self._parts) != self._key:
            return
        self._parts.replace(self._earlier)
        frames = Clip(self._earlier).frames(self._recipe.size)
        for (_, frame), _ in pairwise(frames):
            yield frame

    def finish(self) -> VideoReport:
        """Paint all frames; returns the report."""
        for _ in self:
            pass
        assert self.report is not None, "an iterated run has a report"
        return self.report

    def _digest(self) -> str:
        """What all frames depend on, as a short text."""
        seen, recipe = self._clip.path.stat(), self._recipe.to_json()
        found = hashlib.blake2b(digest_size=16)
        found.update(f"{recipe} {self._part} {seen.st_size} {seen.st_mtime_ns}".encode())
        for slot, some in sorted(self._pictures.items()):
            for one in some:
                found.update(slot.encode() + one.pixels.tobytes())
        return found.hexdigest()

    def _contents(self) -> Iterator[tuple[float, Pixels, Motion | None]]:
        """Times, frames, and their motion; None for the first one, or if nothing is smoothed."""
        part, before = self._part, None
        flow = Flow() if part.smooth else None
        frames = self._clip.frames(
            self._recipe.size, part.start, part.until, part.fps, self._cancel
        )
        for when, frame in frames:
            motion = None
            if flow is not None and before is not None and before.shape == frame.shape:
                motion = flow.between(before[:, :, :3], frame[:, :, :3])
            yield when, frame, motion
            before = frame


def _picture(frame: Pixels) -> Picture:
    """A frame of a clip, (h, w, 3) or (h, w, 4)."""
    return Picture(frame[:, :, :3], frame[:, :, 3] if frame.shape[2] == 4 else None)


def painters(catalogue: Catalogue) -> tuple[str, ...]:
    """Ids of the methods that can paint a video with nothing but pictures for a style."""
    return tuple(
        id
        for id, method in catalogue.methods.items()
        if method.supports_finish()
        and method.inputs[0].single
        and {slot.id for slot in method.inputs[1:]} <= {STYLE}
    )


def ahead(items: Iterator[T], cancel: threading.Event | None = None) -> Iterator[T]:
    """The items, computed by a thread that is a few of them ahead; its errors are raised here.

    Args:
        cancel: ends it, also while the next item is computed.
    """
    waiting: queue.Queue[Any] = queue.Queue(_AHEAD)
    done, ended = object(), threading.Event()

    def put(item: Any) -> bool:
        while not ended.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((done, None))
        except Exception as error:
            put((done, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error = waiting.get(timeout=0.2)
            except queue.Empty:
                if cancel is not None and cancel.is_set():
                    return
                continue
            if error is not None:
                raise error
            if item is done:
                return
            yield item
    finally:
        ended.set()
        thread.join()


def warping_error(results: Sequence[Pixels], motions: Sequence[Motion]) -> float:
    """How much results flicker: Lai et al. 2018, arXiv:1808.00449, times 1000.

    Args:
        results: (h, w, 3) in [0, 1], one after the other.
        motions: of the contents, from each to the next; only what is trusted counts.

    Returns:
        The mean of the squared difference between a result and the moved one before it.
    """
    errors = []
    for before, after, motion in zip(results[:-1], results[1:], motions, strict=True):
        sure = motion.trust > 0.5
        errors.append(float(np.square(motion.moved(before) - after).mean(2)[sure].mean()))
    return 1000 * float(np.mean(errors))
