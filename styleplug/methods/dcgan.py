"""Faces from noise, by convolutions.

Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv:1511.06434.  The departures from the paper are in
`styleplug/nets/dcgan.py` and `styleplug/training/tasks/shared/generation.py`.
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


class Dcgan(StyleGenerator[StyleGeneratorParams]):
    """Convolutions."""

    id = "dcgan"
    title = "DCGAN"
    summary = "Makes faces (64 × 64 pixels) in the style of Japanese scrolls, from noise."
    paper = (
        "Radford, Metz & Chintala 2016, Unsupervised Representation Learning with Deep "
        "Convolutional Generative Adversarial Networks"
    )
    rank = 61
    params = StyleGeneratorParams
    first = FIRST | {"seed": 12}
    weights = {  # noqa: RUF012
        KEY: (Embedded("dcgan", "dcgan.safetensors"),),
        DECODER: (VAE,),
    }
    presets = face_presets(walk_to=16)


METHOD = Dcgan()
