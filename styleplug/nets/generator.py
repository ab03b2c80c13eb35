"""What `gan`, `dcgan` and `cgan` share: noise becomes a style, a sketch, and then a picture.

A style says how much of each eigenpicture a picture has: of the principal components of the
pictures that were learned from (Turk & Pentland 1991, "Eigenfaces for Recognition").  So it is a
point in few dimensions, and dense layers learn its distribution (`map`).  What has these
components is, linearly, a sketch: blurred, but whole.  A painter adds what the sketch lacks
(`paint`).  That is the pyramid of Denton et al. 2015 (arXiv:1506.05751) with one step of
it linear: where the parts of a picture lie is decided before any of them is painted.

The canvas that sketch and painter work on is the latent of the embedded `vae`, a quarter of the
picture's sides, each channel about as strong as it shows; `vae` makes the picture of it.  So how
a line becomes pixels need not be learned again, and painting costs a sixteenth.  Truncation draws
styles to their mean, and a walk goes straight from one to another.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import MOST_CLASSES, Noise
from styleplug.nets.function import Function
from styleplug.nets.shapes import free
from styleplug.nets.vae import CHANNELS, STRIDE

NOISE = 128  # numbers that a style is made of
STYLE = 128  # eigenpictures
SIDE = 64  # pixels of a picture
CANVAS = (CHANNELS, SIDE // STRIDE, SIDE // STRIDE)
SLOPE = 0.2
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)
_WIDTH, _DEPTH = 384, 3  # of the mapping's layers; how many of them add


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU."""
    return F.leaky_relu(x, SLOPE)


def started(layer: Layer, factor: float = 1.0) -> Layer:
    """A layer whose weights keep the size of what passes, times a factor; no bias at first."""
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    layer.weight.data *= factor
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Dense(nn.Module):
    """Dense layers; those between the first and the last add to what they get.

    Args:
        before: numbers in.
        width: of the layers between.
        after: numbers out.
    """

    def __init__(self, before: int, width: int, after: int):
        super().__init__()
        self.entry = started(nn.Linear(before, width))
        self.units = nn.ModuleList(started(nn.Linear(width, width)) for _ in range(_DEPTH))
        self.exit = started(nn.Linear(width, after))

    def forward(self, x: Tensor) -> Tensor:
        """(b before) to (b after)."""
        x = leaky(self.entry(x))
        for unit in self.units:
            x = (x + leaky(unit(x))) * 0.5**0.5
        return self.exit(x)


class Generator(nn.Module):
    """Mapping, sketch and painter.

    Args:
        painter: gives what to add (b …) to sketches (b …) of styles (b s).
        classes: whether pictures belong to classes, whose shares are then part of what is mapped.

    Attributes:
        side: pixels of its pictures.
        centre: styles' mean, in the long run of training; (1 s), or of each class (MOST_CLASSES s).
        basis: what a sketch gains by each number of the style (s …).
        plain: the sketch (1 …) of a style that is zero.
        mean: of the latents' channels (c 1 1).
        scale: what the canvas's channels are multiplied by (c 1 1).
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
        self.register_buffer("basis", torch.zeros(STYLE, *CANVAS))
        self.register_buffer("plain", torch.zeros(1, *CANVAS))
        self.register_buffer("mean", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("scale", torch.ones(CHANNELS, 1, 1))

    def map(self, noise: Tensor, shares: Tensor | None = None) -> Tensor:
        """Styles (b s) of noise (b n), and of shares of classes (b k) that add up to 1."""
        known = () if shares is None else (shares @ self.embedding,)
        return self.mapping(torch.cat((noise, *known), dim=1))

    def sketch(self, style: Tensor) -> Tensor:
        """Canvases (b …) that have what styles (b s) say, and nothing else."""
        added = style @ self.basis.flatten(1)
        return self.plain + added.view(-1, *self.plain.shape[1:])

    def draw(self, style: Tensor) -> Tensor:
        """Canvases (b …) of styles (b s), painted."""
        sketch = self.sketch(style)
        return sketch + self.painter(sketch, style)

    def paint(self, style: Tensor) -> Tensor:
        """Latents (b c SIDE/4 SIDE/4) of styles (b s)."""
        return self.draw(style) * self.scale + self.mean


_NOISES = {"noise": Noise(NOISE)}


class Map(Function):
    """Function "map" of a net without classes."""

    inputs: tuple[str, ...] = ("noise",)
    outputs: tuple[str, ...] = ("style", "mean")
    noises = _NOISES

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (b s) of noise (b n), and their mean (1 s)."""
        return self.net.map(noise), self.net.centre * 1.0

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of noise."""
        return (torch.randn(2, NOISE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return (free(),)


class MapClasses(Function):
    """Function "map" of a net with classes."""

    inputs = ("noise", "shares")
    outputs = ("style", "mean")
    noises = _NOISES

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (b s) of noise (b n) and shares of classes (b k); their means (b s)."""
        return self.net.map(noise, shares), shares @ self.net.centre

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of noise, and of shares."""
        return torch.randn(2, NOISE), torch.softmax(torch.randn(2, MOST_CLASSES), 1)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return free(), free()


class Paint(Function):
    """Function "paint"."""

    inputs = ("style",)
    outputs = ("latent",)

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, style: Tensor) -> tuple[Tensor]:
        """Latents (b c SIDE/4 SIDE/4) of styles (b s)."""
        return (self.net.paint(style),)

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of styles."""
        return (torch.randn(2, STYLE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return (free(),)
