"""Generators whose net first maps noise to a style, and then paints the style."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from styleplug.core.backend import Arrays, Net
from styleplug.core.frame import Frame
from styleplug.core.generator import Generator, GeneratorParams, painted, wanted
from styleplug.core.method import Context, Images
from styleplug.core.params import field

NOISE = 128  # numbers that a picture is made of
KEY = "net"  # of `Method.weights`


def truncation(default: float = 0.7) -> Any:
    """Field: how far styles stray from their mean."""
    return field(
        default,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Truncation",
        help="How far styles stray from their mean: less gives cleaner pictures that are more "
        "alike, more gives stranger ones; 0 is the mean's picture.",
        zh=("截断", "风格偏离其平均的程度：调低则更干净而相似，调高则更奇特；0 为平均风格的图片。"),
    )


class MappedParams(GeneratorParams):
    """What a visitor can set; styles bear to be drawn to their mean, and need it."""

    truncation: float = truncation()


M = TypeVar("M", bound=MappedParams)


class Mapped(Generator[M]):
    """A method whose net has the functions "map" and "paint".

    Truncation draws styles, not noise, towards their mean: at 0 it is the mean's picture.
    """

    def known(self, params: M, map: Net) -> Arrays:
        """What "map" is told beside the noise: arrays (1 k) that hold for all pictures.

        Args:
            params: of the run.
            map: the function.
        """
        return {}

    def work(self, params: M, pixels: int) -> float:
        """The net makes all pictures of one size; then they are brought to the one asked for."""
        return self.count(params) * (0.02 + 0.1 * pixels / 1e6)

    def run(self, images: Images, params: M, ctx: Context) -> Iterator[Frame]:
        """Noise to styles, styles to pictures, a few at a time."""
        map, paint = ctx.net(KEY, "map"), ctx.net(KEY, "paint")
        known = self.known(params, map)
        whole = params.model_copy(update={"truncation": 1.0})  # noise stays as it is

        def make(noise: np.ndarray) -> np.ndarray:
            told = {name: array.repeat(len(noise), 0) for name, array in known.items()}
            found = map(noise=noise, **told)
            style = found["mean"] + params.truncation * (found["style"] - found["mean"])
            return paint(style=style.astype(np.float32))["picture"]

        yield from painted(wanted(whole, ctx.rng, NOISE), make, params, ctx)
