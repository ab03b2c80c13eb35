"""Faces from noise, by dense layers.

Goodfellow et al. 2014, "Generative Adversarial Nets", arXiv:1406.2661.  The departures from the
paper are in `styleplug/nets/gan.py` and `styleplug/training/tasks/gan.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from styleplug.core.array import Floats, Pixels
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images
from styleplug.core.params import field
from styleplug.core.weight import Embedded
from styleplug.methods.shared.adversarial import (
    FIRST,
    KEY,
    AdversarialGenerator,
    AdversarialParams,
    face_presets,
)
from styleplug.methods.shared.generation import painted, wanted

DECODER = "decoder"  # the key of the net that decodes latents to pictures


class GanParams(AdversarialParams):
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


class Gan(AdversarialGenerator[GanParams]):
    """Dense layers.

    Truncation moves styles, not noise, towards their mean.  At 0, all pictures are that of the
    mean.
    """

    id = "gan"
    title = "GAN"
    summary = "Makes small faces (64 × 64 pixels) in the style of Japanese scrolls, from noise."
    paper = "Goodfellow et al. 2014, Generative Adversarial Nets"
    rank = 60
    diagram = (
        "seed -noise> [Mapping] -style> [Painter] > [Decoder] > result -training> [Discriminator]",
        "Real pictures > [Discriminator]",
        "[Discriminator] -teaches> [Painter]",
    )
    params = GanParams
    first = FIRST | {"seed": 12, "truncation": 0.7}
    weights = {  # noqa: RUF012
        KEY: (Embedded("gan", "gan.safetensors"),),
        DECODER: (Embedded("vae", "vae.safetensors"),),
    }
    presets = {  # noqa: RUF012
        name: {"truncation": 0.7} | preset
        for name, preset in face_presets(portrait=2, walk_to=10).items()
    }

    def run(self, images: Images, params: GanParams, ctx: Context) -> Iterator[Frame]:
        """Noise to styles, styles to latents, latents to pictures, in batches."""
        map, paint = ctx.net(KEY, "map"), ctx.net(KEY, "paint")
        decode = ctx.net(DECODER, "decode")
        whole = params.model_copy(update={"truncation": 1.0})  # the noise is not truncated

        def make(noise: Floats) -> Pixels:
            found = map(noise=noise)
            style = found["mean"] + params.truncation * (found["style"] - found["mean"])
            latent = paint(style=style.astype(np.float32))["latent"]
            return decode(latent=latent)["picture"]

        size = map.spec.noises["noise"].channels
        yield from painted(wanted(whole, ctx.rng, size), make, params, ctx)


METHOD = Gan()
