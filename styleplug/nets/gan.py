"""A generator of dense layers only (Goodfellow et al. 2014, arXiv:1406.2661); see `generator`.

Its painter cuts the layout into tiles and mixes them by dense layers, like the MLP-Mixer of
Tolstikhin et al. 2021 (arXiv:2105.01601): alternately each number of all tiles, so that every place
sees every other, and all numbers of each tile.  Departure: the first layer sees a tile together
with its eight neighbours, because lines continue there; this layer could be called a convolution.
Dense layers directly from a style to the latent learned almost nothing in the same time, because
they would have to learn the look of a line again at each place.

As in `dcgan`, the output is a latent of the embedded `vae`, whose decoder has convolutions.

Trained by `styleplug train gan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import (
    LATENT_SHAPE,
    STYLE,
    Generator,
    Map,
    Paint,
    initialised,
    leaky_relu,
)

_CUT = 2  # side of a tile, in positions of the latent
_WIDTH = 256  # size of the code of a tile
_UNITS = 4
_AROUND = tuple((y, x) for y in range(3) for x in range(3))  # a tile and its neighbours
_SMALL = 0.3  # initial scale of the output of a unit


class Mix(nn.Module):
    """Two dense layers with twice as many hidden numbers."""

    def __init__(self, numbers: int):
        super().__init__()
        self.first = initialised(nn.Linear(numbers, 2 * numbers))
        self.second = initialised(nn.Linear(2 * numbers, numbers), _SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """(… numbers) to the same shape; the result is a residual."""
        return self.second(leaky_relu(self.first(x)))


class Unit(nn.Module):
    """Mixes tiles, then the numbers of each tile."""

    def __init__(self, tiles: int):
        super().__init__()
        self.before_tiles, self.tiles = nn.LayerNorm(_WIDTH), Mix(tiles)
        self.before_numbers, self.numbers = nn.LayerNorm(_WIDTH), Mix(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(b tiles _WIDTH) to the same shape."""
        x = x + self.tiles(self.before_tiles(x).mT).mT
        return x + self.numbers(self.before_numbers(x))


class Painter(nn.Module):
    """Tiles of the layout to tiles of detail."""

    def __init__(self) -> None:
        super().__init__()
        channels, side, _ = LATENT_SHAPE
        tiles, numbers = (side // _CUT) ** 2, channels * _CUT**2
        self.entry = initialised(nn.Linear(len(_AROUND) * numbers, _WIDTH))
        self.style = nn.Linear(STYLE, _WIDTH)
        self.units = nn.Sequential(*(Unit(tiles) for _ in range(_UNITS)))
        self.exit = initialised(nn.Linear(_WIDTH, numbers), 0.0)

    def forward(self, layout: Tensor, style: Tensor) -> Tensor:
        """Detail to add to layouts (b c h w) of styles (b s)."""
        tiles = F.pixel_unshuffle(layout, _CUT)
        rows, columns = tiles.shape[2:]
        wide = F.pad(tiles, (1, 1, 1, 1))
        shown = [wide[:, :, y : y + rows, x : x + columns] for y, x in _AROUND]
        x = self.entry(torch.cat(shown, dim=1).flatten(2).mT) + self.style(style)[:, None]
        added = self.exit(leaky_relu(self.units(x)))
        return F.pixel_shuffle(added.mT.unflatten(2, (rows, columns)), _CUT)


def build() -> Generator:
    """The untrained net (2.4 million parameters)."""
    return Generator(Painter())


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
