"""A small conditional generator of pictures of 32 × 32 pixels, such as digits; see `cgan`.

Trained by `styleplug train digits`.
"""

from __future__ import annotations

from torch import nn

from styleplug.core.backend import MOST_CLASSES
from styleplug.nets.dcgan import Painter
from styleplug.nets.generator import GenerateClasses, Generator

_NOISE = 64  # numbers that a picture is made of
_WIDTHS = (80, 64, 48, 24)  # channels at 4, 8, 16 and 32 positions a side


def build() -> Generator:
    """The untrained net (0.48 million parameters)."""
    return Generator(Painter(_WIDTHS, _NOISE, MOST_CLASSES), 32, noise=_NOISE, classes=True)


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"generate": GenerateClasses(net)}
