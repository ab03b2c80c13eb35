"""What the host decides while a method runs: device, memory, Stop, and what is shown."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import comfy.model_management as management
import numpy as np
from comfy.utils import ProgressBar
from PIL import Image

from styleplug.core.errors import Cancelled
from styleplug.core.frame import Frame
from styleplug.core.recipe import DEVICES, Recipe
from styleplug.engine import shared
from styleplug.imaging import Picture
from styleplug.imaging.sheet import grid

_PARTS = 1000  # of the progress of one run
_PREVIEW, _BETWEEN = 512, 0.25  # longest side in pixels; seconds from one preview to the next


def device() -> str:
    """The device of the host, if styleplug can use it, else the processor."""
    kind = str(management.get_torch_device().type)
    return kind if kind in DEVICES else "cpu"


class Stop(threading.Event):
    """Is set while the host is asked to interrupt; the engine asks at each call of a net."""

    def is_set(self) -> bool:
        """Whether the run is to stop."""
        return super().is_set() or bool(management.processing_interrupted())


class Progress:
    """The progress bar of a node, with previews.

    Args:
        runs: number of runs that the node will make.
    """

    def __init__(self, runs: int) -> None:
        self._bar = ProgressBar(runs * _PARTS)
        self._shown = -_BETWEEN

    def show(self, run: int, frame: Frame) -> None:
        """Show a frame of the run with this number, counted from 0."""
        share = 1.0 if frame.final else frame.step / frame.steps if frame.steps else 0.0
        self._bar.update_absolute(round((run + share) * _PARTS), preview=self._preview(frame))

    def _preview(self, frame: Frame) -> tuple[str, Image.Image, int] | None:
        now = time.monotonic()
        if not frame.images or frame.final or now - self._shown < _BETWEEN:
            return None
        self._shown = now
        pixels = grid(frame.images)[:, :, :3]
        return "JPEG", Image.fromarray(np.rint(pixels * 255).astype(np.uint8)), _PREVIEW


@contextlib.contextmanager
def memory() -> Iterator[None]:
    """Give the memory of the nets back to the host afterwards, if it is that of a device."""
    try:
        yield
    finally:
        if device() != "cpu":
            shared().close_idle_nets()


def final(
    recipe: Recipe, pictures: Mapping[str, Sequence[Picture]], run: int, progress: Progress
) -> Frame:
    """Run a recipe to its end.

    Raises:
        StyleplugError: as `Engine.run`, and the exception of the host if the user interrupts.
    """
    engine = shared()
    frames = engine.run(recipe, pictures, Stop())
    if recipe.device != "cpu":
        sizes = {slot: [(one.width, one.height) for one in some] for slot, some in pictures.items()}
        needed = engine.plan(recipe, sizes).added_mb or 0.0
        management.free_memory(needed * 2**20, management.get_torch_device())
    frame = Frame(0, 0)
    # Closing them ends the run, whatever the host raises.
    with contextlib.closing(frames):  # type: ignore[type-var]
        try:
            for frame in frames:
                progress.show(run, frame)
        except Cancelled:
            management.throw_exception_if_processing_interrupted()
            raise
    management.throw_exception_if_processing_interrupted()
    for note in frame.report.notes if frame.report else ():
        logging.warning("styleplug: %s", note)
    return frame
