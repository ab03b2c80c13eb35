"""A generator of dense layers only (Goodfellow et al. 2014, arXiv:1406.2661), see `generator`.

Its painter cuts the sketch into tiles and mixes them by dense layers, as the MLP-Mixer of
Tolstikhin et al. 2021 (arXiv:2105.01601): in turn each number of all tiles, so that every place
sees every other at once, and all numbers of each tile.  A departure: at first a tile is shown with
the eight around it, since lines go on there; that one layer could be called a convolution.  Dense
layers from a style straight to the canvas learned next to nothing in the same time: what a line
looks like they would have to learn anew at each place.

What it paints is, as in `dcgan`, a latent of the embedded `vae`, whose decoder has convolutions.

Trained by `styleplug train gan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import CANVAS, STYLE, Generator, Map, Paint, leaky, started

_CUT = 2  # positions of the canvas, a tile's side
_WIDTH = 256  # numbers that a tile becomes
_UNITS = 4
_AROUND = tuple((y, x) for y in range(3) for x in range(3))  # a tile and those that touch it
_SMALL = 0.3  # of what a unit adds at first


class Mix(nn.Module):
    """Two dense layers, twice as many numbers between them."""

    def __init__(self, numbers: int):
        super().__init__()
        self.first = started(nn.Linear(numbers, 2 * numbers))
        self.second = started(nn.Linear(2 * numbers, numbers), _SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """(… numbers) to the same shape: what to add."""
        return self.second(leaky(self.first(x)))


class Unit(nn.Module):
    """Mixes tiles, then the numbers of each."""

    def __init__(self, tiles: int):
        super().__init__()
        self.before_tiles, self.tiles = nn.LayerNorm(_WIDTH), Mix(tiles)
        self.before_numbers, self.numbers = nn.LayerNorm(_WIDTH), Mix(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(b tiles _WIDTH) to the same shape."""
        x = x + self.tiles(self.before_tiles(x).mT).mT
        return x + self.numbers(self.before_numbers(x))


class Painter(nn.Module):
    """From the sketch's tiles to those of what is to be added."""

    def __init__(self) -> None:
        super().__init__()
        channels, side, _ = CANVAS
        tiles, numbers = (side // _CUT) ** 2, channels * _CUT**2
        self.entry = started(nn.Linear(len(_AROUND) * numbers, _WIDTH))
        self.style = nn.Linear(STYLE, _WIDTH)
        self.units = nn.Sequential(*(Unit(tiles) for _ in range(_UNITS)))
        self.exit = started(nn.Linear(_WIDTH, numbers), 0.0)

    def forward(self, sketch: Tensor, style: Tensor) -> Tensor:
        """What to add to sketches (b c h w) of styles (b s)."""
        tiles = F.pixel_unshuffle(sketch, _CUT)
        rows, columns = tiles.shape[2:]
        wide = F.pad(tiles, (1, 1, 1, 1))
        shown = [wide[:, :, y : y + rows, x : x + columns] for y, x in _AROUND]
        x = self.entry(torch.cat(shown, dim=1).flatten(2).mT) + self.style(style)[:, None]
        added = self.exit(leaky(self.units(x)))
        return F.pixel_shuffle(added.mT.unflatten(2, (rows, columns)), _CUT)


def build() -> Generator:
    """The untrained net (2.4 million parameters)."""
    return Generator(Painter())


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
