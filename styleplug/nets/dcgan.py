"""The convolutional generator (Radford et al. 2016, arXiv:1511.06434); see `generator`.

Departures from the paper: nearest neighbours and a convolution replace transposed convolutions,
which give checkerboard patterns.  Gated linear units replace ReLU.  Features of 4×4 and 8×8
positions also scale the channels of the two finest layers (skip-layer excitation, Liu et al. 2021,
arXiv:2101.04775), so that gradients reach the coarse layers on a short way.

Trained by `styleplug train dcgan`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.generator import NOISE, ConditionalNorm, Generate, Generator
from styleplug.nets.layers import glu, upsample

FIRST = 4  # positions a side of the first features
SIDE, WIDTHS = 64, (256, 256, 160, 80, 32)  # channels at 4, 8, 16, 32 and 64 positions a side


class Painter(nn.Module):
    """Noise to pictures.

    Args:
        widths: channels of the features, coarse to fine; the sides double from one to the next.
        noise: numbers in the noise.
        classes: number of classes.
    """

    def __init__(self, widths: tuple[int, ...], noise: int, classes: int = 1):
        super().__init__()
        first = 2 * widths[0] * FIRST**2
        self.start = nn.Linear(noise, first, bias=False)
        self.start_norm = ConditionalNorm(2 * widths[0], classes)
        self.classes = nn.Linear(classes, first, bias=False) if classes > 1 else None
        self.levels = nn.ModuleList(
            Level(before, after, classes) for before, after in zip(widths, widths[1:], strict=False)
        )
        self.excitations = nn.ModuleList(
            Excitation(widths[coarse], widths[coarse - 2]) for coarse in (0, 1)
        )
        self.exit = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, noise: Tensor, shares: Tensor) -> Tensor:
        """Pictures (b 3 h w), before the sigmoid, of noise (b n) and shares of classes (b k)."""
        x = self.start(noise)
        if self.classes is not None:
            x = x + self.classes(shares)
        x = x.unflatten(1, (-1, FIRST, FIRST)).contiguous(memory_format=torch.channels_last)
        features = [glu(self.start_norm(x, shares))]
        for level in self.levels:
            features.append(level(features[-1], shares))
            fine = len(features) - 1 - (len(self.levels) - 1)  # 0 and 1 for the two finest
            if fine >= 0:
                features[-1] = features[-1] * self.excitations[fine](features[fine])
        return self.exit(features[-1])


class Level(nn.Module):
    """Doubles the sides."""

    def __init__(self, before: int, after: int, classes: int):
        super().__init__()
        self.conv = nn.Conv2d(before, 2 * after, 3, padding=1, bias=False)
        self.norm = ConditionalNorm(2 * after, classes)

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        """(b before h w) to (b after 2h 2w)."""
        return glu(self.norm(self.conv(upsample(x)), shares))


class Excitation(nn.Module):
    """Factors for the channels of fine features, from coarse ones.

    They are never near 0: factors from 0 to 1 made a third of the pictures an empty grey, and no
    gradient brought it back.
    """

    def __init__(self, coarse: int, fine: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(coarse, fine, FIRST), nn.Conv2d(fine, fine, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(b coarse h w), h and w at least 4, to factors (b fine 1 1) from 0.5 to 1.5."""
        pooled = F.avg_pool2d(x, x.shape[-1] // FIRST)
        return 0.5 + torch.sigmoid(self.second(F.silu(self.first(pooled))))


def build() -> Generator:
    """The untrained net (3.7 million parameters)."""
    return Generator(Painter(WIDTHS, NOISE), SIDE)


def functions(net: Generator) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"generate": Generate(net)}
