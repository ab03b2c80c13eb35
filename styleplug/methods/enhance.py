"""Remove noise and JPEG blocks, sharpen and enlarge, by one residual network.

The picture is not enlarged before the network sees it.  The network gives the factor 1, 2 or 4 that
reaches the wanted size, and what is too large then is reduced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from styleplug.core.array import Pixels
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field
from styleplug.core.weight import Embedded
from styleplug.imaging.picture import fitted, reduce_pixels, resize
from styleplug.imaging.tiles import by_tiles

_FACTORS = (1, 2, 4)  # functions of the net: "enhance1" …


class EnhanceParams(Params):
    """Parameters."""

    reduce: Literal["1", "2", "4"] = field(
        "1",
        label="Reduce first",
        help="Reduce the sides before the network sees the picture. This cleans large pictures "
        "that are blurred, noisy or full of JPEG blocks; fine details that are real get lost.",
        words={"1": "No", "2": "To a half", "4": "To a quarter"},
    )


class Enhance(Method[EnhanceParams]):
    """One network with three factors."""

    id = "enhance"
    title = "Enhance"
    summary = "Removes noise and JPEG blocks, sharpens, and enlarges up to four times."
    paper = (
        "Lim et al. 2017, Enhanced Deep Residual Networks for Single Image Super-Resolution; "
        "Wang et al. 2021, Real-ESRGAN"
    )
    params = EnhanceParams
    inputs = (Slot("content", "Picture", "The picture to enhance."),)
    weights = {"net": (Embedded("enhance", "enhance.safetensors"),)}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "screen": {"size": 1024},
        "large": {"size": 2048},
        "printing": {"size": 4096},
        "blurred": {"reduce": "2", "size": 1024},
        "very_poor": {"reduce": "4", "size": 1024},
    }
    rank = 97
    diagram = (
        "content > Reduce > [Network] > Sum > result",
        "Reduce -enlarge> Sum",
    )
    tiled = True
    enlarges = True
    first = {"size": 1024}  # noqa: RUF012

    def work(self, params: EnhanceParams, pixels: int) -> float:
        """One step for the pixels of the result."""
        return 0.05 + pixels / 1e6

    def run(self, images: Images, params: EnhanceParams, ctx: Context) -> Iterator[Frame]:
        """Enhance a picture (h w 3) to one with the long side `ctx.size`."""
        content = images["content"][0]
        height, width = content.shape[:2]
        longest = max(1, round(max(height, width) / int(params.reduce)))
        source = reduce_pixels(content, longest)
        enough = [factor for factor in _FACTORS if factor * longest >= ctx.size]
        net = ctx.net("net", f"enhance{min(enough, default=_FACTORS[-1])}")

        def apply(canvas: Pixels) -> Pixels:
            return net(picture=canvas)["enhanced"]

        spec = net.spec
        done = count = 0
        for done, count, result in by_tiles(
            source, apply, multiple=spec.multiple, margin=spec.margin, check=ctx.check
        ):
            yield Frame(done, count, (result,))
        sides = fitted(width, height, ctx.size)
        yield Frame(done, count, (resize(result, *sides),), final=True)


METHOD = Enhance()
