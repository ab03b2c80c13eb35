"""Two generators that invert each other: photograph to painting, and back (Zhu et al. 2017).

arXiv:1703.10593.  Each is a small convolutional network: residual units at a quarter of the sides,
then nearest-neighbour upsampling.  Departures from the paper:

- A generator sees local means only: at half the sides of a photograph, and at a quarter of the
sides
  of a painting, because finer means would show its brush marks.  It must paint all finer detail
  anew, with the marks of its domain; a network that sees all detail copies it and changes only the
  colours.  So it can also learn from paintings alone: the means of a painting are its input.
- The output is added to the means, so colours and positions need not be learned.
- Instance norm depends on the whole picture, so tiles would not fit together.  Here the channels of
  each position are divided by their root mean square (pixel norm, Karras et al. 2018,
  arXiv:1710.10196).
- Noise is a second input: without it, a flat surface could only stay flat.

Trained by `styleplug train cyclegan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import Noise
from styleplug.nets.function import Function, axes
from styleplug.nets.layers import unbiased, upsample, zeroed

PAINT, PHOTOGRAPH = "paint", "photograph"
DIRECTIONS = (PAINT, PHOTOGRAPH)
STRIDE = 4  # the sides of a picture are multiples of it
HALVINGS = {PAINT: 1, PHOTOGRAPH: 2}  # of the sides of the input
_WIDE, _MIDDLE, _FINE, _UNITS = 80, 48, 24, 5
_TENT = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8  # weights of a mean; equal weights would show steps


def downsample(picture: Tensor, halvings: int) -> Tensor:
    """The local means that a generator sees of a picture (b c h w): (b c h/2ⁿ w/2ⁿ)."""
    channels = picture.shape[1]
    weights = torch.outer(_TENT, _TENT).to(picture).expand(channels, 1, -1, -1)
    for _ in range(halvings):
        picture = F.pad(picture, (1,) * 4, mode="replicate")
        picture = F.conv2d(picture, weights, stride=2, groups=channels)
    return picture


def upsample_means(means: Tensor, halvings: int) -> Tensor:
    """Local means (b c h/2ⁿ w/2ⁿ) as a blurred picture (b c h w)."""
    for _ in range(halvings):
        means = F.interpolate(means, scale_factor=2.0, mode="bilinear")
    return means


def pixel_norm(x: Tensor) -> Tensor:
    """(b c h w), the channels of each position divided by their root mean square."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-4)


class Unit(nn.Module):
    """A residual unit that starts as the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = zeroed(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.second(F.relu(self.first(pixel_norm(x))))


class Generator(nn.Module):
    """One direction (0.6 million parameters).

    Args:
        halvings: how often the sides of its input are halved.
    """

    def __init__(self, halvings: int) -> None:
        super().__init__()
        self.halvings = halvings
        self.block = STRIDE >> halvings  # side of the block of means at a position of the units
        self.entry = nn.Conv2d(3 * self.block**2 + STRIDE**2, _WIDE, 3, padding=1)
        self.units = nn.Sequential(*(Unit(_WIDE) for _ in range(_UNITS)))
        self.rise = nn.ModuleList(
            [
                nn.Conv2d(_WIDE, _MIDDLE, 3, padding=1),
                nn.Conv2d(_MIDDLE, _FINE, 3, padding=1),
            ]
        )
        self.picture = unbiased(nn.Conv2d(_FINE, 3, 3, padding=1))
        for conv in (self.entry, *self.rise):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        nn.init.normal_(self.picture.weight, std=0.001)

    def forward(self, picture: Tensor, grain: Tensor) -> Tensor:
        """A picture (b 3 h w) that may slightly exceed [0, 1].

        Args:
            picture: (b 3 h w) in [0, 1]; h and w are multiples of `STRIDE`.
            grain: standard normal noise (b 1 h w).
        """
        means = downsample(picture, self.halvings)
        noise = F.pixel_unshuffle(grain, STRIDE)
        seen = F.pixel_unshuffle(means * 4 - 2, self.block)
        x = F.relu(self.entry(torch.cat((seen, noise), dim=1)))
        x = F.relu(pixel_norm(self.units(x)))
        for conv in self.rise:
            x = F.relu(conv(upsample(x)))
        return upsample_means(means, self.halvings) + self.picture(x)


class CycleGan(nn.Module):
    """Both generators, named as in `DIRECTIONS`."""

    def __init__(self) -> None:
        super().__init__()
        self.paint, self.photograph = (Generator(HALVINGS[name]) for name in DIRECTIONS)


class Repaint(Function):
    """One of the two generators as a function of a backend; any batch, height and width."""

    inputs = {"picture": axes(3, STRIDE), "grain": axes(1, STRIDE)}
    outputs = ("repainted",)
    multiple = STRIDE
    margin = 56
    noises = {"grain": Noise(1, stride=1)}

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, picture: Tensor, grain: Tensor) -> tuple[Tensor]:
        """(b 3 h w) in [0, 1] and noise (b 1 h w) to (b 3 h w) in [0, 1]."""
        return (self.generator(picture, grain).clamp(0, 1),)


def build() -> CycleGan:
    """The untrained pair (1.3 million parameters)."""
    return CycleGan()


def functions(net: CycleGan) -> dict[str, nn.Module]:
    """What backends can load."""
    return {PAINT: Repaint(net.paint), PHOTOGRAPH: Repaint(net.photograph)}
