"""The convolutional generator (Radford et al. 2016, arXiv:1511.06434); see `generator`.

Convolutions at 16×16, 8×8 and 4×4 positions of the latent decide the content of each place and the
direction of lines.

Departures from the paper: the low-frequency layout (see `generator`) comes first, so the network
has the shape of a U-net (Ronneberger et al. 2015, arXiv:1505.04597) instead of a pyramid.  There is
no batch norm, by which the pictures of a batch would depend on each other.  Nearest neighbours and
a convolution replace transposed convolutions, which give checkerboard patterns.

Trained by `styleplug train dcgan`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import STYLE, Generator, Map, Paint, initialised, leaky_relu
from styleplug.nets.layers import upsample
from styleplug.nets.vae import CHANNELS

_FINE, _MIDDLE, _WIDE = 64, 128, 192  # channels at 16, 8 and 4 positions a side
_SMALL = 0.3  # initial scale of the output of a unit
_JOINED = 0.7  # factor of the sum of two inputs, which keeps their magnitude


class Unit(nn.Module):
    """A residual unit of two 3×3 convolutions."""

    def __init__(self, channels: int):
        super().__init__()
        self.first, self.second = _conv(channels, channels), _conv(channels, channels, _SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.second(leaky_relu(self.first(leaky_relu(x))))


class Painter(nn.Module):
    """Down from the layout to 4×4, where the style is added once more, and up again."""

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

    def forward(self, layout: Tensor, style: Tensor) -> Tensor:
        """Detail to add to layouts (b c h w) of styles (b s)."""
        fine = self.fine(layout)
        middle = self.middle(F.avg_pool2d(fine, 2))
        wide = self.wide(F.avg_pool2d(middle, 2)) + self.style(style)[:, :, None, None]
        wide = self.widest(wide)
        middle = self.middle_up((middle + upsample(self.to_middle(wide))) * _JOINED)
        fine = self.fine_up((fine + upsample(self.to_fine(middle))) * _JOINED)
        return self.exit(leaky_relu(fine))


def _conv(before: int, after: int, factor: float = 1.0) -> nn.Conv2d:
    return initialised(nn.Conv2d(before, after, 3, padding=1), factor)


def build() -> Generator:
    """The untrained net (2.9 million parameters)."""
    return Generator(Painter())


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
