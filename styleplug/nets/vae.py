"""A convolutional variational autoencoder with a spatial latent (Kingma & Welling 2014).

arXiv:1312.6114.  The encoder gives mean and log-variance as two outputs.  The latent has a quarter
of the sides and `CHANNELS` channels with a variance near 1.  Encoder and decoder are each a linear
map, initialised from principal components, plus residual units that start at zero.  So the
untrained network is already a good linear autoencoder, and training learns the rest, and the other
channels.  No part depends on the whole picture, so the tiles of a large picture fit together.

Trained by `styleplug train vae`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.function import Function, axes
from styleplug.nets.layers import set_bias, unbiased, upsample, zeroed

CHANNELS = 16
LINEAR = 12  # channels initialised from principal components; the others are free
STRIDE = 4  # of the latent
MULTIPLE = 8  # of the sides of a picture; a part of both networks works at an eighth
LOG_VARIANCE = (-12.0, 2.0)  # bounds of the output of the encoder
_FINE, _WIDE = 64, 128


class Unit(nn.Module):
    """A residual unit that starts as the identity: squeeze by 1×1, expand by 3×3."""

    def __init__(self, channels: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 1)
        self.expand = zeroed(nn.Conv2d(channels // 2, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.expand(F.relu(self.squeeze(F.relu(x))))


class Body(nn.Module):
    """Residual units at the size of the latent, and at half of it for a wider field of view."""

    def __init__(self, before: int, wide: int, after: int):
        super().__init__()
        self.before = nn.Sequential(*(Unit(_FINE) for _ in range(before)))
        self.halve = nn.Conv2d(_FINE, _WIDE, 2, 2)
        self.wide = nn.Sequential(*(Unit(_WIDE) for _ in range(wide)))
        self.back = nn.Conv2d(_WIDE, _FINE, 1)
        self.after = nn.Sequential(*(Unit(_FINE) for _ in range(after)))

    def forward(self, x: Tensor) -> Tensor:
        """(b 64 h w) to the same shape."""
        x = self.before(x)
        wide = self.back(F.relu(self.wide(self.halve(F.relu(x)))))
        return self.after(x + upsample(wide))


class Encoder(nn.Module):
    """A picture to the Gaussian of its latent."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Conv2d(3, CHANNELS, STRIDE, STRIDE)
        self.entry = nn.Conv2d(3, _FINE, STRIDE, STRIDE)
        self.body = Body(2, 3, 1)
        self.mean = unbiased(nn.Conv2d(_FINE, CHANNELS, 3, padding=1))
        nn.init.zeros_(self.mean.weight[:LINEAR])
        log_variance = nn.Conv2d(_FINE, CHANNELS, 3, padding=1)
        self.log_variance = unbiased(zeroed(log_variance), -5.0)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (b c h/4 w/4) of a picture (b 3 h w) in [0, 1]."""
        centred = picture * 4 - 2
        x = F.relu(self.body(self.entry(centred)))
        mean = self.linear(centred) + self.mean(x)
        return mean, self.log_variance(x).clamp(*LOG_VARIANCE)


class Decoder(nn.Module):
    """A latent to a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Conv2d(CHANNELS, 3 * STRIDE**2, 3, padding=1)
        self.entry = nn.Conv2d(CHANNELS, _FINE, 3, padding=1)
        self.body = Body(1, 4, 2)
        self.rise = nn.Conv2d(_FINE, 32, 3, padding=1)
        self.last = nn.Conv2d(32, 16, 3, padding=1)
        self.base = nn.Conv2d(3, 16, 3, padding=1)  # shows the linear picture to the last layers
        self.picture = zeroed(nn.Conv2d(16, 3, 3, padding=1))

    def forward(self, latent: Tensor) -> Tensor:
        """A latent (b c h w) to a picture (b 3 4h 4w) that may slightly exceed [0, 1]."""
        base = F.pixel_shuffle(self.linear(latent), STRIDE)
        x = F.relu(self.body(self.entry(latent)))
        x = F.relu(self.rise(upsample(x)))
        x = F.relu(self.last(upsample(x)) + self.base(base))
        return base + self.picture(x)


class Vae(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    @torch.no_grad()
    def start_linear(self, pictures: Tensor) -> None:
        """Initialise both linear maps from the principal components of pictures (b 3 h w).

        The one of the encoder whitens: its channels have mean 0 and variance 1.  The one of the
            decoder is
        the least-squares inverse, from 3×3 positions of the latent.
        """
        patches = F.pixel_unshuffle(pictures, STRIDE)  # channels: colour, row, column
        flat = patches.transpose(0, 1).flatten(1).double() * 4 - 2
        mean = flat.mean(1)
        values, vectors = torch.linalg.eigh((flat - mean[:, None]).cov())
        basis = (vectors / values.sqrt())[:, -LINEAR:].flip(1).T  # largest first
        linear = zeroed(self.encoder.linear)
        linear.weight[:LINEAR] = basis.reshape(LINEAR, *linear.weight.shape[1:]).float()
        set_bias(linear, -basis @ mean)
        latent = linear(pictures * 4 - 2)[:, :LINEAR]
        rows = F.unfold(F.pad(latent, (1,) * 4, mode="replicate"), 3)
        inputs = torch.cat((rows, torch.ones_like(rows[:, :1])), dim=1)
        inputs = inputs.transpose(0, 1).flatten(1).double()  # 9 c + 1 by positions
        targets = patches.transpose(0, 1).flatten(1).double()
        gram = inputs @ inputs.T + 1e-4 * inputs.shape[1] * torch.eye(len(inputs)).to(inputs)
        solution = torch.linalg.solve(gram, inputs @ targets.T).T
        linear = zeroed(self.decoder.linear)
        linear.weight[:, :LINEAR] = solution[:, :-1].reshape(-1, LINEAR, 3, 3).float()
        set_bias(linear, solution[:, -1])


class Encode(Function):
    """Function "encode"."""

    inputs = {"picture": axes(3, MULTIPLE)}
    outputs = ("mean", "log_variance")
    multiple = MULTIPLE
    margin = 44

    def __init__(self, net: Vae):
        super().__init__()
        self.encoder = net.encoder

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (b c h/4 w/4) of a picture (b 3 h w) in [0, 1]."""
        return self.encoder(picture)


class Decode(Function):
    """Function "decode"."""

    inputs = {"latent": axes(CHANNELS, MULTIPLE // STRIDE)}
    outputs = ("picture",)
    multiple = MULTIPLE // STRIDE  # of the sides of the latent
    margin = 14  # of the latent

    def __init__(self, net: Vae):
        super().__init__()
        self.decoder = net.decoder

    def forward(self, latent: Tensor) -> tuple[Tensor]:
        """A picture (b 3 4h 4w) in [0, 1] of a latent (b c h w), h and w even."""
        return (self.decoder(latent).clamp(0, 1),)


def build() -> Vae:
    """The untrained net (0.9 million parameters)."""
    return Vae()


def functions(net: Vae) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"encode": Encode(net), "decode": Decode(net)}
