"""Recognises the class of a picture; used to evaluate `cgan`.

It uses means and deviations of the features of our own encoder, and two dense layers: brush marks
and colours say most about an art movement.  `styleplug train classifier` trains the dense layers
only, on real pictures.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import MOST_CLASSES
from styleplug.nets import styleplug_encoder
from styleplug.nets.function import Function

SIDE = 64  # pixels; the size that `cgan` makes
NUMBERS = 934  # feature statistics of a picture
_TAPS = (*styleplug_encoder.STYLE, *styleplug_encoder.CONTENT)
_HIDDEN = 64
_DROPOUT = 0.4  # dropout of the hidden layer, in training
_NOISE = 0.2  # deviation of the noise that is added to standardised statistics, in training


class Classifier(nn.Module):
    """Encoder and dense layers.

    Attributes:
        centre: mean of the feature statistics of training pictures.
        spread: their standard deviation.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = styleplug_encoder.build()
        self.hidden, self.last = nn.Linear(NUMBERS, _HIDDEN), nn.Linear(_HIDDEN, MOST_CLASSES)
        self.register_buffer("centre", torch.zeros(NUMBERS))
        self.register_buffer("spread", torch.ones(NUMBERS))

    def statistics(self, picture: Tensor) -> Tensor:
        """Feature statistics (b NUMBERS) of pictures (b 3 SIDE SIDE) in [0, 1]."""
        features, parts = self.encoder(picture), []
        for tap in _TAPS:
            mean = features[tap].mean((2, 3))
            variance = features[tap].square().mean((2, 3)) - mean.square()
            parts += [mean, (variance.clamp_min(0) + 1e-6).sqrt()]
        return torch.cat(parts, dim=1)

    def logits(self, statistics: Tensor) -> Tensor:
        """Logits (b CLASSES) from feature statistics (b NUMBERS)."""
        x = (statistics - self.centre) / self.spread
        if self.training:
            x = x + _NOISE * torch.randn_like(x)
        return self.last(F.dropout(F.relu(self.hidden(x)), _DROPOUT, self.training))


class Classify(Function):
    """Function "classify"."""

    inputs = {"picture": ("b", 3, SIDE, SIDE)}
    outputs = ("logits",)
    multiple = SIDE

    def __init__(self, net: Classifier):
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> tuple[Tensor]:
        """Logits (b MOST_CLASSES) of pictures (b 3 SIDE SIDE) in [0, 1]."""
        return (self.net.logits(self.net.statistics(picture)),)


def build() -> Classifier:
    """The untrained net (0.6 million parameters, of which 0.06 are trained)."""
    return Classifier()


def functions(net: Classifier) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"classify": Classify(net)}
