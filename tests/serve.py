"""A page to test: small methods, a broken plug-in, and a server in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from gradio_client import Client
from PIL import Image
from samples import Dream, Fill

from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Numbers, Params, field
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.imaging import resize
from styleplug.methods import Catalogue, admit

# What gradio, pandas and their event loops warn of in threads of their own.
THIRD_PARTY = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in (
        "ResourceWarning",
        "DeprecationWarning",
        "FutureWarning",
        "pytest.PytestUnraisableExceptionWarning",
    )
]


class BlendParams(Params):
    steps: int = field(
        4,
        ge=1,
        le=400,
        step=10,
        label="Steps",
        help="How many; it's {more} for <better>.",
    )
    pause: float = field(0.0, ge=0, le=5, label="Pause", help="Seconds a step.")
    mood: Literal["calm", "wild"] = field("calm", label="Mood", help="Which one.")
    style_blend: Numbers = field((), label="Shares", help="One a style.", advanced=True)


class Blend(Method[BlendParams]):
    """From the content towards the mean of the styles, step by step."""

    id = "blend"
    title = "Blend"
    summary = "Mixes pictures."
    paper = "none"
    params = BlendParams
    inputs = (
        Slot("content", "Content", "A photograph."),
        Slot("style", "Style", "A painting.", most=3),
    )
    weights: dict[str, tuple[()]] = {}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "bold": {"steps": 6, "strength": 1.0},
        "quite_delicate": {"steps": 2, "strength": 0.5, "seed": 5},
    }
    catalogues = {  # noqa: RUF012
        "zh": {
            "title": "混合",
            "summary": "混合图片。",
            "input": {"content": {"label": "内容", "help": "一张照片。"}},
            "parameter": {
                "steps": {"label": "步数", "help": "越多越好。"},
                "style_blend": {"label": "配比", "help": "权重。"},
            },
            "preset": {"bold": "浓烈"},
        }
    }

    def __init__(self) -> None:
        self.running = 0
        self.steps = 0
        self.pause = 0.0  # seconds a step, besides that of the parameter

    def work(self, params: BlendParams, pixels: int) -> float:
        return params.steps * pixels / 1e6

    def run(self, images: Images, params: BlendParams, ctx: Context) -> Iterator[Frame]:
        content = images["content"][0]
        height, width = content.shape[:2]
        style = np.mean([resize(one, width, height) for one in images["style"]], axis=0)
        self.running += 1
        try:
            for step in range(1, params.steps + 1):
                ctx.check()
                time.sleep(params.pause + self.pause)
                self.steps += 1
                part = np.float32(step / params.steps / 2)
                picture = content + part * (style - content)
                metrics = {"loss": 1 / step, "<b>other": 2.0}
                yield Frame(step, params.steps, (picture,), "", metrics, step == params.steps)
        finally:
            self.running -= 1


class Crash(Blend):
    """Fails in the middle, as a plug-in may."""

    id = "crash"
    title = "Crash"
    catalogues: dict[str, Any] = {}  # noqa: RUF012

    def run(self, images: Images, params: BlendParams, ctx: Context) -> Iterator[Frame]:
        yield Frame(1, 2, (images["content"][0],))
        raise ZeroDivisionError("secret detail of the plug-in")


class Site:
    """A served page: its address, and the methods on it.

    Args:
        folder: for what it writes.
        more: methods beside the small ones.
        options: of `launch`, such as `gallery`.
    """

    def __init__(self, folder: Path, *more: Method[Any], **options: Any) -> None:
        from styleplug.ui import page
        from styleplug.ui.traffic import Visitors

        self.blend, self.fill = Blend(), Fill()
        methods = {one.id: one for one in (self.blend, Crash(), Dream(), self.fill, *more)}
        for one in methods.values():
            admit(one)
        broken = {"acme": "acme.py cannot be imported: no module named <nothing>"}
        self.engine = Engine(
            Catalogue(methods, broken), calibration=Calibration(folder / "calibration.json")
        )
        options.setdefault("visitors", Visitors(concurrency=2))
        self.url = page.launch(
            "127.0.0.1", port=free_port(), block=False, engine=self.engine, **options
        )

    @cached_property
    def client(self) -> Client:
        """A visitor over HTTP."""
        return self.visitor()

    def visitor(self) -> Client:
        """A new one."""
        return Client(self.url, verbose=False)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def swatch_file(folder: Path, id: str) -> Path:
    """A small picture in place of a built-in style."""
    return picture(folder, f"{id}.png", (len(id) * 20, 90, 200))


@contextmanager
def served(folder: Path, *more: Method[Any], **options: Any) -> Iterator[Site]:
    """Serve the page while the block runs; what takes time, swatches and drawing, is small."""
    import gradio as gr

    from styleplug.ui import drawing, offers, runs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offers, "built_in", partial(swatch_file, folder))
        patch.setattr(drawing, "SIDE", 160)
        patch.setattr(runs, "GRACE", 4.0)
        site = Site(folder, *more, **options)
        try:
            yield site
        finally:
            gr.close_all(verbose=False)


def picture(folder: Path, name: str, colour: tuple[int, int, int], size: int = 96) -> Path:
    """A picture of nearly one colour, so that whose it is can be told from its mean."""
    rng = np.random.default_rng(0)
    pixels = np.clip(np.array(colour) + rng.integers(-8, 9, (size, size, 3)), 0, 255)
    path = folder / name
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def wait(condition, seconds: float = 10.0) -> bool:  # type: ignore[no-untyped-def]
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
