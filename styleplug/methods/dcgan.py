"""Faces from noise, by convolutions.

Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv:1511.06434.  The departures from the paper are in
`styleplug/nets/dcgan.py` and `styleplug/training/tasks/shared/generator.py`.
"""

from __future__ import annotations

from styleplug.core.weight import Embedded
from styleplug.methods.shared.adversarial import (
    FIRST,
    KEY,
    AdversarialGenerator,
    AdversarialParams,
    face_presets,
)


class Dcgan(AdversarialGenerator[AdversarialParams]):
    """Convolutions."""

    id = "dcgan"
    title = "DCGAN"
    summary = "Makes faces (64 × 64 pixels) in the style of Japanese scrolls, from noise."
    paper = (
        "Radford, Metz & Chintala 2016, Unsupervised Representation Learning with Deep "
        "Convolutional Generative Adversarial Networks"
    )
    rank = 61
    params = AdversarialParams
    centre_seed = 29
    first = FIRST | {"seed": 1}
    weights = {KEY: (Embedded("dcgan", "dcgan.safetensors"),)}  # noqa: RUF012
    presets = face_presets(portrait=15, walk_to=1)


METHOD = Dcgan()
