"""Tells which class a picture belongs to: the judge of `cgan`, which never learns from it.

Residual units with a norm over groups of channels, from 64×64 pixels down to 8×8, and the mean
over all positions.  Trained by `styleplug train classifier` on real pictures only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.classes import CLASSES, LETTERS
from styleplug.nets.shapes import free

SIDE = 64  # pixels of a picture, as `cgan` makes them
_WIDTHS = (24, 48, 72, 96, 112)  # channels at 32, 32, 16, 8 and 8 pixels
_GROUPS = 8


class Unit(nn.Module):
    """A residual unit; halves the sides where its stride is 2."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(_GROUPS, n) for n in (before, after))
        self.skip = nn.Conv2d(before, after, 1, bias=False)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(b before h w) to (b after h/stride w/stride)."""
        y = F.relu(self.norms[0](x))
        past = self.skip(F.avg_pool2d(x, self.stride))
        return past + self.second(F.relu(self.norms[1](self.first(y))))


class Classifier(nn.Module):
    """Logits of the classes.

    Attributes:
        letters: names of the classes, as `styleplug.core.classes.spell` writes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, _WIDTHS[0], 4, 2, 1)
        pairs = list(zip(_WIDTHS, _WIDTHS[1:], strict=False))
        strides = (1, 2, 2, 1)
        self.units = nn.Sequential(*(Unit(*p, s) for p, s in zip(pairs, strides, strict=True)))
        self.norm = nn.GroupNorm(_GROUPS, _WIDTHS[-1])
        self.last = nn.Linear(_WIDTHS[-1], CLASSES)
        self.register_buffer("letters", torch.zeros(CLASSES, LETTERS))

    def forward(self, picture: Tensor) -> Tensor:
        """Logits (b CLASSES) of pictures (b 3 SIDE SIDE) in [0, 1]."""
        x = self.units(self.entry(picture * 4 - 2))
        return self.last(F.relu(self.norm(x)).mean((2, 3)))


class Classify(nn.Module):
    """Function "classify"."""

    inputs = ("picture",)
    outputs = ("logits", "names")
    multiple = SIDE

    def __init__(self, net: Classifier):
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (b CLASSES) of pictures (b 3 SIDE SIDE) in [0, 1]; the names."""
        return self.net(picture), self.net.letters * 1.0

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of pictures."""
        return (torch.rand(2, 3, SIDE, SIDE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return (free(),)


def build() -> Classifier:
    """The untrained net (0.5 million parameters)."""
    return Classifier()


def functions(net: Classifier) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"classify": Classify(net)}
