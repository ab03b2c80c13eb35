"""What generators are trained against: critics, their losses, and what steadies them.

Goodfellow et al. 2014 (arXiv:1406.2661), with the non-saturating loss; R1 by Mescheder et al.
2018 (arXiv:1801.04406), lazily as in Karras et al. 2020; differentiable augmentation by
Zhao et al. 2020 (arXiv:2006.10738), without which a few thousand pictures are learned by heart;
classes by projection (Miyato & Koyama 2018, arXiv:1802.05637); heads on frozen features as in
Sauer et al. 2021 (arXiv:2111.01007), which learn from little in a short time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from styleplug.training.perception import CONTENT, Perception

R1_EVERY = 4  # steps; its weight is as many times larger
STEP = 0.02  # deviation of the noise that a gradient is measured by
SLOPE = 0.2
NARROW = 64  # channels of a head on features
GROUP = 4  # pictures whose deviation from each other a critic is told


class Critic(nn.Module):
    """Convolutions from the picture itself down to 4×4, or to one logit a patch.

    Args:
        size: side of the pictures; of patches it only sets the depth.
        channels: of the first layer; doubled with every halving of the sides.
        most: channels at most.
        classes: how many the pictures belong to; 0: none are told.
        patches: judge patches (of about `size` pixels) instead of whole pictures.
    """

    def __init__(
        self,
        size: int,
        *,
        channels: int = 32,
        most: int = 384,
        classes: int = 0,
        patches: bool = False,
    ):
        super().__init__()
        depth = max(1, (size // 4).bit_length() - 1 - (1 if patches else 0))
        widths = [min(most, channels << level) for level in range(depth + 1)]
        self.entry = nn.Conv2d(3, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(_Down(*pair) for pair in zip(widths, widths[1:], strict=False))
        self.whole = not patches
        last = widths[-1]
        self.mix = nn.Conv2d(last + self.whole, last, 3, padding=1)
        self.logit = nn.Linear(16 * last, 1) if self.whole else nn.Conv2d(last, 1, 1)
        self.embedding = nn.Embedding(classes, last) if classes else None
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, SLOPE)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.1)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (b 1) of pictures (b 3 size size); (b n) of n patches where they are judged."""
        x = self.entry(pictures.contiguous(memory_format=torch.channels_last))
        for level in self.levels:
            x = level(x)
        if self.whole:
            x = torch.cat((x, _deviation(x)), dim=1)
        x = F.leaky_relu(self.mix(x), SLOPE)
        logits = self.logit(x.flatten(1)) if self.whole else self.logit(x).flatten(1)
        return logits + _projected(self.embedding, x, labels)


