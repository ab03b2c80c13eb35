"""What `gan`, `dcgan` and `cgan` share: noise becomes a style, a layout, and then a picture.

A style is a vector of principal component weights of pictures (Turk & Pentland 1991, "Eigenfaces
for Recognition").  It has few dimensions, so dense layers can learn its distribution (`map`).  The
components with these weights, added up, are a low-frequency layout: blurred, but complete.  A
painter adds the missing detail (`paint`).  This is the pyramid of Denton et al. 2015
(arXiv:1506.05751) with one linear step: the places of all parts are decided before any part is
painted.

Layout and painter work in the latent space of the embedded `vae`, at a quarter of the sides, with
each channel scaled to its visibility; `vae` decodes the result.  So the network need not learn how
a line becomes pixels, and it is sixteen times cheaper.  Truncation moves styles towards their mean;
a walk interpolates between two styles.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import MOST_CLASSES, Noise
from styleplug.nets.function import Function, axes
from styleplug.nets.vae import CHANNELS, STRIDE

NOISE = 128  # numbers that a style is made of
STYLE = 128  # principal components
SIDE = 64  # pixels of a picture
LATENT_SHAPE = (CHANNELS, SIDE // STRIDE, SIDE // STRIDE)
SLOPE = 0.2
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)
_WIDTH, _DEPTH = 384, 3  # of the layers of the mapping; number of residual ones


def leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU."""
    return F.leaky_relu(x, SLOPE)


def initialised(layer: Layer, factor: float = 1.0) -> Layer:
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
        classes: whether there are classes; their shares are then an input of the mapping.

    Attributes:
        side: pixels of its pictures.
        centre: styles' mean, in the long run of training; (1 s), or of each class (MOST_CLASSES s).
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

    def __init__(self, painter: nn.Module, *, classes: bool = False):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(MOST_CLASSES, NOISE)) if classes else None
        self.mapping = Dense(NOISE * (1 + classes), _WIDTH, STYLE)
        self.painter = painter
        self.register_buffer("centre", torch.zeros(MOST_CLASSES if classes else 1, STYLE))
        self.register_buffer("basis", torch.zeros(STYLE, *LATENT_SHAPE))
        self.register_buffer("plain", torch.zeros(1, *LATENT_SHAPE))
        self.register_buffer("mean", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("scale", torch.ones(CHANNELS, 1, 1))

    def map(self, noise: Tensor, shares: Tensor | None = None) -> Tensor:
        """Styles (b s) of noise (b n) and of class shares (b CLASSES) with sum 1."""
        embedded = () if shares is None or self.embedding is None else (shares @ self.embedding,)
        return self.mapping(torch.cat((noise, *embedded), dim=1))

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


_NOISES = {"noise": Noise(NOISE)}


class Map(Function):
    """Function "map" of a net without classes."""

    inputs = {"noise": axes(NOISE)}
    outputs = ("style", "mean")
    noises = _NOISES

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (b s) of noise (b n), and their mean (1 s)."""
        return self.net.map(noise), self.net.centre * 1.0


class MapClasses(Function):
    """Function "map" of a net with classes."""

    inputs = {"noise": axes(NOISE), "shares": axes(MOST_CLASSES)}
    outputs = ("style", "mean")
    noises = _NOISES

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (b s) of noise (b n) and shares of classes (b k); their means (b s)."""
        return self.net.map(noise, shares), shares @ self.net.centre


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
