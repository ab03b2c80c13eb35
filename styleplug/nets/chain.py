"""A chain of convolutions, ReLUs and poolings with tapped layers, and its adjoint.

Both perceptual encoders (`styleplug_encoder`, `vgg19`) are such chains.  The adjoint
(the gradient with respect to the picture) is written as ordinary operations, so that it
exports to ONNX as any forward pass does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Conv:
    """A k×k convolution (odd k, stride 1, zero padding) followed by ReLU."""

    name: str
    inputs: int
    outputs: int
    kernel: int = 3


@dataclass(frozen=True)
class Pool:
    """2×2 pooling with stride 2; rows and columns left over are dropped."""

    kind: Literal["average", "max"] = "average"


@dataclass(frozen=True)
class Tap:
    """A named output: the features as they stand at this point of the chain."""

    name: str


Layer = Conv | Pool | Tap


class Chain(nn.Module):
    """A feature encoder.

    Args:
        layers: the chain, first to last; it ends at its last tap.
        mean: subtracted from the picture, per channel, in [0, 1].
        std: the normalised picture is (picture - mean) / std.
    """

    def __init__(self, layers: Sequence[Layer], mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.layers = tuple(layers)
        self.convs = nn.ModuleDict(
            {
                layer.name: nn.Conv2d(
                    layer.inputs, layer.outputs, layer.kernel, padding=layer.kernel // 2
                )
                for layer in self.layers
                if isinstance(layer, Conv)
            }
        )
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the tapped layers, first to last."""
        return tuple(layer.name for layer in self.layers if isinstance(layer, Tap))

    @property
    def stride(self) -> int:
        """Pixels per step of the deepest tap; pictures must be multiples of it."""
        return 2 ** sum(isinstance(layer, Pool) for layer in self.layers)

    @property
    def channels(self) -> dict[str, int]:
        """Channels of each tap."""
        found, current = {}, 3
        for layer in self.layers:
            if isinstance(layer, Conv):
                current = layer.outputs
            elif isinstance(layer, Tap):
                found[layer.name] = current
        return found

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Features of a picture (b 3 h w) in [0, 1]: tap name -> (b c h/s w/s)."""
        return self.trace(picture)[0]

    def trace(self, picture: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Features, and the input of every layer, which the adjoint needs."""
        x = (picture - self.mean) / self.std
        features: dict[str, Tensor] = {}
        inputs: list[Tensor] = []
        for layer in self.layers:
            inputs.append(x)
            if isinstance(layer, Conv):
                x = F.relu(self.convs[layer.name](x))
            elif isinstance(layer, Pool):
                x = F.avg_pool2d(x, 2) if layer.kind == "average" else F.max_pool2d(x, 2)
            else:
                features[layer.name] = x
        inputs.append(x)
        return features, inputs

    def adjoint(self, inputs: list[Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Gradient with respect to the picture, given that of each tap.

        Args:
            inputs: as `trace` returned them, for a picture whose sides are multiples of `stride`.
            cotangents: tap name -> gradient of the loss with respect to its features (b c h w).
        """
        g: Tensor | None = None
        for index in reversed(range(len(self.layers))):
            layer, x, y = self.layers[index], inputs[index], inputs[index + 1]
            if isinstance(layer, Tap):
                if layer.name in cotangents:
                    g = cotangents[layer.name] if g is None else g + cotangents[layer.name]
            elif g is not None and isinstance(layer, Conv):
                conv = self.convs[layer.name]
                g = F.conv_transpose2d(g * (y > 0).to(g.dtype), conv.weight, padding=layer.kernel // 2)
            elif g is not None:
                g = _unpool(g, x, y, layer.kind)
        assert g is not None, "no tap has a cotangent"
        return g / self.std


def _unpool(g: Tensor, x: Tensor, y: Tensor, kind: str) -> Tensor:
    """Adjoint of 2×2 pooling of `x` to `y`."""
    up = F.interpolate(g, scale_factor=2.0, mode="nearest")
    if kind == "average":
        return up * 0.25
    # Where several inputs share the maximum, torch gives the gradient to the first.  After a
    # ReLU such ties are zeros, whose gradient the ReLU's own mask removes.
    return up * (x == F.interpolate(y, scale_factor=2.0, mode="nearest")).to(g.dtype)
