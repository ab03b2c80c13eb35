"""Generators whose net maps noise to a style, and then the style to a latent of the VAE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np

from styleplug.core.array import Arrays, Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images
from styleplug.core.params import field
from styleplug.core.weight import Embedded
from styleplug.methods.shared.generation import Generator, GeneratorParams, painted, wanted

KEY = "net"  # the key of the generator in `Method.weights`
DECODER = "decoder"  # the key of the net that decodes latents to pictures
VAE = Embedded("vae", "vae.safetensors")
FIRST = {"size": 128, "truncation": 0.7}  # the nets make 64 px; larger ones are only blurred


def face_presets(walk_to: int) -> dict[str, dict[str, Any]]:
    """The presets of a method that makes faces; the last one walks to the seed `walk_to`."""
    portrait = {"count": 1, "truncation": 0.7, "size": 256, "seed": 2}
    return {
        "album": {"count": 16, "truncation": 0.7},
        "calm": {"count": 9, "truncation": 0.4},
        "wild": {"count": 9, "truncation": 1.0, "seed": 3},
        "portrait": portrait,
        "one_to_another": {**portrait, "walk": 48, "walk_to": walk_to},
    }


class StyleGeneratorParams(GeneratorParams):
    """Parameters; truncation moves styles towards their mean."""

    truncation: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Truncation",
        help="How much styles may differ from their mean. Lower values give plainer pictures that "
        "are more similar; 0 gives the picture of the mean.",
    )


M = TypeVar("M", bound=StyleGeneratorParams)


class StyleGenerator(Generator[M]):
    """A method with a net that has the functions "map" and "paint", and a decoder.

    Truncation moves styles, not noise, towards their mean.  At 0, all pictures are that of the
    mean.
    """

    diagram: ClassVar[tuple[str, ...]] = (
        "seed -noise> [Mapping] -style> [Painter] > [Decoder] > result -training> [Discriminator]",
        "Real pictures > [Discriminator]",
        "[Discriminator] -teaches> [Painter]",
    )

    def known(self, params: M, map: Net) -> Arrays:
        """Inputs of "map" besides the noise: arrays (1 k), the same for all pictures."""
        return {}

    def work(self, params: M, pixels: int) -> float:
        """A constant for each picture, which the net makes at one size, and for resizing it."""
        return self.count(params) * (0.02 + 0.1 * pixels / 1e6)

    def run(self, images: Images, params: M, ctx: Context) -> Iterator[Frame]:
        """Noise to styles, styles to latents, latents to pictures, in batches."""
        map, paint = ctx.net(KEY, "map"), ctx.net(KEY, "paint")
        decode = ctx.net(DECODER, "decode")
        known = self.known(params, map)
        whole = params.model_copy(update={"truncation": 1.0})  # the noise is not truncated

        def make(noise: Floats) -> Pixels:
            repeated = {name: array.repeat(len(noise), 0) for name, array in known.items()}
            found = map(noise=noise, **repeated)
            style = found["mean"] + params.truncation * (found["style"] - found["mean"])
            latent = paint(style=style.astype(np.float32))["latent"]
            return decode(latent=latent)["picture"]

        size = map.spec.noises["noise"].channels
        yield from painted(wanted(whole, ctx.rng, size), make, params, ctx)
