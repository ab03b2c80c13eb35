"""Fewer colours, as on a poster: a whole styleplug method in one file.

Installed (`pip install .`), it is a tab of the page, a command and a Python call.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field


class PosteriseParams(Params):
    """What a visitor can set."""

    levels: int = field(
        4,
        ge=2,
        le=16,
        step=1,
        label="Levels",
        help="Shades of each colour: fewer look more like a poster.",
    )


class Posterise(Method[PosteriseParams]):
    """Rounds every channel to a few levels."""

    id = "posterise"
    title = "Posterise"
    summary = "Leaves a picture only a few shades of each colour."
    paper = "none: a darkroom technique of the 1930s"
    params = PosteriseParams
    inputs = (Slot("content", "Content", "The picture to print."),)
    weights = {}

    def work(self, params: PosteriseParams, pixels: int) -> float:
        """One step."""
        return pixels / 1e6

    def run(self, images: Images, params: PosteriseParams, ctx: Context) -> Iterator[Frame]:
        """Round the first picture."""
        ctx.check()
        top = params.levels - 1
        yield Frame(1, 1, (np.rint(images["content"][0] * top) / np.float32(top),), final=True)


METHOD = Posterise()
