"""A discriminator on the features of a frozen network: Projected GAN, Sauer et al. 2021.

The frozen network (arXiv:2111.01007) recognises an eye from the first step on, so a few small heads
are enough, and they hardly memorise pictures.  Fixed random maps mix the channels of each layer,
and carry features of coarse layers into fine ones.  So no head can look at a few channels only.

Real and generated pictures are changed at random in the same way before they are judged (Zhao et
al. 2020, arXiv:2006.10738).  So the heads cannot learn the few real pictures by heart.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from styleplug.nets import encoder, vgg19
from styleplug.nets.chain import Chain
from styleplug.training.loop.precision import autocast
from styleplug.training.losses.adversarial import LEAKY_SLOPE
from styleplug.training.tasks.shared.embedded import load_embedded

TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_2")  # of VGG-19
ENCODER_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_2")  # of the embedded encoder
PROJECTED = (32, 64, 96, 128)  # channels of each tap after the random maps
WIDEST = 192  # channels of a head
ENLARGED = 5 / 4  # side of the pictures that the frozen network sees, by their own
BRIGHTNESS, SATURATION, CONTRAST = 0.1, 0.5, 0.25  # largest changes of colours
SHIFT = 1 / 16  # largest shift, as a share of the side


class ProjectedDiscriminator(nn.Module):
    """Heads on four layers of a frozen network.

    Args:
        teacher: file with the weights of VGG-19; None for the embedded encoder.
        pictures: real ones (b 3 h w); the scale of each layer is measured on them.
        classes: number of classes of the pictures; 0: no classes.
    """

    def __init__(self, teacher: str | None, pictures: Tensor, *, classes: int = 0):
        super().__init__()
        self.features = FrozenFeatures(teacher, pictures)
        side = round(pictures.shape[-1] * ENLARGED)
        self.heads = nn.ModuleList(
            _Head(channels, side // stride, classes)
            for channels, stride in zip(PROJECTED, self.features.strides, strict=True)
        )
        self.to(pictures.device).to(memory_format=torch.channels_last)

    def see(self, pictures: Tensor) -> list[Tensor]:
        """Features of pictures (b 3 h w) in [0, 1], which are first changed at random."""
        seen = augment(pictures, round(pictures.shape[-1] * ENLARGED))
        with autocast(pictures.device):
            features: list[Tensor] = self.features(seen)
        return features

    def forward(self, features: list[Tensor], labels: Tensor | None = None) -> list[Tensor]:
        """Logits (b n) of each head, from the features of pictures.

        A discriminator with classes needs the labels (b) of the pictures.
        """
        with autocast(features[0].device):
            return [head(x, labels) for head, x in zip(self.heads, features, strict=True)]


class FrozenFeatures(nn.Module):
    """Features of four layers, mixed by fixed random maps.

    Args:
        teacher: file with the weights of VGG-19; None for the embedded encoder.
        pictures: (b 3 h w); the scale of each layer is measured on them.
    """

    def __init__(self, teacher: str | None, pictures: Tensor):
        super().__init__()
        self.taps = TAPS if teacher else ENCODER_TAPS
        self.net = _load(teacher).to(pictures.device)
        self.strides = [self.net.strides[tap] for tap in self.taps]
        channels = [self.net.channels[tap] for tap in self.taps]
        self.mix = nn.ModuleList(
            nn.Conv2d(before, after, 1, bias=False)
            for before, after in zip(channels, PROJECTED, strict=True)
        )
        self.down = nn.ModuleList(
            nn.Conv2d(coarse, fine, 3, padding=1, bias=False)
            for fine, coarse in zip(PROJECTED, PROJECTED[1:], strict=False)
        )
        for conv in (*self.mix, *self.down):
            nn.init.kaiming_normal_(conv.get_parameter("weight"))
        self.to(pictures.device)
        with torch.no_grad():
            for conv, x in zip(self.mix, self._taps(pictures), strict=True):
                conv.get_parameter("weight").div_(x.float().std())
        self.requires_grad_(False)

    def _taps(self, pictures: Tensor) -> list[Tensor]:
        found = self.net(pictures.contiguous(memory_format=torch.channels_last))
        return [found[tap] for tap in self.taps]

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Features (b c h/s w/s), fine to coarse, of pictures (b 3 h w) in [0, 1]."""
        features = [mix(x) for mix, x in zip(self.mix, self._taps(pictures), strict=True)]
        for level in reversed(range(len(self.down))):
            fine, added = features[level], self.down[level](features[level + 1])
            added = F.interpolate(added, size=fine.shape[2:], mode="bilinear")
            features[level] = (fine + added) * 0.5**0.5
        return features


class ClassProjection(nn.Module):
    """The part of a logit that depends on the class (Miyato & Koyama 2018, arXiv:1802.05637).

    Args:
        classes: number of classes.
        numbers: number of features of a position.
    """

    def __init__(self, classes: int, numbers: int):
        super().__init__()
        self.embedding = spectral_norm(nn.Embedding(classes, numbers))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """What to add to logits (b 1 h w), from features (b c h w) and labels (b)."""
        return torch.einsum("bc,bchw->bhw", self.embedding(labels), x)[:, None]


class _Head(nn.Module):
    """The discriminator of one layer: it halves the sides until 5 positions or fewer are left."""

    def __init__(self, channels: int, side: int, classes: int):
        super().__init__()
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        while side > 5 or not self.convs:
            after = min(2 * channels, WIDEST)
            self.convs.append(spectral_norm(nn.Conv2d(channels, after, 4, stride=2, padding=1)))
            self.norms.append(nn.GroupNorm(8, after))
            channels, side = after, side // 2
        self.logit = spectral_norm(nn.Conv2d(channels, 1, 3, padding=1))
        self.classes = ClassProjection(classes, channels) if classes else None

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Logits (b n), one for each position."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), LEAKY_SLOPE)
        logits = self.logit(x)
        if self.classes is not None and labels is not None:
            logits = logits + self.classes(x, labels)
        return logits.flatten(1).float()


def hinge_loss(real: Iterable[Tensor], made: Iterable[Tensor]) -> Tensor:
    """Loss of the discriminator (), from the logits of each head; summed over the heads.

    Lim & Ye 2017, arXiv:1705.02894.
    """
    return torch.stack(
        [F.relu(1 - r).mean() + F.relu(1 + m).mean() for r, m in zip(real, made, strict=True)]
    ).sum()


def augment(pictures: Tensor, side: int) -> Tensor:
    """Pictures (b 3 side side) of pictures (b 3 h w): other colours, and shifted."""
    count, device = len(pictures), pictures.device

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(count, *shape, device=device) - 1

    x = pictures + BRIGHTNESS * uniform(1, 1, 1)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + SATURATION * uniform(1, 1, 1))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + CONTRAST * uniform(1, 1, 1))
    affine = torch.eye(2, 3, device=device).repeat(count, 1, 1)
    affine[:, :, 2] = 2 * SHIFT * uniform(2)
    grid = F.affine_grid(affine, [count, 3, side, side], align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _load(teacher: str | None) -> Chain:
    if teacher:
        return vgg19.load(Path(teacher), TAPS)
    net = encoder.build()
    load_embedded(net, "encoder")
    return net.eval()
