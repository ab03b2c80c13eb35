"""Tells which class a picture belongs to: the judge of `cgan`.

Means and deviations of the features that the project's own encoder finds, and two dense layers:
what brush marks and colours are like says most of an art movement.  Trained by `styleplug train
classifier`, the dense layers alone, on real pictures only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import MOST_CLASSES
from styleplug.nets import styleplug_encoder
from styleplug.nets.function import Function
from styleplug.nets.shapes import free

SIDE = 64  # pixels of a picture, as `cgan` makes them
NUMBERS = 934  # that the features of a picture are summed up to
_TAPS = (*styleplug_encoder.STYLE, *styleplug_encoder.CONTENT)
_HIDDEN = 64
_DROPPED = 0.4  # of the hidden numbers, in training
_NOISE = 0.2  # deviation of what is added to numbers of deviation 1, in training


class Classifier(nn.Module):
    """Encoder and dense layers.

    Attributes:
        centre: mean of the numbers that sum up pictures, over those it was trained on.
        spread: their deviation.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = styleplug_encoder.build()
        self.hidden, self.last = nn.Linear(NUMBERS, _HIDDEN), nn.Linear(_HIDDEN, MOST_CLASSES)
        self.register_buffer("centre", torch.zeros(NUMBERS))
        self.register_buffer("spread", torch.ones(NUMBERS))

    def sums(self, picture: Tensor) -> Tensor:
        """What pictures (b 3 SIDE SIDE) in [0, 1] are summed up to: (b NUMBERS)."""
        features, parts = self.encoder(picture), []
        for tap in _TAPS:
            mean = features[tap].mean((2, 3))
            variance = features[tap].square().mean((2, 3)) - mean.square()
            parts += [mean, (variance.clamp_min(0) + 1e-6).sqrt()]
        return torch.cat(parts, dim=1)

    def tell(self, sums: Tensor) -> Tensor:
        """Logits (b MOST_CLASSES) of pictures that are summed up (b NUMBERS)."""
        x = (sums - self.centre) / self.spread
        if self.training:
            x = x + _NOISE * torch.randn_like(x)
        return self.last(F.dropout(F.relu(self.hidden(x)), _DROPPED, self.training))


class Classify(Function):
    """Function "classify"."""

    inputs = ("picture",)
    outputs = ("logits",)
    multiple = SIDE

    def __init__(self, net: Classifier):
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> tuple[Tensor]:
        """Logits (b MOST_CLASSES) of pictures (b 3 SIDE SIDE) in [0, 1]."""
        return (self.net.tell(self.net.sums(picture)),)

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of pictures."""
        return (torch.rand(2, 3, SIDE, SIDE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """The batch is free."""
        return (free(),)


def build() -> Classifier:
    """The untrained net (0.6 million parameters, of which 0.06 are trained)."""
    return Classifier()


def functions(net: Classifier) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"classify": Classify(net)}
