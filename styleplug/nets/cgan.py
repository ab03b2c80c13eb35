"""The conditional generator (Mirza & Osindero 2014, arXiv:1411.1784); see `dcgan`.

Departure from the paper: a class is not only an input, but also a scale and a shift of every batch
norm.

Trained by `styleplug train cgan`.
"""

from __future__ import annotations

from torch import nn

from styleplug.core.backend import MOST_CLASSES
from styleplug.nets.dcgan import SIDE, WIDTHS, Painter
from styleplug.nets.generator import NOISE, GenerateClasses, Generator


def build() -> Generator:
    """The untrained net (3.9 million parameters)."""
    return Generator(Painter(WIDTHS, NOISE, MOST_CLASSES), SIDE, classes=True)


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"generate": GenerateClasses(net)}
