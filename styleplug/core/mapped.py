"""Generators whose net first maps noise to a style, and then paints the style."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from styleplug.core.backend import Arrays, Net
from styleplug.core.frame import Frame
from styleplug.core.generator import G, Generator, painted, wanted
from styleplug.core.method import Context, Images

NOISE = 128  # numbers that a picture is made of
KEY = "net"  # of `Method.weights`


class Mapped(Generator[G]):
    """A method whose net has the functions "map" and "paint".

    Truncation draws styles, not noise, towards their mean: at 0 it is the mean's picture.
    """

    def known(self, params: G, map: Net) -> Arrays:
        """What "map" is told beside the noise: arrays (1 k) that hold for all pictures.

        Args:
            params: of the run.
            map: the function.
        """
        return {}

    def work(self, params: G, pixels: int) -> float:
        """The net makes all pictures of one size; then they are brought to the one asked for."""
        return self.count(params) * (0.02 + 0.1 * pixels / 1e6)

    def run(self, images: Images, params: G, ctx: Context) -> Iterator[Frame]:
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
