"""Generators whose net first maps noise to a style, and then paints the style as a latent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from styleplug.algorithms.latents import NOISE
from styleplug.core.backend import Arrays, Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images
from styleplug.core.params import field
from styleplug.core.weight import Embedded
from styleplug.methods.shared.generation import Generator, GeneratorParams, painted, wanted

KEY = "net"  # of `Method.weights`
DECODER = "decoder"  # the same: what makes pictures of latents
VAE = Embedded("vae", "vae.safetensors")


class StyleGeneratorParams(GeneratorParams):
    """What a visitor can set; it is styles that are drawn to their mean."""

    truncation: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Truncation",
        help="How far styles stray from their mean: less gives plainer pictures that are more "
        "alike; 0 is the mean's picture.",
    )


M = TypeVar("M", bound=StyleGeneratorParams)


class StyleGenerator(Generator[M]):
    """A method whose net has the functions "map" and "paint", and another one "decode".

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
        """Noise to styles, styles to latents, and these to pictures, a few at a time."""
        map, paint = ctx.net(KEY, "map"), ctx.net(KEY, "paint")
        decode = ctx.net(DECODER, "decode")
        known = self.known(params, map)
        whole = params.model_copy(update={"truncation": 1.0})  # noise stays as it is

        def make(noise: np.ndarray) -> np.ndarray:
            told = {name: array.repeat(len(noise), 0) for name, array in known.items()}
            found = map(noise=noise, **told)
            style = found["mean"] + params.truncation * (found["style"] - found["mean"])
            latent = paint(style=style.astype(np.float32))["latent"]
            return decode(latent=latent)["picture"]

        yield from painted(wanted(whole, ctx.rng, NOISE), make, params, ctx)
