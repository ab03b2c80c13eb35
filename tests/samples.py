"""Small methods for tests of what hosts them: some good, some that break their contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from styleplug.core.errors import OutOfMemory
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field
from styleplug.core.weight import Embedded, WeightFile
from styleplug.imaging import resize
from styleplug.methods.shared.generation import Generator, GeneratorParams, painted, wanted

CONTENT = Slot("content", "Content", "A photograph.")
STYLE = Slot("style", "Style", "A painting.", most=2)


class SampleParams(Params):
    steps: int = field(4, ge=1, le=50, label="Steps", help="How many.")
    noise: float = field(0.1, ge=0, le=1, label="Noise", help="How much.")


class Sample(Method[SampleParams]):
    """Blends in noise, a preview a step; tests override `draw` and `frames`."""

    id = "sample"
    title = "Sample"
    summary = "For tests."
    paper = "none"
    params = SampleParams
    inputs: tuple[Slot, ...] = (CONTENT,)
    weights: dict[str, tuple[Embedded, ...]] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.closed = 0
        self.seen: list[Images] = []

    def work(self, params: SampleParams, pixels: int) -> float:
        return params.steps * pixels / 1e6

    def draw(self, images: Images, params: SampleParams, ctx: Context) -> np.ndarray:
        content = images["content"][0]
        noise = ctx.rng.random(content.shape, np.float32)
        return content + np.float32(params.noise) * (noise - content)

    def run(self, images: Images, params: SampleParams, ctx: Context) -> Iterator[Frame]:
        self.seen.append(images)
        try:
            for step in range(1, params.steps + 1):
                ctx.check()
                picture = self.draw(images, params, ctx)
                final = step == params.steps
                yield Frame(step, params.steps, (picture,), "", {"loss": 1 / step}, final)
        finally:
            self.closed += 1


class Descent(Sample):
    """Walks down the gradient of a net's style loss."""

    id = "descent"
    title = "Descent"
    inputs = (CONTENT, STYLE)
    weights = {"encoder": (Embedded("any", "any.safetensors"),)}  # noqa: RUF012

    def run(self, images: Images, params: SampleParams, ctx: Context) -> Iterator[Frame]:
        describe, loss = ctx.net("encoder", "describe"), ctx.net("encoder", "gram")
        picture = images["content"][0]
        height, width = picture.shape[:2]

        def canvas(image: np.ndarray) -> np.ndarray:
            sides = (max(4, image.shape[1] // 4 * 4), max(4, image.shape[0] // 4 * 4))
            return resize(image, *sides).transpose(2, 0, 1)[None]

        here = canvas(picture)
        targets = describe(picture=canvas(images["style"][0]))
        targets["content_coarse"] = describe(picture=here)["content_coarse"]
        for step in range(1, params.steps + 1):
            found = loss(
                picture=here,
                **targets,
                content_weights=np.ones(1, np.float32),
                style_weights=np.ones(2, np.float32),
                content_l1=np.float32(0),
                variation_weight=np.float32(0),
            )
            here = np.clip(here - found["gradient"] * here.size / 50, 0, 1)
            shown = resize(here[0].transpose(1, 2, 0), width, height)
            metrics = {"style": float(found["style_losses"].sum())}
            yield Frame(step, params.steps, (shown,), metrics=metrics, final=step == params.steps)


class Hungry(Sample):
    """Has memory for small sizes only, and finds out in the middle."""

    id = "hungry"
    most = 100
    error: type[BaseException] = OutOfMemory

    def draw(self, images: Images, params: SampleParams, ctx: Context) -> np.ndarray:
        if ctx.size > self.most:
            raise self.error("the card is full")
        return super().draw(images, params, ctx)


class DreamParams(GeneratorParams):
    hue: float = field(0.5, ge=0, le=1, label="Hue", help="Which.")


class Dream(Generator[DreamParams]):
    """Clouds of chance: a generator whose nets are a line of arithmetic."""

    id = "dream"
    title = "Dream"
    summary = "Makes clouds."
    paper = "none"
    params = DreamParams
    weights: dict[str, tuple[()]] = {}  # noqa: RUF012
    result_is_style = True
    first = {"seed": 5, "hue": 0.25}  # noqa: RUF012

    def work(self, params: DreamParams, pixels: int) -> float:
        return self.count(params) * pixels / 1e6

    def run(self, images: Images, params: DreamParams, ctx: Context) -> Iterator[Frame]:
        def paint(some: np.ndarray) -> np.ndarray:
            clouds = 0.5 + 0.2 * some.reshape(-1, 3, 4, 4)
            return clouds + np.float32(params.hue - 0.5)

        yield from painted(wanted(params, ctx.rng, 48), paint, params, ctx)


class FillParams(Params):
    count: int = field(1, ge=1, le=9, label="Count", help="How many.")
    margin: float = field(0.0, ge=0, le=1, label="Margin", help="Round it.")


class Fill(Method[FillParams]):
    """Fills what is masked, and a margin, with a colour of chance."""

    id = "fill"
    title = "Fill"
    summary = "Fills holes."
    paper = "none"
    params = FillParams
    inputs = (
        Slot("content", "Picture", "What to mend."),
        Slot("mask", "Mask", "White is filled.", 1, 0, "content"),
    )
    weights: dict[str, tuple[()]] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.masks: list[np.ndarray] = []

    def work(self, params: FillParams, pixels: int) -> float:
        return pixels / 1e6

    def count(self, params: FillParams) -> int:
        return params.count

    def shape(self, params: FillParams, width: int, height: int) -> tuple[int, int]:
        return width + 2 * self._margin(params, width), height + 2 * self._margin(params, height)

    def _margin(self, params: FillParams, side: int) -> int:
        return round(params.margin * side)

    def run(self, images: Images, params: FillParams, ctx: Context) -> Iterator[Frame]:
        content = images["content"][0]
        self.masks = list(images["mask"])
        holes = self.masks[0] if self.masks else np.zeros_like(content)
        pads = [(self._margin(params, side),) * 2 for side in content.shape[:2]]
        made: tuple[np.ndarray, ...] = ()
        for step in range(1, params.count + 1):
            ctx.check()
            colour = ctx.rng.random(3).astype(np.float32)
            filled = np.where(holes > 0, colour, content)
            layers = [np.pad(filled[:, :, c], pads, constant_values=colour[c]) for c in range(3)]
            made += (np.stack(layers, axis=2),)
            scores = {"filled": float(holes.mean())}
            yield Frame(step, params.count, made, "", scores, step == params.count)


class StubStore:
    """Resolves everything at once to files that are not there, with a word on the way."""

    def __init__(self, note: str = "", digest: str = "d1") -> None:
        self.note, self.digest = note, digest

    def resolve(self, sources):  # type: ignore[no-untyped-def]
        yield "downloading 1 of 2 MB"
        yield "downloading 2 of 2 MB"
        return WeightFile(sources[0].arch, Path("a.safetensors"), self.digest, "stub", self.note)
