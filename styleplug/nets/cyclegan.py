"""Two generators that undo each other: photograph to painting, and back (Zhu et al. 2017).

arXiv:1703.10593.  Each is a small convolutional net: to a quarter of the sides, residual units
there, and back by nearest neighbours.  Departures from the paper:

- Instance norm measures the whole picture, so that tiles would not agree; here a position's
  channels are divided by their root mean square (pixel norm, Karras et al. 2018,
  arXiv:1710.10196).
- What is painted is added to the picture, blurred as far as the net decides, place by place.  So
  colours and places come for free, from the first step on; but the finer detail of a photograph,
  under which all painting would end as a tint, can make way for brush marks.
- Noise goes in beside the picture, since of a flat surface alone nothing but a flat surface can
  be made.

Trained by `styleplug train cyclegan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.layers import double
from styleplug.nets.shapes import EXAMPLE, free

PAINT, PHOTOGRAPH = "paint", "photograph"
DIRECTIONS = (PAINT, PHOTOGRAPH)
STRIDE = 4  # of the residual units; the picture's sides are multiples of it
_ENTRY, _MIDDLE, _WIDE, _UNITS = 32, 64, 112, 5


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
    """One direction (1.3 million parameters)."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3 + 1, _ENTRY, 7, padding=3)
        self.halve = nn.ModuleList(
            [
                nn.Conv2d(_ENTRY, _MIDDLE, 3, 2, padding=1),
                nn.Conv2d(_MIDDLE, _WIDE, 3, 2, padding=1),
            ]
        )
        self.units = nn.Sequential(*(Unit(_WIDE) for _ in range(_UNITS)))
        self.rise = nn.ModuleList(
            [
                nn.Conv2d(_WIDE, _MIDDLE, 3, padding=1),
                nn.Conv2d(_MIDDLE, _ENTRY, 3, padding=1),
            ]
        )
        self.picture = nn.Conv2d(_ENTRY, 3 + 1, 7, padding=3)  # and how much detail stays
        for conv in (self.entry, *self.halve, *self.rise):
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
        x = F.relu(self.entry(torch.cat((picture * 4 - 2, grain), dim=1)))
        for conv in self.halve:
            x = F.relu(conv(x))
        x = F.relu(normalised(self.units(x)))
        for conv in self.rise:
            x = F.relu(conv(double(x)))
        blurred = F.interpolate(F.avg_pool2d(picture, STRIDE), scale_factor=4.0, mode="bilinear")
        painted, kept = self.picture(x).split([3, 1], dim=1)
        return blurred + torch.sigmoid(kept) * (picture - blurred) + painted


class CycleGan(nn.Module):
    """Both generators, by the names of `DIRECTIONS`."""

    def __init__(self) -> None:
        super().__init__()
        self.paint, self.photograph = Generator(), Generator()


class Repaint(nn.Module):
    """One of the two generators, as backends load it; any batch, height and width."""

    inputs = ("picture", "grain")
    outputs = ("repainted",)
    multiple = STRIDE

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
    """The untrained pair (2.6 million parameters)."""
    return CycleGan()


def functions(net: CycleGan) -> dict[str, nn.Module]:
    """What backends can load."""
    return {name: Repaint(net.get_submodule(name)) for name in DIRECTIONS}
