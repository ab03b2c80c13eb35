"""A generator of dense layers only (Goodfellow et al. 2014, arXiv:1406.2661).

A style is a vector of principal component weights of pictures (Turk & Pentland 1991, "Eigenfaces
for Recognition").  It has few dimensions, so dense layers can learn its distribution (`map`).  The
components with these weights, added up, are a low-frequency layout: blurred, but complete.  A
painter adds the missing detail (`paint`).  This is the pyramid of Denton et al. 2015
(arXiv:1506.05751) with one linear step: the places of all parts are decided before any part is
painted.

Layout and painter work in the latent space of the embedded `vae`, at a quarter of the sides, with
each channel scaled to its visibility; `vae`, whose decoder has convolutions, decodes the result.
Truncation moves styles towards their mean; a walk interpolates between two styles.

The painter cuts the layout into tiles and mixes them by dense layers, like the MLP-Mixer of
Tolstikhin et al. 2021 (arXiv:2105.01601): alternately each number of all tiles, so that every place
sees every other, and all numbers of each tile.  Departure: the first layer sees a tile together
with its eight neighbours, because lines continue there; this layer could be called a convolution.
Dense layers directly from a style to the latent learned almost nothing in the same time, because
they would have to learn the look of a line again at each place.

Trained by `styleplug train gan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import Noise
from styleplug.nets.function import Function, axes
from styleplug.nets.vae import CHANNELS, STRIDE

NOISE = 128  # numbers that a style is made of
STYLE = 128  # principal components
SIDE = 64  # pixels of a picture
LATENT_SHAPE = (CHANNELS, SIDE // STRIDE, SIDE // STRIDE)
SLOPE = 0.2
_MAPPED, _DEPTH = 384, 3  # width of the layers of the mapping; number of residual ones
_CUT = 2  # side of a tile, in positions of the latent
_WIDTH = 256  # size of the code of a tile
_UNITS = 4
_AROUND = tuple((y, x) for y in range(3) for x in range(3))  # a tile and its neighbours
_SMALL = 0.3  # initial scale of the output of a unit


def leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU."""
    return F.leaky_relu(x, SLOPE)


def initialised(layer: nn.Linear, factor: float = 1.0) -> nn.Linear:
    """A layer whose weights preserve the magnitude of its input, times a factor; no bias."""
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    layer.weight.data *= factor
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Dense(nn.Module):
    """Dense layers; those between the first and the last are residual.

    Args:
        before: size of the input.
        width: of the layers between.
        after: size of the output.
    """

    def __init__(self, before: int, width: int, after: int):
        super().__init__()
        self.entry = initialised(nn.Linear(before, width))
        self.units = nn.ModuleList(initialised(nn.Linear(width, width)) for _ in range(_DEPTH))
        self.exit = initialised(nn.Linear(width, after))

    def forward(self, x: Tensor) -> Tensor:
        """(b before) to (b after)."""
        x = leaky_relu(self.entry(x))
        for unit in self.units:
            x = (x + leaky_relu(unit(x))) * 0.5**0.5
        return self.exit(x)


class Generator(nn.Module):
    """Mapping, layout and painter.

    Args:
        painter: gives the detail (b …) to add to layouts (b …) of styles (b s).

    Attributes:
        side: pixels of its pictures.
        centre: styles' mean (1 s), in the long run of training.
        basis: change of the layout by each number of the style (s …).
        plain: layout (1 …) of a style of zeros.
        mean: of the latents' channels (c 1 1).
        scale: factor of each channel, from scaled latents to latents (c 1 1).
    """

    side = SIDE
    centre: Tensor
    basis: Tensor
    plain: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, painter: nn.Module):
        super().__init__()
        self.mapping = Dense(NOISE, _MAPPED, STYLE)
        self.painter = painter
        self.register_buffer("centre", torch.zeros(1, STYLE))
        self.register_buffer("basis", torch.zeros(STYLE, *LATENT_SHAPE))
        self.register_buffer("plain", torch.zeros(1, *LATENT_SHAPE))
        self.register_buffer("mean", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("scale", torch.ones(CHANNELS, 1, 1))

    def map(self, noise: Tensor) -> Tensor:
        """Styles (b s) of noise (b n)."""
        styles: Tensor = self.mapping(noise)
        return styles

    def layout(self, style: Tensor) -> Tensor:
        """Low-frequency layouts (b …) of styles (b s), scaled latents."""
        added = style @ self.basis.flatten(1)
        return self.plain + added.view(-1, *self.plain.shape[1:])

    def paint_scaled(self, style: Tensor) -> Tensor:
        """Scaled latents (b …) of styles (b s)."""
        layout = self.layout(style)
        return layout + self.painter(layout, style)

    def paint(self, style: Tensor) -> Tensor:
        """Latents (b c SIDE/4 SIDE/4) of styles (b s)."""
        return self.paint_scaled(style) * self.scale + self.mean


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


class Map(Function):
    """Function "map"."""

    inputs = {"noise": axes(NOISE)}
    outputs = ("style", "mean")
    noises = {"noise": Noise(NOISE)}  # noqa: RUF012

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (b s) of noise (b n), and their mean (1 s)."""
        return self.net.map(noise), self.net.centre * 1.0


class Paint(Function):
    """Function "paint"."""

    inputs = {"style": axes(STYLE)}
    outputs = ("latent",)

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, style: Tensor) -> tuple[Tensor]:
        """Latents (b c SIDE/4 SIDE/4) of styles (b s)."""
        return (self.net.paint(style),)


def build() -> Generator:
    """The untrained net (2.4 million parameters)."""
    return Generator(Painter())


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"map": Map(net), "paint": Paint(net)}
