"""Photograph to painting and back, by two generators that invert each other.

Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks", arXiv:1703.10593.  Pictures of any size are painted tile by tile.  The noise that becomes
brush marks on flat surfaces is drawn once for the whole picture, so that tiles fit together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field
from styleplug.core.weight import Embedded
from styleplug.imaging.picture import resize
from styleplug.imaging.tiles import by_tiles

_FUNCTIONS = {"painting": "paint", "photograph": "photograph"}  # direction -> function of the net
_BACK = {"painting": "photograph", "photograph": "painting"}


class CycleGanParams(Params):
    """Parameters."""

    painter: Literal["ukiyoe", "impressionism"] = field(
        "ukiyoe",
        label="Painter",
        help="The pair of networks: trained on Monet's paintings, or on Japanese woodcuts.",
        words={"ukiyoe": "Ukiyo-e", "impressionism": "Monet"},
    )
    direction: Literal["painting", "photograph"] = field(
        "painting",
        label="Turn into",
        help="Make a painting from a photograph, or a photograph from a painting of that kind.",
        words={"painting": "Painting", "photograph": "Photograph"},
    )
    brush: float = field(
        1.5,
        ge=1.0,
        le=3.0,
        step=0.25,
        label="Brush",
        help="Size of the brush marks. The picture is downscaled by this factor before painting, "
        "and enlarged afterwards, so small details are lost at high values.",
    )
    grain: float = field(
        1.0,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Grain",
        help="Strength of the noise that becomes brush marks on flat areas. Another seed gives "
        "other marks.",
        advanced=True,
    )
    cycle: bool = field(
        True,
        label="Cycle error",
        help="Also convert the result back, and report the mean absolute error of the round trip "
        "(0 to 1). This doubles the time.",
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
    presets = {  # noqa: RUF012
        "japanese_print": {"painter": "ukiyoe"},
        "coarse_print": {"painter": "ukiyoe", "brush": 2.5},
        "impressionist": {"painter": "impressionism"},
        "broad_brush": {"painter": "impressionism", "brush": 3.0},
        "own_colours": {"keep_colours": True},
    }
    rank = 50
    diagram = (
        "content > [Painter] > result > [Way back] > Compare",
        "content -cycle> Compare",
    )
    tiled = True

    def nets(self, params: CycleGanParams) -> tuple[str, ...]:
        """The nets of the chosen painter."""
        return (params.painter,)

    def work(self, params: CycleGanParams, pixels: int) -> float:
        """One step for its pixels, and another for the round trip."""
        return (1 + params.cycle) * (0.05 + pixels / params.brush**2 / 1e6)

    def run(self, images: Images, params: CycleGanParams, ctx: Context) -> Iterator[Frame]:
        """Convert a picture (h w 3) to another of the same shape."""
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
                yield Frame(step, steps, (result,), "computing the cycle error" if number else "")
        found = {"cycle_error": _mean_error(reached, content)} if params.cycle else {}
        yield Frame(step, steps, (resize(result, width, height),), metrics=found, final=True)


METHOD = CycleGan()


def _repainted(net: Net, source: Pixels, ctx: Context) -> Iterator[tuple[int, int, Pixels]]:
    """Convert picture and noise (h w 4): tiles done, all tiles, and the picture so far (h w 3)."""

    def apply(canvas: Pixels) -> Pixels:
        return net(picture=canvas[:, :3], grain=canvas[:, 3:])["repainted"]

    spec = net.spec
    yield from by_tiles(source, apply, multiple=spec.multiple, margin=spec.margin, check=ctx.check)


def _mean_error(found: Pixels, wanted: Pixels) -> float:
    """Mean absolute difference of two pictures (h w 3)."""
    return float(np.abs(found - wanted).mean())
