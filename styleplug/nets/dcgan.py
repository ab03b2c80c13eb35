"""The convolutional generator (Radford et al. 2016, arXiv:1511.06434), see `generator`.

Trained by `styleplug train dcgan`.
"""

from __future__ import annotations

from torch import nn

from styleplug.nets.generator import Generator, Map, Paint


def build() -> Generator:
    """The untrained net (2.9 million parameters)."""
    return Generator()


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
