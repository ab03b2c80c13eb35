"""Faces out of noise, by convolutions.

Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv:1511.06434.  What departs from the paper is said in
`styleplug/nets/dcgan.py` and `styleplug/training/tasks/shared/generation.py`.
"""

from __future__ import annotations

from styleplug.core.weight import Embedded
from styleplug.methods.shared.style_generator import (
    DECODER,
    KEY,
    VAE,
    StyleGenerator,
    StyleGeneratorParams,
)


class DcganParams(StyleGeneratorParams):
    """What a visitor can set."""


class Dcgan(StyleGenerator[DcganParams]):
    """Convolutions."""

    id = "dcgan"
    title = "DCGAN"
    summary = "Makes faces in the manner of Japanese scrolls out of noise, 64 × 64 pixels."
    paper = (
        "Radford, Metz & Chintala 2016, Unsupervised Representation Learning with Deep "
        "Convolutional Generative Adversarial Networks"
    )
    rank = 61
    params = DcganParams
    weights = {  # noqa: RUF012
        KEY: (Embedded("dcgan", "dcgan.safetensors"),),
        DECODER: (VAE,),
    }


METHOD = Dcgan()
