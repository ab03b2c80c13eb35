"""A variational autoencoder of textures: the latent gives the kind, noise gives the places.

After Kingma & Welling 2014, arXiv:1312.6114.  A texture looks the same everywhere, so its latent
has no places.  The encoder pools means and deviations of its features.  The decoder is a
convolutional generator from noise (as in Ulyanov et al. 2016, "Texture Networks",
arXiv:1603.03417); the latent scales and shifts its channels at every depth (Karras et al. 2019,
arXiv:1812.04948).  Noise enters at every scale, so marks of all sizes vary.

In the decoder all borders wrap around, so its textures tile.  It normalises over channels only, so
a window of the noise gives a window of the picture.

Trained by `styleplug train texture`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import Noise
from styleplug.nets.function import Function, axes
from styleplug.nets.layers import upsample

LATENT = 128
STRIDES = (16, 8, 4, 2, 1)  # of the levels of the decoder, and of their noise
GRAINS = (16, 4, 2, 1, 1)  # channels of each noise
MULTIPLE = STRIDES[0]
LOG_VARIANCE = (-10.0, 2.0)  # bounds of the output of the encoder
_WIDTHS = (192, 160, 112, 64, 32)  # channels of the decoder's levels
_CODE = 192  # channels of the mapped latent
_SEEN = (32, 64, 96, 128, 160)  # channels of the encoder's levels
_SLOPE = 0.2


class Encoder(nn.Module):
    """A picture of any size to the Gaussian of its texture."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Conv2d(inner, outer, 3, stride, padding=1, padding_mode="replicate")
            for inner, outer, stride in zip((3, *_SEEN), _SEEN, (1, 2, 2, 2, 2), strict=False)
        )
        self.mix = nn.Linear(2 * sum(_SEEN), 256)
        self.mean = nn.Linear(256, LATENT)
        self.log_variance = nn.Linear(256, LATENT)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -2.0)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (b 128) of a picture (b 3 h w) in [0, 1]."""
        x, pooled = picture * 4 - 2, []
        for level in self.levels:
            x = F.leaky_relu(level(x), _SLOPE)
            mean = x.mean((2, 3))
            variance = (x - mean[:, :, None, None]).square().mean((2, 3))
            pooled += [mean, (variance + 1e-4).sqrt()]
        known = torch.cat(pooled, dim=1)
        x = F.leaky_relu(self.mix(F.layer_norm(known, known.shape[1:])), _SLOPE)
        return self.mean(x), self.log_variance(x).clamp(*LOG_VARIANCE)


class Style(nn.Module):
    """Normalise the channels at each position, then scale and shift them by the code."""

    def __init__(self, channels: int):
        super().__init__()
        self.linear = nn.Linear(_CODE, 2 * channels)
        nn.init.normal_(self.linear.weight, std=0.5 * _CODE**-0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(b c h w) and code (b k) to (b c h w)."""
        scale, shift = self.linear(code)[:, :, None, None].chunk(2, dim=1)
        x = x * (x.square().mean(1, keepdim=True) + 1e-4).rsqrt()
        return F.leaky_relu(x * (1 + scale) + shift, _SLOPE)


class Level(nn.Module):
    """Two convolutions, with noise added between them."""

    def __init__(self, inner: int, outer: int, grains: int):
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, bias=False)
        self.second = nn.Conv2d(outer, outer, 3, bias=False)
        self.grain = nn.Conv2d(grains, outer, 1, bias=False)
        self.styles = nn.ModuleList(Style(outer) for _ in range(2))
        for conv in (self.first, self.second):
            nn.init.kaiming_normal_(conv.weight, _SLOPE)
        nn.init.normal_(self.grain.weight, std=0.5 * grains**-0.5)

    def forward(self, x: Tensor, code: Tensor, noise: Tensor) -> Tensor:
        """(b i h+4 w+4), wrapped by 2, code (b k) and noise (b g h w) to (b o h w)."""
        x = self.styles[0](self.first(x) + self.grain(wrapped(noise, 1)), code)
        return self.styles[1](self.second(x), code)


def wrapped(x: Tensor, border: int) -> Tensor:
    """(b c h w) to (b c h+2n w+2n), padded by the opposite side."""
    x = torch.cat((x[:, :, -border:], x, x[:, :, :border]), dim=2)
    return torch.cat((x[..., -border:], x, x[..., :border]), dim=3)