class _Down(nn.Module):
    """A residual unit that halves the sides."""

    def __init__(self, inner: int, outer: int):
        super().__init__()
        self.first = nn.Conv2d(inner, inner, 3, padding=1)
        self.second = nn.Conv2d(inner, outer, 3, padding=1)
        self.skip = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(x, SLOPE)
        y = F.leaky_relu(self.first(x), SLOPE)
        y = F.avg_pool2d(self.second(y), 2)
        return (y + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5


class FeatureCritic(nn.Module):
    """A small head on each tap of a frozen `Perception`, but for the picture's own colours.

    Args:
        perception: whose features are judged; it is not part of this module.
        classes: how many the pictures belong to; 0: none are told.
    """

    def __init__(self, perception: Perception, *, classes: int = 0):
        super().__init__()
        with torch.no_grad():
            device = next(perception.parameters()).device
            taps = perception(torch.zeros(1, 3, 64, 64, device=device))
        names = [*(tap for tap in perception.style_taps if taps[tap].shape[1] > 3), CONTENT]
        self.heads = nn.ModuleDict({tap: _Head(taps[tap].shape[1], classes) for tap in names})

    def forward(self, features: Mapping[str, Tensor], labels: Tensor | None = None) -> Tensor:
        """Logits (b n), one for each position of each head, of features by tap."""
        found = [head(features[tap], labels) for tap, head in self.heads.items()]
        return torch.cat(found, dim=1)


class _Head(nn.Module):
    """Judges one tap."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.scale = nn.GroupNorm(1, channels, affine=False)  # taps differ in size by far
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(inner, NARROW, 4, stride=2, padding=1))
            for inner in (channels, NARROW)
        )
        self.logit = spectral_norm(nn.Conv2d(NARROW, 1, 1))
        self.embedding = nn.Embedding(classes, NARROW) if classes else None

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        x = self.scale(features)
        for conv in self.down:
            x = F.leaky_relu(conv(x), SLOPE)
        return self.logit(x).flatten(1) + _projected(self.embedding, x, labels)


def fool(logits: Tensor) -> Tensor:
    """What the generator minimises (): -log D(G(z)), from logits (b n) of its pictures."""
    return F.softplus(-logits).mean()


def tell(real: Tensor, fake: Tensor) -> Tensor:
    """What the critic minimises (), from logits (b n) of real and of made pictures."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def r1(critic: Callable[..., Tensor], pictures: Tensor, *labels: Tensor | None) -> Tensor:
    """Squared gradient () of the critic's logits at real pictures (b 3 h w), in float32.

    Of each logit by itself, and averaged; estimated from how much they change with a little
    noise, whose mean square over all noises it is (Lin et al. 2025, arXiv:2501.08316).  That needs
    no second derivatives, which are slow for convolutions on graphics cards.  Meant for one step
    in `R1_EVERY`; weigh it by as much more.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        pictures = pictures.detach().float()
        moved = pictures + STEP * torch.randn_like(pictures)
        # One after the other: what a critic says of a picture may depend on those beside it.
        slope = (critic(moved, *labels) - critic(pictures, *labels)) / STEP
    return slope.square().mean()


def augment(pictures: Tensor) -> Tensor:
    """The pictures (b 3 h w) in [0, 1] with other colours, shifted, and a square cut out.

    Each differently, by torch's generator; gradients pass.  Real and made pictures alike are
    shown to the critic only so.
    """
    count, _, height, width = pictures.shape
    chance = torch.rand(7, count, 1, 1, 1, device=pictures.device)
    x = pictures + (chance[0] - 0.5) / 2  # brightness
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * 2 * chance[1]  # saturation
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (0.5 + chance[2])  # contrast
    rows = torch.arange(height, device=x.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=x.device).view(1, 1, 1, -1)
    down, right = (chance[3] - 0.5) * height / 4, (chance[4] - 0.5) * width / 4
    x = _shifted(x, down.round().long(), right.round().long(), rows, columns)
    top, left = (chance[5] * height).long(), (chance[6] * width).long()
    hole = ((rows - top).abs() < height // 5) & ((columns - left).abs() < width // 5)
    return x * ~hole


def _shifted(x: Tensor, down: Tensor, right: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pictures moved by whole pixels (b 1 1 1); what comes in is grey."""
    count, channels, height, width = x.shape
    y, z = rows - down, columns - right
    inside = (y >= 0) & (y < height) & (z >= 0) & (z < width)
    flat = (y.clamp(0, height - 1) * width + z.clamp(0, width - 1)).flatten(1)
    moved = x.flatten(2).gather(2, flat[:, None].expand(-1, channels, -1))
    return torch.where(inside, moved.view_as(x), 0.5)


def _projected(embedding: nn.Embedding | None, x: Tensor, labels: Tensor | None) -> Tensor:
    """How well features (b c h w) fit their class (b 1); 0 where there are no classes."""
    if embedding is None or labels is None:
        return x.new_zeros(())
    return (embedding(labels) * x.mean((2, 3))).sum(1, keepdim=True)


def _deviation(x: Tensor) -> Tensor:
    """How much the pictures of a group differ from each other: (b 1 h w)."""
    count, channels, height, width = x.shape
    size = GROUP if count % GROUP == 0 else count
    groups = x.float().view(size, count // size, channels, height, width)
    spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.view(-1, 1, 1, 1).repeat(size, 1, height, width).to(x.dtype)
