"""The conditional generator (Mirza & Osindero 2014, arXiv:1411.1784); see `dcgan`.

Departure from the paper: a class is an embedding instead of a one-hot vector, so classes can be
mixed by shares.  Only the mapping sees the class: it decides the style, and the painter paints what
the style says.  Trained by `styleplug train cgan`.
"""

from __future__ import annotations

from torch import nn

from styleplug.nets.dcgan import Painter
from styleplug.nets.generator import Generator, MapClasses, Paint


def build() -> Generator:
    """The untrained net (3 million parameters)."""
    return Generator(Painter(), classes=True)


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": MapClasses(net), "paint": Paint(net)}
