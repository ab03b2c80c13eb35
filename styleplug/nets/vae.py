"""A convolutional variational autoencoder with a spatial latent (Kingma & Welling 2014).

arXiv:1312.6114.  The encoder gives mean and log-variance, each by an output of its own; the
latent has a quarter of the picture's sides and `CHANNELS` channels, near unit variance.  Both
halves are a linear map, started from principal components, and residual units beside it that
start at zero: so the untrained net already is a good linear autoencoder, and training spends its
time on what is not linear, and on the channels that are left free.  Nothing depends on the
picture as a whole, so that tiles of a large picture agree.

Trained by `styleplug train vae`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.function import Function
from styleplug.nets.layers import double
from styleplug.nets.shapes import EXAMPLE, free

CHANNELS = 16
LINEAR = 12  # of them, those that start from principal components; the others are free
STRIDE = 4  # of the latent
MULTIPLE = 8  # of the picture's sides; half of both nets works at an eighth
LOG_VARIANCE = (-12.0, 2.0)  # bounds of what the encoder says
_FINE, _WIDE = 64, 128


class Unit(nn.Module):
    """A residual unit: squeeze by 1×1, expand by 3×3; nothing at first."""

    def __init__(self, channels: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 1)
        self.expand = nn.Conv2d(channels // 2, channels, 3, padding=1)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(b c h w) to the same shape."""
        return x + self.expand(F.relu(self.squeeze(F.relu(x))))


class Body(nn.Module):
    """Residual units at the latent's size, others at half of it for what needs a wider view."""

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
        return self.after(x + double(wide))


class Encoder(nn.Module):
    """A picture to the Gaussian of its latent."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Conv2d(3, CHANNELS, STRIDE, STRIDE)
        self.entry = nn.Conv2d(3, _FINE, STRIDE, STRIDE)
        self.body = Body(2, 3, 1)
        self.mean = nn.Conv2d(_FINE, CHANNELS, 3, padding=1)
        self.log_variance = nn.Conv2d(_FINE, CHANNELS, 3, padding=1)
        nn.init.zeros_(self.mean.weight[:LINEAR])
        nn.init.zeros_(self.mean.bias)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -5.0)

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
        self.base = nn.Conv2d(3, 16, 3, padding=1)  # lets the last step see the linear part
        self.picture = nn.Conv2d(16, 3, 3, padding=1)
        nn.init.zeros_(self.picture.weight)
        nn.init.zeros_(self.picture.bias)

    def forward(self, latent: Tensor) -> Tensor:
        """A picture (b 3 4h 4w), in [0, 1] but for overshoots, of a latent (b c h w)."""
        base = F.pixel_shuffle(self.linear(latent), STRIDE)
        x = F.relu(self.body(self.entry(latent)))
        x = F.relu(self.rise(double(x)))
        x = F.relu(self.last(double(x)) + self.base(base))
        return base + self.picture(x)


class Vae(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    @torch.no_grad()
    def start_linear(self, pictures: Tensor) -> None:
        """Start both linear maps from the principal components of pictures (b 3 h w).

        The encoder's whitens: its channels have mean 0 and variance 1.  The
        decoder's is the least-squares answer to it, from 3×3 positions of the latent.
        """
        patches = F.pixel_unshuffle(pictures, STRIDE)  # channels: colour, row, column
        flat = patches.transpose(0, 1).flatten(1).double() * 4 - 2
        mean = flat.mean(1)
        values, vectors = torch.linalg.eigh((flat - mean[:, None]).cov())
        basis = (vectors / values.sqrt())[:, -LINEAR:].flip(1).T  # largest first
        for linear in (self.encoder.linear, self.decoder.linear):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        linear = self.encoder.linear
        linear.weight[:LINEAR] = basis.reshape(LINEAR, *linear.weight.shape[1:]).float()
        linear.bias[:LINEAR] = (-basis @ mean).float()
        latent = linear(pictures * 4 - 2)[:, :LINEAR]
        rows = F.unfold(F.pad(latent, (1,) * 4, mode="replicate"), 3)
        known = torch.cat((rows, torch.ones_like(rows[:, :1])), dim=1)
        known = known.transpose(0, 1).flatten(1).double()  # 9 c + 1 by positions
        wanted = patches.transpose(0, 1).flatten(1).double()
        normal = known @ known.T + 1e-4 * known.shape[1] * torch.eye(len(known)).to(known)
        answer = torch.linalg.solve(normal, known @ wanted.T).T
        linear = self.decoder.linear
        linear.weight[:, :LINEAR] = answer[:, :-1].reshape(-1, LINEAR, 3, 3).float()
        linear.bias.copy_(answer[:, -1])


class Encode(Function):
    """Function "encode"."""

    inputs = ("picture",)
    outputs = ("mean", "log_variance")
    multiple = MULTIPLE
    margin = 44

    def __init__(self, net: Vae):
        super().__init__()
        self.encoder = net.encoder

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (b c h/4 w/4) of a picture (b 3 h w) in [0, 1]."""
        return self.encoder(picture)

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of pictures."""
        return (torch.rand(2, 3, *EXAMPLE),)

    def shapes(self) -> tuple[dict | None, ...]:
        """Batch, height and width are free."""
        return (free(1, multiple=MULTIPLE),)


class Decode(Function):
    """Function "decode"."""

    inputs = ("latent",)
    outputs = ("picture",)
    multiple = MULTIPLE // STRIDE  # of the sides of the latent
    margin = 14  # of the latent

    def __init__(self, net: Vae):
        super().__init__()
        self.decoder = net.decoder

    def forward(self, latent: Tensor) -> tuple[Tensor]:
        """A picture (b 3 4h 4w) in [0, 1] of a latent (b c h w), h and w even."""
        return (self.decoder(latent).clamp(0, 1),)

    def examples(self) -> tuple[Tensor, ...]:
        """A batch of latents."""
        return (torch.randn(2, CHANNELS, *(side // STRIDE for side in EXAMPLE)),)

    def shapes(self) -> tuple[dict | None, ...]:
        """Batch, height and width are free."""
        return (free(STRIDE, multiple=MULTIPLE),)


def build() -> Vae:
    """The untrained net (0.9 million parameters)."""
    return Vae()


def functions(net: Vae) -> dict[str, nn.Module]:
    """What backends can load."""
    return {"encode": Encode(net), "decode": Decode(net)}
