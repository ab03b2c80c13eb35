"""Operations that several architectures use."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def upsample(x: Tensor) -> Tensor:
    """(b c h w) to (b c 2h 2w), by nearest neighbours, which give no checkerboard."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def glu(x: Tensor) -> Tensor:
    """Gated linear unit (Dauphin et al. 2017, arXiv:1612.08083): (b 2c …) to (b c …).

    The gradient of torch's own is slow for features whose channels come last in memory.
    """
    values, gates = x.chunk(2, dim=1)
    return values * torch.sigmoid(gates)


@torch.no_grad()
def set_bias(layer: nn.Linear | nn.Conv2d, values: Tensor) -> None:
    """Set the first biases of a layer (n) to values (k), k at most n."""
    assert layer.bias is not None
    layer.bias[: len(values)] = values


def zeroed(layer: Layer) -> Layer:
    """A layer whose weights and biases are 0 at first."""
    nn.init.zeros_(layer.weight)
    return unbiased(layer)


def unbiased(layer: Layer, bias: float = 0.0) -> Layer:
    """A layer whose biases are a constant at first."""
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)
    return layer
