"""One net that removes noise and JPEG blocks, sharpens, and enlarges by 1, 2 or 4.

Residual units without normalisation (Lim et al. 2017, arXiv:1707.02921) work at half the sides of
the picture, where they see twice as far for a quarter of the cost.  What they find is added to
features of the full size, which keep fine lines in place.  One last layer for each factor gives the
pixels (pixel shuffle, Shi et al. 2016, arXiv:1609.05158).  The result is added to the picture
enlarged by bicubic interpolation, so the net learns only what is missing.

Trained by `styleplug train enhance`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.function import Function, axes
from styleplug.nets.layers import zeroed

FACTORS = (1, 2, 4)
STRIDE = 2  # the sides of a picture are multiples of it
_FINE, _WIDE, _UNITS = 32, 64, 7
_SLOPE = 0.1  # of the activations below zero; with none, units for colours die early
_PART = 0.3  # of a unit's output, so that many units do not add up to large values


def _active(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


class Unit(nn.Module):
    """A residual unit."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + _PART * self.second(_active(self.first(x)))


class Enhancer(nn.Module):
    """All factors (0.7 million parameters)."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, _FINE, 3, padding=1)
        self.reduce = nn.Conv2d(_FINE * STRIDE**2, _WIDE, 3, padding=1)
        self.units = nn.Sequential(*(Unit(_WIDE) for _ in range(_UNITS)))
        self.restore = nn.Conv2d(_WIDE, _FINE * STRIDE**2, 3, padding=1)
        self.join = nn.Conv2d(_FINE, _FINE, 3, padding=1)
        self.exits = nn.ModuleDict(
            {
                str(factor): zeroed(nn.Conv2d(_FINE, 3 * factor**2, 3, padding=1))
                for factor in FACTORS
            }
        )

    def forward(self, picture: Tensor, factor: int) -> Tensor:
        """A picture (b 3 factor·h factor·w) that may slightly exceed [0, 1].

        Args:
            picture: (b 3 h w) in [0, 1]; h and w are multiples of `STRIDE`.
            factor: one of `FACTORS`.
        """
        fine = _active(self.entry(picture - 0.5))
        wide = _active(self.reduce(F.pixel_unshuffle(fine, STRIDE)))
        restored = F.pixel_shuffle(self.restore(self.units(wide)), STRIDE)
        joined = _active(self.join(_active(fine + restored)))
        return enlarged(picture, factor) + F.pixel_shuffle(self.exits[str(factor)](joined), factor)


def enlarged(picture: Tensor, factor: int) -> Tensor:
    """A picture (b 3 h w) enlarged by bicubic interpolation."""
    if factor == 1:
        return picture
    return F.interpolate(picture, scale_factor=float(factor), mode="bicubic")


class Enhance(Function):
    """The net for one factor as a function of a backend; any batch, height and width."""

    inputs = {"picture": axes(3, STRIDE)}
    outputs = ("enhanced",)
    multiple = STRIDE
    margin = 36

    def __init__(self, net: Enhancer, factor: int):
        super().__init__()
        self.net, self.factor = net, factor

    def forward(self, picture: Tensor) -> tuple[Tensor]:
        """(b 3 h w) in [0, 1] to (b 3 factor·h factor·w) in [0, 1]."""
        return (self.net(picture, self.factor).clamp(0, 1),)


def build() -> Enhancer:
    """The untrained net."""
    return Enhancer()


def functions(net: Enhancer) -> dict[str, nn.Module]:
    """What backends can load: "enhance1", "enhance2" and "enhance4"."""
    return {f"enhance{factor}": Enhance(net, factor) for factor in FACTORS}
