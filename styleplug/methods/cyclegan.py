"""Photograph to painting and back, by two generators that undo each other.

Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", arXiv:1703.10593.  Pictures of any size are repainted tile by tile; the noise that brush
marks are made of on flat surfaces is drawn once for the whole picture, so that tiles agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field
from styleplug.core.weight import Embedded
from styleplug.imaging.picture import resize
from styleplug.imaging.tiles import by_tiles

_MARGIN = 56  # pixels that a generator sees around one
_FUNCTIONS = {"painting": "paint", "photograph": "photograph"}  # of the architecture
_BACK = {"painting": "photograph", "photograph": "painting"}

PAINTERS = {"ukiyoe": "Ukiyo-e", "impressionism": "Monet"}
"""How the pairs of nets are called."""


class CycleGanParams(Params):
    """What a visitor can set."""

    painter: Literal["ukiyoe", "impressionism"] = field(
        "ukiyoe",
        label="Painter",
        help="The pair of nets: of Monet's paintings, or of Japanese woodcuts.",
        words=PAINTERS,
    )
    direction: Literal["painting", "photograph"] = field(
        "painting",
        label="Turn into",
        help="A painting, of a photograph; or a photograph, of a painting of that kind.",
        words={"painting": "Painting", "photograph": "Photograph"},
    )
    brush: float = field(
        1.5,
        ge=1.0,
        le=4.0,
        step=0.25,
        label="Brush",
        help="Size of the marks that a photograph gets, or that a painting has and is to lose: the "
        "picture is repainted so many times smaller and then enlarged, so that small things get "
        "lost, too.",
    )
    grain: float = field(
        1.0,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Grain",
        help="Noise of which marks are made where the picture is flat. Another seed gives others.",
        advanced=True,
    )
    cycle: bool = field(
        True,
        label="Cycle error",
        help="Also go the way back and tell by how much the picture differs then, on average, of "
        "a range of 1. Takes as long again.",
    )


class CycleGan(Method[CycleGanParams]):
    """Two generators for each painter."""

    id = "cyclegan"
    title = "CycleGAN"
    summary = "Turns photographs into paintings, and paintings into photographs."
    paper = (
        "Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial "
        "Networks"
    )
    params = CycleGanParams
    inputs = (
        Slot(
            "content",
            "Picture",
            "The photograph to paint, or the painting to turn into a photograph.",
        ),
    )
    weights = {  # noqa: RUF012
        "impressionism": (Embedded("cyclegan", "cyclegan_impressionism.safetensors"),),
        "ukiyoe": (Embedded("cyclegan", "cyclegan_ukiyoe.safetensors"),),
    }
    rank = 50
    tiled = True

    def nets(self, params: CycleGanParams) -> tuple[str, ...]:
        """Those of the painter chosen."""
        return (params.painter,)

    def work(self, params: CycleGanParams, pixels: int) -> float:
        """A step of its pixels, and another for the way back."""
        return (1 + params.cycle) * (0.05 + pixels / params.brush**2 / 1e6)

    def run(self, images: Images, params: CycleGanParams, ctx: Context) -> Iterator[Frame]:
        """A picture (h w 3) to another of the same shape."""
        height, width = images["content"][0].shape[:2]
        sides = (max(1, round(side / params.brush)) for side in (width, height))
        content = resize(images["content"][0], *sides)
        grain = params.grain * ctx.rng.standard_normal((*content.shape[:2], 1), np.float32)
        ways = [params.direction, _BACK[params.direction]][: 1 + params.cycle]
        reached = result = content
        step = steps = 0
        for number, way in enumerate(ways):
            net = ctx.net(params.painter, _FUNCTIONS[way])
            source = np.concatenate((reached, grain), axis=2)
            for done, count, reached in _repainted(net, source, ctx):
                step, steps = number * count + done, len(ways) * count
                result = result if number else reached
                yield Frame(step, steps, (result,), "going back" if number else "")
        found = {"cycle_error": _mean_error(reached, content)} if params.cycle else {}
        yield Frame(step, steps, (resize(result, width, height),), metrics=found, final=True)


METHOD = CycleGan()


def _repainted(net: Net, source: np.ndarray, ctx: Context) -> Iterator[tuple[int, int, np.ndarray]]:
    """Tiles done, tiles in all, and the picture so far (h w 3), of picture and noise (h w 4)."""

    def apply(canvas: np.ndarray) -> np.ndarray:
        return net(picture=canvas[:, :3], grain=canvas[:, 3:])["repainted"]

    yield from by_tiles(source, apply, multiple=net.spec.multiple, margin=_MARGIN, check=ctx.check)


def _mean_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean absolute difference of two pictures (h w 3)."""
    return float(np.abs(found - wanted).mean())
