"""Faces from noise, by dense layers.

Goodfellow et al. 2014, "Generative Adversarial Nets", arXiv:1406.2661.  The departures from the
paper are in `styleplug/nets/gan.py` and `styleplug/training/tasks/shared/generation.py`.
"""

from __future__ import annotations

from styleplug.core.weight import Embedded
from styleplug.methods.shared.style_generator import (
    DECODER,
    FIRST,
    KEY,
    VAE,
    StyleGenerator,
    StyleGeneratorParams,
    face_presets,
)


class Gan(StyleGenerator[StyleGeneratorParams]):
    """Dense layers."""

    id = "gan"
    title = "GAN"
    summary = "Makes small faces (64 × 64 pixels) in the style of Japanese scrolls, from noise."
    paper = "Goodfellow et al. 2014, Generative Adversarial Nets"
    rank = 60
    params = StyleGeneratorParams
    first = FIRST | {"seed": 12}
    weights = {  # noqa: RUF012
        KEY: (Embedded("gan", "gan.safetensors"),),
        DECODER: (VAE,),
    }
    presets = face_presets(walk_to=10)


METHOD = Gan()
