"""Discriminators, adversarial losses and gradient penalties.

The losses are the non-saturating ones of Goodfellow et al. 2014 (arXiv:1406.2661).  The penalty R1
is that of Mescheder et al. 2018 (arXiv:1801.04406), computed only every few steps as in Karras et
al. 2020 (arXiv:1912.04958).  Heads on frozen features follow Sauer et al. 2021 (arXiv:2111.01007);
they learn quickly from few pictures.

Checkpoints contain the attribute names of these modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from styleplug.training.losses.perception import CONTENT, Perception

R1_EVERY = 4  # steps; the weight is larger by this factor
NOISE_DEVIATION = 0.02  # of the noise in the estimate of R1
LEAKY_SLOPE = 0.2
HEAD_CHANNELS = 64  # of a head on features
PATCH_SIDE = 32  # pixels; approximate field of view of a logit
PATCH_CHANNELS = 16  # first channels of a discriminator of patches
MAX_STRIDE = 4  # of the coarsest features with a head
MAX_HEADS = 3  # on features, at most
DEVIATION_GROUP = 4  # pictures; the discriminator sees their mutual deviation


class Discriminator(nn.Module):
    """A convolutional discriminator of whole pictures, or of patches.

    Args:
        size: side of the pictures; for patches, their approximate side.
        channels: of the first layer; doubled whenever the sides are halved.
        max_channels: limit of the channels.
        in_channels: channels of the pictures.
        patches: one logit for each patch instead of one for the picture.
    """

    def __init__(
        self,
        size: int,
        *,
        channels: int = 32,
        max_channels: int = 384,
        in_channels: int = 3,
        patches: bool = False,
    ):
        super().__init__()
        depth = max(1, (size // 4).bit_length() - 1 - (1 if patches else 0))
        widths = [min(max_channels, channels << level) for level in range(depth + 1)]
        self.entry = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            _DownBlock(*pair) for pair in zip(widths, widths[1:], strict=False)
        )
        self.whole = not patches
        last = widths[-1]
        self.mix = nn.Conv2d(last + self.whole, last, 3, padding=1)
        self.logit = nn.Linear(16 * last, 1) if self.whole else nn.Conv2d(last, 1, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, LEAKY_SLOPE)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (b 1) of pictures (b c size size); with `patches` (b n)."""
        x = self.entry(pictures.contiguous(memory_format=torch.channels_last))
        for level in self.levels:
            x = level(x)
        if self.whole:
            x = torch.cat((x, _minibatch_deviation(x)), dim=1)
        x = F.leaky_relu(self.mix(x), LEAKY_SLOPE)
        if not self.whole:
            return self.logit(x).flatten(1)
        return self.logit(x.flatten(1))


class _DownBlock(nn.Module):
    """A residual unit that halves the sides."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.first = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.second = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(x, LEAKY_SLOPE)
        y = F.leaky_relu(self.first(x), LEAKY_SLOPE)
        y = F.avg_pool2d(self.second(y), 2)
        return (y + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5


class FeatureDiscriminator(nn.Module):
    """A small head on each tap of a frozen `Perception`, except the colours.

    Args:
        perception: gives the features; it is not part of this module.
    """

    def __init__(self, perception: Perception):
        super().__init__()
        with torch.no_grad():
            device = next(perception.parameters()).device
            taps = perception(torch.zeros(1, 3, 64, 64, device=device))
        names = [*(tap for tap in perception.style_taps if taps[tap].shape[1] > 3), CONTENT]
        self.heads = nn.ModuleDict({tap: _Head(taps[tap].shape[1]) for tap in names})

    def each(self, features: Mapping[str, Tensor]) -> list[Tensor]:
        """Logits (b n) of each head, one for each position, from features by tap."""
        return [head(features[tap]) for tap, head in self.heads.items()]

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Logits (b n) of all heads."""
        return torch.cat(self.each(features), dim=1)


