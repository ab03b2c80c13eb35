"""Generators that were trained against a discriminator: a net paints a picture from noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np

from styleplug.core.array import Arrays, Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images
from styleplug.core.params import field
from styleplug.methods.shared.generation import (
    Generator,
    GeneratorParams,
    latents,
    painted,
    wanted,
)

KEY = "net"  # the key of the net in `Method.weights`
FIRST = {"size": 128}  # the nets make 64 px; larger ones are only blurred


def face_presets(portrait: int, walk_to: int) -> dict[str, dict[str, Any]]:
    """The presets of a method that makes faces.

    Args:
        portrait: the seed of a single face.
        walk_to: the seed to which the last preset walks from there.
    """
    alone = {"count": 1, "size": 256, "seed": portrait}
    return {
        "album": {"count": 16},
        "calm": {"count": 9, "truncation": 0.4},
        "wild": {"count": 9, "truncation": 1.0, "seed": 3},
        "portrait": alone,
        "one_to_another": {**alone, "walk": 48, "walk_to": walk_to},
    }


class AdversarialParams(GeneratorParams):
    """Parameters; truncation moves the noise towards that of `AdversarialGenerator.centre`."""

    truncation: float = field(
        0.7,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Truncation",
        help="How much pictures may differ from a clear one. Lower values give clearer pictures "
        "that are more similar; 0 always gives the clear one.",
    )


M = TypeVar("M", bound=AdversarialParams)


class AdversarialGenerator(Generator[M]):
    """A method with one net, which has the function "generate"."""

    centre_seed: ClassVar[int] = 0
    """The seed of the noise that truncation moves all other noise to; it gives a clear picture.

    Noise of zeros gives none, because no net saw so little noise in training.
    """
    diagram: ClassVar[tuple[str, ...]] = (
        "seed -noise> [Generator] > result -training> [Discriminator]",
        "Real pictures > [Discriminator]",
        "[Discriminator] -teaches> [Generator]",
    )

    def known(self, params: M, net: Net) -> Arrays:
        """Inputs of "generate" besides the noise: arrays (1 k), the same for all pictures."""
        return {}

    def centre(self, size: int) -> Floats:
        """The noise (size) that truncation moves all other noise to."""
        (noise,) = latents(np.random.default_rng(self.centre_seed), 1, size)
        return np.asarray(noise)

    def work(self, params: M, pixels: int) -> float:
        """A constant for each picture, which the net makes at one size, and for resizing it."""
        return self.count(params) * (0.02 + 0.1 * pixels / 1e6)

    def run(self, images: Images, params: M, ctx: Context) -> Iterator[Frame]:
        """Noise to pictures, in batches."""
        (key,) = self.nets(params)
        generate = ctx.net(key, "generate")
        known = self.known(params, generate)

        def make(noise: Floats) -> Pixels:
            repeated = {name: array.repeat(len(noise), 0) for name, array in known.items()}
            picture: Pixels = generate(noise=noise.astype(np.float32), **repeated)["picture"]
            return picture

        size = generate.spec.noises["noise"].channels
        yield from painted(wanted(params, ctx.rng, size, self.centre(size)), make, params, ctx)
