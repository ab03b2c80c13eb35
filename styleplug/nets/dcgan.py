"""The convolutional generator (Radford et al. 2016, arXiv:1511.06434), see `generator`.

Convolutions at 16×16, 8×8 and 4×4 positions of the canvas decide what is where and which way
lines go.

Departures from that paper: the sketch (see there) comes first, so that the net is shaped like the
U of Ronneberger et al. 2015 (arXiv:1505.04597) instead of a pyramid; no batch norm, which lets
pictures of a batch depend on each other; nearest neighbours and a convolution instead of
transposed convolutions, which leave checkerboards.

Trained by `styleplug train dcgan`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import STYLE, Generator, Map, Paint, leaky, started
from styleplug.nets.layers import double
from styleplug.nets.vae import CHANNELS

_FINE, _MIDDLE, _WIDE = 64, 128, 192  # channels at 16, 8 and 4 positions a side
_SMALL = 0.3  # of what a unit adds at first
_JOINED = 0.7  # of the sum of two parts that are as large as the result shall be


class Unit(nn.Module):
    """A residual unit of two 3×3 convolutions."""

    def __init__(self, channels: int):
        super().__init__()
        self.first, self.second = _conv(channels, channels), _conv(channels, channels, _SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.second(leaky(self.first(leaky(x))))


class Painter(nn.Module):
    """Down from the sketch to 4×4, where the style is told once more, and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(_conv(CHANNELS, _FINE), Unit(_FINE))
        self.middle = nn.Sequential(_conv(_FINE, _MIDDLE), Unit(_MIDDLE))
        self.wide, self.style = _conv(_MIDDLE, _WIDE), nn.Linear(STYLE, _WIDE)
        self.widest = Unit(_WIDE)
        self.to_middle, self.middle_up = nn.Conv2d(_WIDE, _MIDDLE, 1), Unit(_MIDDLE)
        self.to_fine = nn.Conv2d(_MIDDLE, _FINE, 1)
        self.fine_up = nn.Sequential(Unit(_FINE), Unit(_FINE))
        self.exit = _conv(_FINE, CHANNELS, 0.0)

    def forward(self, sketch: Tensor, style: Tensor) -> Tensor:
        """What to add to sketches (b c h w) of styles (b s)."""
        fine = self.fine(sketch)
        middle = self.middle(F.avg_pool2d(fine, 2))
        wide = self.wide(F.avg_pool2d(middle, 2)) + self.style(style)[:, :, None, None]
        wide = self.widest(wide)
        middle = self.middle_up((middle + double(self.to_middle(wide))) * _JOINED)
        fine = self.fine_up((fine + double(self.to_fine(middle))) * _JOINED)
        return self.exit(leaky(fine))


def _conv(before: int, after: int, factor: float = 1.0) -> nn.Conv2d:
    return started(nn.Conv2d(before, after, 3, padding=1), factor)


def build() -> Generator:
    """The untrained net (2.9 million parameters)."""
    return Generator(Painter())


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
