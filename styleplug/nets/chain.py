"""A chain of convolutions, ReLUs and poolings with tapped layers, and its adjoint.

Both perceptual encoders (`styleplug_encoder`, `vgg19`) are such chains.  The adjoint, which is the
gradient with respect to the picture, is written with ordinary operations.  So it can be exported to
ONNX like a forward pass.
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
    """A k×k convolution (odd k, stride 1, zero padding), then ReLU."""

    name: str
    inputs: int
    outputs: int
    kernel: int = 3


@dataclass(frozen=True)
class Pool:
    """2×2 pooling with stride 2; an odd last row or column is dropped."""

    kind: Literal["average", "max"] = "average"

    def __call__(self, features: Tensor) -> Tensor:
        """Features (b c h w) -> (b c h/2 w/2)."""
        pool = F.avg_pool2d if self.kind == "average" else F.max_pool2d
        return pool(features, 2)


@dataclass(frozen=True)
class Tap:
    """A named output: the features at this point, or a 1×1 map of them to `mapped` channels."""

    name: str
    mapped: int | None = None


Layer = Conv | Pool | Tap


class Chain(nn.Module):
    """A feature encoder.

    Args:
        layers: first to last; the last one is a tap.
        mean: subtracted from the picture, per channel, in [0, 1].
        std: the normalised picture is (picture - mean) / std.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[Layer], mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.layers = tuple(layers)
        self.features = nn.ModuleDict()
        self.maps = nn.ModuleDict()
        self.channels: dict[str, int] = {}  # of each tap
        self.strides: dict[str, int] = {}
        current, stride = 3, 1
        for layer in self.layers:
            if isinstance(layer, Conv):
                padding = layer.kernel // 2
                self.features[layer.name] = nn.Conv2d(
                    layer.inputs, layer.outputs, layer.kernel, padding=padding
                )
                current = layer.outputs
            elif isinstance(layer, Pool):
                stride *= 2
            else:
                self.strides[layer.name] = stride
                self.channels[layer.name] = layer.mapped or current
                if layer.mapped:
                    self.maps[layer.name] = nn.Conv2d(current, layer.mapped, 1)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @property
    def stride(self) -> int:
        """Pixels per position of the deepest tap; the adjoint needs multiples of it as sides."""
        return int(2 ** sum(isinstance(layer, Pool) for layer in self.layers))

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Features of a picture (b 3 h w) in [0, 1]: tap name -> (b c h/s w/s)."""
        return self.trace(picture)[0]

    def trace(self, picture: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Features, and the inputs and outputs of every layer, which the adjoint needs."""
        x = (picture - self.mean) / self.std
        taps: dict[str, Tensor] = {}
        passed = [x]
        for layer in self.layers:
            if isinstance(layer, Conv):
                x = F.relu(self.features[layer.name](x))
            elif isinstance(layer, Pool):
                x = layer(x)
            else:
                taps[layer.name] = self.maps[layer.name](x) if layer.mapped else x
            passed.append(x)
        return taps, passed

    def adjoint(self, passed: Sequence[Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Gradient with respect to the picture (b 3 h w), from gradients of the taps.

        Args:
            passed: the second result of `trace`, for sides that are multiples of `stride`.
            cotangents: tap name -> gradient of the loss with respect to its features (b c h w).
        """
        g: Tensor | None = None
        for layer, x, y in reversed(list(zip(self.layers, passed, passed[1:], strict=False))):
            if isinstance(layer, Tap):
                if layer.name in cotangents:
                    own = cotangents[layer.name]
                    if layer.mapped:
                        own = _correlate(own, self.maps[layer.name])
                    g = own if g is None else g + own
            elif g is not None and isinstance(layer, Conv):
                g = _correlate(g * (y > 0).to(g.dtype), self.features[layer.name])
            elif g is not None and isinstance(layer, Pool):
                g = _unpool(g, x, y, layer.kind)
        assert g is not None, "no tap has a cotangent"
        return g / self.std


def _correlate(g: Tensor, conv: nn.Module) -> Tensor:
    """Adjoint of a convolution of stride 1: a convolution with flipped kernels.

    A transposed convolution gives the same, at half the speed in ONNX Runtime.
    """
    assert isinstance(conv, nn.Conv2d)
    weight = conv.weight.transpose(0, 1)
    if conv.kernel_size != (1, 1):
        weight = weight.flip(2, 3)
    return F.conv2d(g, weight, padding=conv.padding)


def _unpool(g: Tensor, x: Tensor, y: Tensor, kind: str) -> Tensor:
    """Adjoint of 2×2 pooling of `x` to `y`."""
    if kind == "average":
        return F.interpolate(g * 0.25, scale_factor=2.0, mode="nearest")
    # For equal maxima torch gives the gradient to the first.  After a ReLU such values
    # are zeros, and the ReLU removes their gradient.
    up = F.interpolate(g, scale_factor=2.0, mode="nearest")
    return torch.where(x == F.interpolate(y, scale_factor=2.0, mode="nearest"), up, 0.0)
