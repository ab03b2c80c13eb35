"""The frames of a run for the page, reduced to a few per second."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from styleplug.core.array import Bytes, Pixels
from styleplug.core.frame import Frame
from styleplug.imaging.picture import reduce_pixels
from styleplug.imaging.sheet import grid

EVERY = 0.5  # seconds between two previews
PREVIEW = 640  # long side of a preview in pixels; the result itself is sent in full

History = dict[str, list[tuple[int, float]]]  # metric -> (step, value) of every step


@dataclass(frozen=True)
class Moment:
    """The state of a run to show.

    Args:
        frame: the newest frame.
        picture: the newest picture since the last moment, or None; several are one sheet.
        history: all metrics so far.
        left: estimated remaining seconds; None if unknown.
    """

    frame: Frame
    picture: Pixels | None
    history: History
    left: float | None


def follow(
    frames: Iterator[Frame], cancel: threading.Event, expected: float | None = None
) -> Iterator[Moment]:
    """Reduce the frames of a run; the first and the last are kept.

    When this iterator ends or is closed, the run ends too: a closed tab closes it, which sets
    `cancel` and closes `frames`.

    Args:
        frames: the frames of the run.
        cancel: stops it.
        expected: estimated seconds of the run, if known.
    """
    history: History = {}
    newest: Frame | None = None  # the last one with a picture since the last moment
    shown = 0.0
    began: tuple[float, int] | None = None
    try:
        for frame in frames:
            now = time.monotonic()
            if frame.images:
                newest = frame
            if frame.step and began is None:
                began = (now, frame.step)
            for name, value in frame.metrics.items():
                history.setdefault(name, []).append((frame.step, float(value)))
            if frame.final or now - shown >= EVERY:
                picture = None if newest is None else overview(newest)
                yield Moment(frame, picture, history, _left(frame, began, now, expected))
                newest, shown = None, time.monotonic()
    finally:
        cancel.set()
        if isinstance(frames, Generator):
            frames.close()


def _left(
    frame: Frame, began: tuple[float, int] | None, now: float, expected: float | None
) -> float | None:
    """Remaining seconds, estimated from the speed so far.

    Steps can differ: from coarse to fine, they get slower.  So the expected time has more weight at
    the start, and the speed has more weight towards the end.
    """
    if began is None or frame.step <= began[1] or not frame.steps:
        return None
    elapsed = now - began[0]
    left = elapsed / (frame.step - began[1]) * (frame.steps - frame.step)
    if expected is None:
        return left
    done = frame.step / frame.steps
    return done * left + (1 - done) * max(0.0, expected - elapsed)


def overview(frame: Frame) -> Pixels:
    """The pictures of a frame as one: a small sheet, or the newest picture of an animation."""
    if frame.fps or len(frame.images) == 1:
        return frame.images[-1]
    return grid(frame.images, PREVIEW)


def preview(picture: Pixels) -> Bytes:
    """A picture small enough to be sent often.

    Args:
        picture: (h, w, 3) or (h, w, 4) float32 in [0, 1].

    Returns:
        The same as uint8, with a long side of at most PREVIEW.
    """
    small = np.nan_to_num(reduce_pixels(picture, PREVIEW))
    levels: Bytes = np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
    return levels