class _Head(nn.Module):
    """The discriminator of one tap."""

    def __init__(self, channels: int):
        super().__init__()
        self.scale = nn.GroupNorm(1, channels, affine=False)  # taps have very different magnitudes
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(in_channels, HEAD_CHANNELS, 4, stride=2, padding=1))
            for in_channels in (channels, HEAD_CHANNELS)
        )
        self.logit = spectral_norm(nn.Conv2d(HEAD_CHANNELS, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        x = self.scale(features)
        for conv in self.down:
            x = F.leaky_relu(conv(x), LEAKY_SLOPE)
        return self.logit(x).flatten(1)


class PatchDiscriminators(nn.Module):
    """Discriminators of patches only: two of pixels, and heads on fine features.

    Args:
        perception: gives the features.
        size: side of the pictures.
    """

    def __init__(self, perception: Perception, size: int):
        super().__init__()
        self.fine, self.coarse = (
            Discriminator(PATCH_SIDE, channels=PATCH_CHANNELS, patches=True) for _ in range(2)
        )
        self.heads = FeatureDiscriminator(perception)
        with torch.no_grad():
            device = next(perception.parameters()).device
            taps = perception(torch.zeros(1, 3, size, size, device=device))
        fine = [tap for tap in self.heads.heads if taps[tap].shape[-1] >= size // MAX_STRIDE]
        for tap in {*self.heads.heads} - {*fine[:MAX_HEADS]}:
            del self.heads.heads[tap]

    def forward(self, pictures: Tensor, features: Mapping[str, Tensor]) -> list[Tensor]:
        """Logits (b n) of each discriminator, from pictures (b 3 h w) and their features.

        The discriminators of pixels take much longer, so they see every second picture only.
        """
        some = pictures[::2]
        return [
            self.fine(some).float(),
            self.coarse(F.avg_pool2d(some, 2)).float(),
            self.heads(features).float(),
        ]

    def gradient_penalty(self, pictures: Tensor) -> Tensor:
        """Sum of R1 of both discriminators of pixels ()."""
        penalties = []
        for discriminator, seen in (
            (self.fine, pictures),
            (self.coarse, F.avg_pool2d(pictures, 2)),
        ):
            penalties.append(r1(discriminator, seen))
        return torch.stack(penalties).sum()


def generator_loss(logits: Tensor) -> Tensor:
    """Loss of the generator (): -log D(G(z)), from logits (b n) of generated pictures."""
    return F.softplus(-logits).mean()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the discriminator (), from logits (b n) of real and of generated pictures."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def relativistic_loss(worse: Tensor, better: Tensor) -> Tensor:
    """Small () where the logits (b …) of `better` exceed those of `worse`, pair by pair.

    Relativistic pairing (Jolicoeur-Martineau 2018, arXiv:1807.00734).  What both pictures of a pair
    have in common does not matter, so the discriminator soon finds their differences.
    """
    return F.softplus(worse - better).mean()


def r1(discriminator: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """R1 (): mean squared gradient of each logit at real pictures (b …), in float32.

    It is estimated from the change of the logits under a little noise (Lin et al. 2025,
    arXiv:2501.08316).  This needs no second derivatives, which are slow for convolutions on GPUs.
    Compute it every `R1_EVERY` steps, with a weight larger by that factor.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        pictures = pictures.detach().float()
        noisy = pictures + NOISE_DEVIATION * torch.randn_like(pictures)
        # Not in one batch: a logit may depend on the other pictures of the batch.
        gradient = (discriminator(noisy) - discriminator(pictures)) / NOISE_DEVIATION
    return gradient.square().mean()


def r1_exact(discriminator: Callable[[Tensor], Tensor], numbers: Tensor) -> Tensor:
    """R1 () of the mean logit, by second derivatives.

    Without the noise of the estimate small discriminators learn much faster, and for them second
    derivatives are not slow.
    """
    with torch.autocast(numbers.device.type, enabled=False), torch.enable_grad():
        numbers = numbers.detach().float().requires_grad_(True)
        logits = discriminator(numbers).mean(1).sum()
        (gradient,) = torch.autograd.grad(logits, numbers, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


@contextmanager
def frozen(discriminator: nn.Module) -> Iterator[None]:
    """Inside, the module gets no gradients: they would not be used."""
    discriminator.requires_grad_(False)
    try:
        yield
    finally:
        discriminator.requires_grad_(True)


def _minibatch_deviation(x: Tensor) -> Tensor:
    """How much the pictures of a group differ from each other: (b 1 h w)."""
    count, channels, height, width = x.shape
    size = DEVIATION_GROUP if count % DEVIATION_GROUP == 0 else count
    groups = x.float().view(size, count // size, channels, height, width)
    spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.view(-1, 1, 1, 1).repeat(size, 1, height, width).to(x.dtype)
