"""Two generators that undo each other: photograph to painting, and back (Zhu et al. 2017).

arXiv:1703.10593.  Each is a small convolutional net: residual units at a quarter of the sides, and
up to the whole by nearest neighbours.  Departures from the paper:

- A generator sees nothing but means: at half the sides of a photograph, and at a quarter of those
  of a painting, whose dabs would show in finer ones.  Whatever is finer it has to paint anew, with
  the marks of what it makes; a net that sees all detail keeps it, and gives a tint.  So it can
  learn from paintings alone, too: their own means are a sketch of each.
- What is painted is added to the means, so that colours and places come for free.
- Instance norm measures the whole picture, so that tiles would not agree; here a position's
  channels are divided by their root mean square (pixel norm, Karras et al. 2018,
  arXiv:1710.10196).
- Noise goes in beside the means, since of a flat surface alone nothing but a flat surface can be
  made.

Trained by `styleplug train cyclegan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import Noise
from styleplug.nets.function import Function
from styleplug.nets.layers import double
from styleplug.nets.shapes import EXAMPLE, free

PAINT, PHOTOGRAPH = "paint", "photograph"
DIRECTIONS = (PAINT, PHOTOGRAPH)
STRIDE = 4  # the picture's sides are multiples of it
HALVINGS = {PAINT: 1, PHOTOGRAPH: 2}  # of the sides, till only means are left
_WIDE, _MIDDLE, _FINE, _UNITS = 80, 48, 24, 5
_TENT = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8  # of a mean, since plain squares make stairs


def sketch(picture: Tensor, halvings: int) -> Tensor:
    """The means that are all a generator sees of a picture (b c h w): (b c h/2ⁿ w/2ⁿ)."""
    channels = picture.shape[1]
    weights = torch.outer(_TENT, _TENT).to(picture).expand(channels, 1, -1, -1)
    for _ in range(halvings):
        picture = F.pad(picture, (1,) * 4, mode="replicate")
        picture = F.conv2d(picture, weights, stride=2, groups=channels)
    return picture


def enlarged(means: Tensor, halvings: int) -> Tensor:
    """Such means (b c h/2ⁿ w/2ⁿ) as a blurred picture (b c h w)."""
    for _ in range(halvings):
        means = F.interpolate(means, scale_factor=2.0, mode="bilinear")
    return means


def normalised(x: Tensor) -> Tensor:
    """(b c h w), the channels of each position divided by their root mean square."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-4)


class Unit(nn.Module):
    """A residual unit; nothing at first."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.second(F.relu(self.first(normalised(x))))


class Generator(nn.Module):
    """One direction (0.6 million parameters).

    Args:
        halvings: of the sides of what it sees.
    """

    def __init__(self, halvings: int) -> None:
        super().__init__()
        self.halvings = halvings
        self.left = STRIDE >> halvings  # side of the squares of means that a unit's position has
        self.entry = nn.Conv2d(3 * self.left**2 + STRIDE**2, _WIDE, 3, padding=1)
        self.units = nn.Sequential(*(Unit(_WIDE) for _ in range(_UNITS)))
        self.rise = nn.ModuleList(
            [
                nn.Conv2d(_WIDE, _MIDDLE, 3, padding=1),
                nn.Conv2d(_MIDDLE, _FINE, 3, padding=1),
            ]
        )
        self.picture = nn.Conv2d(_FINE, 3, 3, padding=1)
        for conv in (self.entry, *self.rise):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        nn.init.normal_(self.picture.weight, std=0.001)
        nn.init.zeros_(self.picture.bias)

    def forward(self, picture: Tensor, grain: Tensor) -> Tensor:
        """A picture (b 3 h w), in [0, 1] but for overshoots.

        Args:
            picture: (b 3 h w) in [0, 1]; h and w are multiples of `STRIDE`.
            grain: standard normal noise (b 1 h w).
        """
        means = sketch(picture, self.halvings)
        noise = F.pixel_unshuffle(grain, STRIDE)
        seen = F.pixel_unshuffle(means * 4 - 2, self.left)
        x = F.relu(self.entry(torch.cat((seen, noise), dim=1)))
        x = F.relu(normalised(self.units(x)))
        for conv in self.rise:
            x = F.relu(conv(double(x)))
        return enlarged(means, self.halvings) + self.picture(x)


class CycleGan(nn.Module):
    """Both generators, by the names of `DIRECTIONS`."""

    def __init__(self) -> None:
        super().__init__()
        self.paint, self.photograph = (Generator(HALVINGS[name]) for name in DIRECTIONS)


class Repaint(Function):
    """One of the two generators, as backends load it; any batch, height and width."""

    inputs = ("picture", "grain")
    outputs = ("repainted",)
    multiple = STRIDE
    margin = 56
    noises = {"grain": Noise(1, stride=1)}  # noqa: RUF012

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, picture: Tensor, grain: Tensor) -> tuple[Tensor]:
        """(b 3 h w) in [0, 1] and noise (b 1 h w) to (b 3 h w) in [0, 1]."""
        return (self.generator(picture, grain).clamp(0, 1),)

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of pictures, and noise."""
        return torch.rand(2, 3, *EXAMPLE), torch.randn(2, 1, *EXAMPLE)

    def shapes(self) -> tuple[dict | None, ...]:
        """Batch, height and width are free."""
        return (free(1, multiple=STRIDE),) * 2


def build() -> CycleGan:
    """The untrained pair (1.3 million parameters)."""
    return CycleGan()


def functions(net: CycleGan) -> dict[str, nn.Module]:
    """What backends can load."""
    return {name: Repaint(net.get_submodule(name)) for name in DIRECTIONS}
