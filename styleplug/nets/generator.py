"""What `dcgan` and `cgan` paint with: noise becomes a style, and the style becomes a picture.

A pyramid of convolutions from 4×4 to 64×64 pixels, as of Radford et al. 2016
(arXiv:1511.06434).  Departures from that paper, each because it learns sooner or better: nearest
neighbours and a convolution instead of transposed convolutions, which leave checkerboards; no
batch norm, which lets pictures of a batch depend on each other; the noise enters at every depth,
by scaling the channels that a convolution reads (Karras et al. 2020, arXiv:1912.04958), not only
at the first; every depth adds to the picture.  Weights have unit variance and are scaled where
they are used (Karras et al. 2018, arXiv:1710.10196), so that all learn at one pace.

The style lies between: `map` makes it of noise, `paint` the picture of it.  Truncation draws
styles to their mean, and a walk goes straight from one to another.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.classes import CLASSES, LETTERS
from styleplug.core.mapped import NOISE
from styleplug.nets.layers import double
from styleplug.nets.shapes import free

STYLE = 128  # numbers that they are mapped to
SIDE = 64  # pixels of a picture
PACE = 0.1  # of the mapping beside all else: what moves it moves everything
_WIDTHS = (224, 224, 192, 128, 64)  # channels at 4, 8 … 64 pixels
_SLOPE = 0.2
_CONTRAST = 0.15  # of what one depth adds to an untrained net's picture


class Dense(nn.Module):
    """A dense layer whose weights have unit variance and are scaled where they are used.

    Args:
        before: numbers in.
        after: numbers out.
        bias: at the start.
        pace: of its learning beside others'.
    """

    def __init__(self, before: int, after: int, *, bias: float = 0.0, pace: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / pace)
        self.bias = nn.Parameter(torch.full((after,), bias / pace))
        self.scale, self.pace = pace / before**0.5, pace

    def forward(self, x: Tensor) -> Tensor:
        """(b before) to (b after)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.pace)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU that keeps the size of what passes."""
    return F.leaky_relu(x, _SLOPE) * 2**0.5


def unit(x: Tensor) -> Tensor:
    """Vectors (b n) whose numbers have a mean square of 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class Mapping(nn.Module):
    """Noise, and what is known beside it, to a style.

    Args:
        known: numbers of what is known.
        width: of the hidden layers.
    """

    def __init__(self, known: int = 0, width: int = 256):
        super().__init__()
        sizes = (NOISE + known, width, width)
        self.hidden = nn.ModuleList(
            Dense(*pair, pace=PACE) for pair in zip(sizes, sizes[1:], strict=False)
        )
        self.style = Dense(width, STYLE, pace=PACE)

    def forward(self, noise: Tensor, *known: Tensor) -> Tensor:
        """Styles (b s) of noise (b n) and of what is known (b k)."""
        x = torch.cat((unit(noise), *known), dim=1)
        for layer in self.hidden:
            x = leaky(layer(x))
        return self.style(x)


class Modulated(nn.Module):
    """A 3×3 convolution that reads channels as large as the style says; leaky ReLU."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.scale = Dense(STYLE, before, bias=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        self.bias = nn.Parameter(torch.zeros(after, 1, 1))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(b before h w) and styles (b s) to (b after h w) of about unit variance."""
        scale = self.scale(style).to(x.dtype)
        size = F.linear(scale.square(), self.weight.square().sum((2, 3)))
        # Two instead of one: leaky ReLU halves the mean square.
        x = F.conv2d(x * scale[:, :, None, None], self.weight, padding=1)
        back = (size.float() / 2 + 1e-6).rsqrt().to(x.dtype)[:, :, None, None]
        return F.leaky_relu(torch.addcmul(self.bias.to(x.dtype), x, back), _SLOPE)


class Level(nn.Module):
    """Twice the sides, two convolutions, and what this depth adds to the picture."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.first, self.second = Modulated(before, after), Modulated(after, after)
        self.colours = Dense(after, 3)

    def forward(self, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """(b before h w) and styles (b s) to (b after 2h 2w) and colours (b 3 2h 2w)."""
        x = self.second(self.first(double(x), style), style)
        weight = (self.colours.weight * self.colours.scale)[:, :, None, None]
        return x, F.conv2d(x, weight, self.colours.bias)


class Generator(nn.Module):
    """Mapping and pyramid.

    Args:
        classes: whether pictures belong to classes, whose shares are then part of what is mapped.

    Attributes:
        side: pixels of its pictures.
        centre: styles' mean, in the long run of training; (1 s), or of each class (CLASSES s).
        letters: names of the classes, as `styleplug.core.classes.spell` writes them.
    """

    side = SIDE
    centre: Tensor
    letters: Tensor

    def __init__(self, *, classes: bool = False):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(CLASSES, NOISE)) if classes else None
        self.mapping = Mapping(NOISE if classes else 0)
        self.start = Dense(STYLE, 16 * _WIDTHS[0])
        self.levels = nn.ModuleList(
            Level(*pair) for pair in zip(_WIDTHS, _WIDTHS[1:], strict=False)
        )
        self.register_buffer("centre", torch.zeros(CLASSES if classes else 1, STYLE))
        if classes:
            self.register_buffer("letters", torch.zeros(CLASSES, LETTERS))

    def map(self, noise: Tensor, shares: Tensor | None = None) -> Tensor:
        """Styles (b s) of noise (b n), and of shares of classes (b CLASSES) that add up to 1."""
        known = () if shares is None else (shares @ self.embedding,)
        return self.mapping(noise, *known)

    def paint(self, style: Tensor) -> Tensor:
        """Pictures (b 3 SIDE SIDE), in [0, 1] but for overshoots, of styles (b s)."""
        x = leaky(self.start(style)).view(-1, _WIDTHS[0], 4, 4)
        first, *others = self.levels
        x, picture = first(x, style)
        for level in others:
            x, colours = level(x, style)
            picture = _doubled(picture.float()) + colours  # half the precision shows as steps
        return picture * _CONTRAST + 0.5


def _doubled(picture: Tensor) -> Tensor:
    """(b 3 h w) to (b 3 2h 2w), smoothly."""
    return F.interpolate(picture, scale_factor=2.0, mode="bilinear", align_corners=False)


class Map(nn.Module):
    """Function "map" of a net without classes."""

    inputs: tuple[str, ...] = ("noise",)
    outputs: tuple[str, ...] = ("style", "mean")
    multiple = 1

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (b s) of noise (b n), and their mean (1 s)."""
        return self.net.map(noise), self.net.get_buffer("centre") * 1.0

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of noise."""
        return (torch.randn(2, NOISE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return (free(),)


class MapClasses(nn.Module):
    """Function "map" of a net with classes."""

    inputs = ("noise", "shares")
    outputs = ("style", "mean", "names")
    multiple = 1

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net

    def forward(self, noise: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Styles (b s) of noise (b n) and shares (b CLASSES); their means (b s); the names."""
        return self.net.map(noise, shares), shares @ self.net.centre, self.net.letters * 1.0

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of noise, and of shares."""
        return torch.randn(2, NOISE), torch.softmax(torch.randn(2, CLASSES), 1)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return free(), free()


class Paint(nn.Module):
    """Function "paint"."""

    inputs = ("style",)
    outputs = ("picture",)
    multiple = 1

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, style: Tensor) -> tuple[Tensor]:
        """Pictures (b 3 h w) in [0, 1] of styles (b s)."""
        return (self.net.paint(style).clamp(0, 1),)

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of styles."""
        return (torch.randn(2, STYLE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return (free(),)
