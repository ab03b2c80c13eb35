"""What `dcgan`, `cgan` and `digits` share: noise, and perhaps a class, becomes a picture.

The noise is the input of the first layer.  A class is one, too, and sets scale and shift of every
batch norm (Dumoulin et al. 2017, arXiv:1610.07629); classes can be mixed by shares.  The network
paints pixels directly.

Truncation moves the noise towards a fixed one; a walk interpolates between two noises.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from styleplug.core.backend import MOST_CLASSES, Noise
from styleplug.nets.function import EXAMPLE, Function, axes

NOISE = 128  # numbers that a picture is made of


class Generator(nn.Module):
    """The network.

    Args:
        painter: gives pictures (b 3 side side) before the last sigmoid, from noise (b noise) and
            shares of classes (b k).
        side: pixels of its pictures.
        noise: numbers that a picture is made of.
        classes: whether there are classes: k is then MOST_CLASSES, and 1 otherwise.
    """

    def __init__(self, painter: nn.Module, side: int, *, noise: int = NOISE, classes: bool = False):
        super().__init__()
        self.painter, self.side, self.noise, self.classes = painter, side, noise, classes

    def forward(self, noise: Tensor, shares: Tensor | None = None) -> Tensor:
        """Pictures (b 3 side side) in [0, 1] of noise (b n) and shares of classes with sum 1."""
        if shares is None:
            assert not self.classes, "this network needs shares of classes"
            shares = noise[:, :1] * 0 + 1
        return torch.sigmoid(self.painter(noise, shares).float())


class ConditionalNorm(nn.Module):
    """Batch norm with a scale and a shift for each class.

    Args:
        channels: of the features.
        classes: number of classes.
    """

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.shift = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        """Features (b c h w) of features (b c h w) and shares of classes (b k)."""
        scale, shift = (shares @ part for part in (self.scale, self.shift))
        return self.norm(x) * scale[:, :, None, None] + shift[:, :, None, None]


class Generate(Function):
    """Function "generate" of a network without classes."""

    outputs = ("picture",)

    def __init__(self, net: Generator):
        super().__init__()
        self.net = net
        self.inputs = {"noise": axes(net.noise)}
        self.noises = {"noise": Noise(net.noise)}

    def forward(self, noise: Tensor) -> tuple[Tensor]:
        """Pictures (b 3 side side) in [0, 1] of noise (b n)."""
        return (self.net(noise),)


class GenerateClasses(Generate):
    """Function "generate" of a network with classes."""

    def __init__(self, net: Generator):
        super().__init__(net)
        self.inputs = {**self.inputs, "shares": axes(MOST_CLASSES)}

    def examples(self, lengths: Mapping[str, int] = EXAMPLE) -> tuple[Tensor, ...]:
        """Random noise, and random shares with sum 1."""
        noise, shares = super().examples(lengths)
        return noise, shares / shares.sum(1, keepdim=True)

    def forward(self, noise: Tensor, shares: Tensor) -> tuple[Tensor]:  # type: ignore[override]
        """Pictures (b 3 side side) in [0, 1] of noise (b n) and shares of classes with sum 1."""
        return (self.net(noise, shares),)