class Decoder(nn.Module):
    """A latent and noises to a texture."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Sequential(
            nn.Linear(LATENT, _CODE),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_CODE, _CODE),
            nn.LeakyReLU(_SLOPE),
        )
        self.entry = nn.Conv2d(GRAINS[0], _WIDTHS[0], 1)
        self.levels = nn.ModuleList(map(Level, (_WIDTHS[0], *_WIDTHS), _WIDTHS, GRAINS))
        self.colours = nn.Conv2d(_WIDTHS[-1], 3, 1)
        self.tint = nn.Linear(_CODE, 3)

    def forward(self, latent: Tensor, *noises: Tensor) -> Tensor:
        """A texture (b 3 h w) in [0, 1].

        Args:
            latent: (b 128), near N(0, 1).
            noises: N(0, 1), coarse to fine: (b g h/s w/s) of `GRAINS` and `STRIDES`, with h and w
                32 or more.
        """
        code = self.mapping(latent)
        x = wrapped(self.entry(noises[0]), 2)
        *coarser, last = zip(self.levels, noises, strict=True)
        for level, noise in coarser:
            # A border wrapped by 1 is wrapped by 2 after upsampling.
            x = upsample(wrapped(level(x, code, noise), 1))
        level, noise = last
        x = level(x, code, noise)
        return torch.sigmoid(self.colours(x) + self.tint(code)[:, :, None, None])


class Texture(nn.Module):
    """Encoder, decoder, and the Gaussian of the latents of all pictures."""

    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        self.register_buffer("centre", torch.zeros(LATENT))
        self.register_buffer("spread", torch.eye(LATENT))

    @torch.no_grad()
    def fit(self, mean: Tensor, log_variance: Tensor) -> None:
        """Set that Gaussian from those of many pictures (n 128)."""
        covariance = mean.T.cov() + log_variance.exp().mean(0).diag()
        values, vectors = torch.linalg.eigh(covariance.double())
        root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
        self.centre.copy_(mean.mean(0))
        self.spread.copy_(root)


class Encode(Function):
    """Function "encode"."""

    inputs = {"picture": axes(3, MULTIPLE)}
    outputs = ("mean", "log_variance")
    multiple = MULTIPLE

    def __init__(self, net: Texture):
        super().__init__()
        self.encoder = net.encoder

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (b 128) of a picture (b 3 h w) in [0, 1]."""
        return self.encoder(picture)


class Decode(Function):
    """Function "decode"."""

    outputs = ("picture",)
    multiple = MULTIPLE  # of the picture that it makes
    margin = 64  # of this picture: a pixel sees 62 around it, here in multiples
    noises = {
        f"noise{stride}": Noise(grains, stride)
        for grains, stride in zip(GRAINS, STRIDES, strict=True)
    }
    inputs = {"latent": axes(LATENT)} | {
        f"noise{stride}": axes(grains, MULTIPLE // stride)
        for grains, stride in zip(GRAINS, STRIDES, strict=True)
    }

    def __init__(self, net: Texture):
        super().__init__()
        self.decoder = net.decoder

    def forward(self, latent: Tensor, *noises: Tensor) -> tuple[Tensor]:
        """A texture (b 3 h w) in [0, 1] of a latent (b 128) and noises (b g h/s w/s)."""
        return (self.decoder(latent, *noises),)


class Sample(Function):
    """Function "sample": latents distributed like those of pictures.

    After Ghosh et al. 2020 (arXiv:1903.12436).  With a KL weight that allows good reconstructions,
    the latents are far from N(0, 1).
    """

    inputs = {"chance": axes(LATENT)}
    outputs = ("latent",)
    noises = {"chance": Noise(LATENT)}

    def __init__(self, net: Texture):
        super().__init__()
        self.net = net

    def forward(self, chance: Tensor) -> tuple[Tensor]:
        """Latents (b 128) from standard normal numbers (b 128)."""
        return (self.net.centre + chance @ self.net.spread,)  # the matrix is symmetric


def build() -> Texture:
    """The untrained net (2.9 million parameters)."""
    return Texture()


def functions(net: Texture) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"encode": Encode(net), "decode": Decode(net), "sample": Sample(net)}
