"""TAESD, the tiny autoencoder for the latent of Stable Diffusion (Bohan 2023, MIT licence).

Tensors are named as in `diffusion_pytorch_model.safetensors` of `madebyollin/taesd`:
`encoder.layers.N` and `decoder.layers.N`, counting activations and upsampling.  Pictures are in
[0, 1]; the latent has an eighth of the sides and four channels.  It is not variational: the encoder
gives a mean only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.function import Function, axes

CHANNELS, WIDTH, STRIDE = 4, 64, 8
LIMIT = 3.0  # soft bound of the latent


class Block(nn.Module):
    """Three convolutions and a shortcut, then ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())

    def forward(self, x: Tensor) -> Tensor:
        """(b 64 h w) to the same shape."""
        return F.relu(self.conv(x) + x)


def _conv(inputs: int = WIDTH, outputs: int = WIDTH, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1)


def _resizing(stride: int = 1) -> nn.Conv2d:
    """The convolution before or after a change of size; it has no bias."""
    return nn.Conv2d(WIDTH, WIDTH, 3, stride, padding=1, bias=False)


class Encoder(nn.Module):
    """A picture to its latent."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(3), Block()]
        for _ in range(3):
            layers += [_resizing(2), Block(), Block(), Block()]
        self.layers = nn.Sequential(*layers, _conv(outputs=CHANNELS))

    def forward(self, picture: Tensor) -> Tensor:
        """Latent (b 4 h/8 w/8) of a picture (b 3 h w) in [0, 1]."""
        return self.layers(picture)


class Decoder(nn.Module):
    """A latent to a picture."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(CHANNELS), nn.ReLU()]
        for _ in range(3):
            layers += [Block(), Block(), Block(), nn.Upsample(scale_factor=2), _resizing()]
        self.layers = nn.Sequential(*layers, Block(), _conv(outputs=3))

    def forward(self, latent: Tensor) -> Tensor:
        """A latent (b 4 h w) to a picture (b 3 8h 8w) that may slightly exceed [0, 1]."""
        return self.layers(torch.tanh(latent / LIMIT) * LIMIT)


class Taesd(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()


class Encode(Function):
    """Function "encode"."""

    inputs = {"picture": axes(3, STRIDE)}
    outputs = ("mean",)
    multiple = STRIDE
    margin = 64  # it sees 145 pixels far, but the outer ones hardly count

    def __init__(self, net: Taesd):
        super().__init__()
        self.encoder = net.encoder

    def forward(self, picture: Tensor) -> tuple[Tensor]:
        """Latent (b 4 h/8 w/8) of a picture (b 3 h w) in [0, 1]."""
        return (self.encoder(picture),)


class Decode(Function):
    """Function "decode"."""

    inputs = {"latent": axes(CHANNELS, 1)}
    outputs = ("picture",)
    margin = 8  # of the latent; it sees 19 far, but the outer ones hardly count

    def __init__(self, net: Taesd):
        super().__init__()
        self.decoder = net.decoder

    def forward(self, latent: Tensor) -> tuple[Tensor]:
        """A picture (b 3 8h 8w) in [0, 1] of a latent (b 4 h w)."""
        return (self.decoder(latent).clamp(0, 1),)


def build() -> Taesd:
    """The untrained net (2.4 million parameters)."""
    return Taesd()


def functions(net: Taesd) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"encode": Encode(net), "decode": Decode(net)}
