"""Runs on a ZeroGPU Space, where a graphics card is lent to a worker process for some seconds.

Everything goes through one decorated function.  Its arguments and what it yields are pickled, so
Stop is a file.  The main process must not choose a backend: it claims to have a card, and has none.

Import this only where `spaces` runs (`SPACES_ZERO_GPU` is set), and before torch.
"""

from __future__ import annotations

import math
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr
import spaces

from styleplug.backends import choose
from styleplug.core.errors import BackendError, StyleplugError
from styleplug.core.frame import Frame
from styleplug.core.method import Before
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine, shared
from styleplug.engine.memo import Descriptions
from styleplug.imaging import Picture

LEAST, MOST = 20, 120  # seconds to ask for; a visitor without an account has 120 a day
START = 10  # seconds to load libraries and weights
_LOOK = 0.1  # seconds between two looks at Stop

Pictures = Mapping[str, Sequence[Picture]]


class Flag(threading.Event):
    """An event of another process: it is set when a file exists."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def is_set(self) -> bool:
        """Whether the file exists."""
        return super().is_set() or os.path.exists(self._path)


def seconds(recipe: str, pictures: Pictures, more: dict[str, Any], flag: str) -> int:
    """How long the card is needed, by the plan of the run."""
    sizes = {slot: [(one.width, one.height) for one in some] for slot, some in pictures.items()}
    plan = Engine.plan(shared(), Recipe.from_json(recipe), sizes)
    return min(MOST, max(LEAST, math.ceil(START + 1.5 * (plan.seconds or 0))))


def _frames(
    recipe: str, pictures: Pictures, more: dict[str, Any], flag: str
) -> Iterator[Frame | StyleplugError]:
    """The frames of a run, in the worker; an error is the last of them.

    The engine and its nets are those of the worker, which is used again.  `more` are arguments of
    `Engine.run`.
    """
    choose.forget()  # what the main process found out
    try:
        run = Engine.run(shared(), Recipe.from_json(recipe), pictures, Flag(flag), **more)
        with closing(run) as frames:  # type: ignore[type-var]
            yield from frames
    except StyleplugError as error:  # spaces would only pass on its name
        yield error


lent = spaces.GPU(duration=seconds)(_frames)


class ZeroEngine(Engine):
    """An engine whose runs borrow a graphics card, unless they ask for the processor."""

    def __init__(self, engine: Engine | None = None) -> None:
        vars(self).update(vars(engine or shared()))

    def run(
        self,
        recipe: Recipe,
        images: Pictures,
        cancel: threading.Event | None = None,
        *,
        scored: bool = False,
        memo: Descriptions | None = None,
        before: Before | None = None,
    ) -> Iterator[Frame]:
        """As `Engine.run`.

        Raises:
            BackendError: (iterating) no card is lent now.
        """
        more: Any = {"scored": scored, "before": before}
        here = super().run(recipe, images, cancel, memo=memo, **more)  # checks everything
        if recipe.device == "cpu":
            return here
        return _borrowed(recipe, images, cancel or threading.Event(), more)

    def warm(self) -> None:
        """Do nothing: the main process needs no backend."""


def _borrowed(
    recipe: Recipe, pictures: Pictures, cancel: threading.Event, more: dict[str, Any]
) -> Iterator[Frame]:
    """The frames of a run in a worker."""
    flag = Path(tempfile.gettempdir()) / f"styleplug-stop-{secrets.token_hex(16)}"
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK):
            if cancel.is_set():
                flag.touch()
                return

    threading.Thread(target=watch, name="stop", daemon=True).start()
    yield Frame(0, 0, note="waiting for a graphics card")
    try:
        with closing(lent(recipe.to_json(), pictures, more, str(flag))) as frames:
            for frame in frames:
                if isinstance(frame, StyleplugError):
                    raise frame
                yield frame
    except gr.Error as error:
        raise BackendError(_refusal(error)) from error
    finally:
        ended.set()
        flag.unlink(missing_ok=True)


def _refusal(error: gr.Error) -> str:
    """Why there is no card, in a sentence; what spaces says would be in English only."""
    said = f"{error.title} {error.message}".lower()
    if "quota" in said or "limit" in said or "credits" in said:
        why = "your time on the graphics card is used up for now"
    elif "duration" in said:
        why = "this run would need the graphics card for longer than is allowed"
    elif "worker" in said:
        why = "the run on the graphics card was aborted"
    else:
        why = "no graphics card is free"
    return f"{why}: choose the processor (Advanced, Device), or try again later"
