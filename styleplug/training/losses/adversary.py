"""What generators are trained against: critics, their losses, and what steadies them.

Goodfellow et al. 2014 (arXiv:1406.2661), with the non-saturating loss; R1 by Mescheder et al.
2018 (arXiv:1801.04406), lazily as in Karras et al. 2020 (arXiv:1912.04958); classes by projection
(Miyato & Koyama 2018, arXiv:1802.05637); heads on frozen features as in Sauer et al. 2021
(arXiv:2111.01007), which learn from little in a short time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from styleplug.training.losses.perception import CONTENT, Perception

R1_EVERY = 4  # steps; its weight is as many times larger
STEP = 0.02  # deviation of the noise that a gradient is measured by
SLOPE = 0.2
NARROW = 64  # channels of a head on features
PATCH = 32  # pixels, about, that a logit of the critic of pixels sees
THIN = 16  # channels that such a critic begins with
FINE = 4  # stride of the coarsest features that are judged
HEADS = 3  # layers that the heads on features judge
GROUP = 4  # pictures whose deviation from each other a critic is told


class Critic(nn.Module):
    """Convolutions from the picture itself down to 4×4, or to one logit a patch.

    Args:
        size: side of the pictures; of patches it only sets the depth.
        channels: of the first layer; doubled with every halving of the sides.
        most: channels at most.
        before: channels of the pictures.
        patches: judge patches (of about `size` pixels) instead of whole pictures.
        classes: how many whole pictures belong to; 0: none are told.
    """

    def __init__(
        self,
        size: int,
        *,
        channels: int = 32,
        most: int = 384,
        before: int = 3,
        patches: bool = False,
        classes: int = 0,
    ):
        super().__init__()
        depth = max(1, (size // 4).bit_length() - 1 - (1 if patches else 0))
        widths = [min(most, channels << level) for level in range(depth + 1)]
        self.entry = nn.Conv2d(before, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(_Down(*pair) for pair in zip(widths, widths[1:], strict=False))
        self.whole = not patches
        last = widths[-1]
        self.mix = nn.Conv2d(last + self.whole, last, 3, padding=1)
        self.logit = nn.Linear(16 * last, 1) if self.whole else nn.Conv2d(last, 1, 1)
        self.classes = Classes(classes, 16 * last) if classes else None
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, SLOPE)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (b 1) of pictures (b c size size); (b n) of n patches where they are judged."""
        x = self.entry(pictures.contiguous(memory_format=torch.channels_last))
        for level in self.levels:
            x = level(x)
        if self.whole:
            x = torch.cat((x, _deviation(x)), dim=1)
        x = F.leaky_relu(self.mix(x), SLOPE)
        if not self.whole:
            return self.logit(x).flatten(1)
        x = x.flatten(1)
        return self.logit(x) + (0 if self.classes is None else self.classes(x, labels))


class Classes(nn.Module):
    """What a critic says the more for a class (Miyato & Koyama 2018, arXiv:1802.05637).

    Args:
        classes: how many.
        numbers: that it sees of a picture, or of a position in it.
    """

    def __init__(self, classes: int, numbers: int):
        super().__init__()
        self.embedding = nn.Embedding(classes, numbers)
        nn.init.normal_(self.embedding.weight, std=0.3 * numbers**-0.5)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """To be added to logits (b 1 …), of what is seen (b n …)."""
        known = self.embedding(labels).unflatten(1, (-1,) + (1,) * (x.dim() - 2))
        return (known * x).sum(1, keepdim=True)


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
        classes: how many pictures belong to; 0: none are told.
    """

    def __init__(self, perception: Perception, *, classes: int = 0):
        super().__init__()
        with torch.no_grad():
            device = next(perception.parameters()).device
            taps = perception(torch.zeros(1, 3, 64, 64, device=device))
        names = [*(tap for tap in perception.style_taps if taps[tap].shape[1] > 3), CONTENT]
        self.heads = nn.ModuleDict({tap: _Head(taps[tap].shape[1], classes) for tap in names})

    def each(self, features: Mapping[str, Tensor], labels: Tensor | None = None) -> list[Tensor]:
        """Logits (b n) of each head, one for each position, of features by tap."""
        return [head(features[tap], labels) for tap, head in self.heads.items()]

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """The same, of all heads (b n)."""
        return torch.cat(self.each(features), dim=1)


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
        self.classes = Classes(classes, NARROW) if classes else None

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        x = self.scale(features)
        for conv in self.down:
            x = F.leaky_relu(conv(x), SLOPE)
        logits = self.logit(x) + (0 if self.classes is None else self.classes(x, labels))
        return logits.flatten(1)


class PatchCritics(nn.Module):
    """What tells made pictures of one kind from real ones, by patches only.

    Args:
        perception: whose finer features are judged, too.
        size: side of the pictures.
    """

    def __init__(self, perception: Perception, size: int):
        super().__init__()
        self.fine, self.coarse = (Critic(PATCH, channels=THIN, patches=True) for _ in range(2))
        self.heads = FeatureCritic(perception)
        with torch.no_grad():
            device = next(perception.parameters()).device
            taps = perception(torch.zeros(1, 3, size, size, device=device))
        fine = [tap for tap in self.heads.heads if taps[tap].shape[-1] >= size // FINE]
        for tap in {*self.heads.heads} - {*fine[:HEADS]}:
            del self.heads.heads[tap]

    def forward(self, pictures: Tensor, features: Mapping[str, Tensor]) -> list[Tensor]:
        """Logits of each critic, of pictures (b 3 h w) and their features.

        (b n) of the heads; of pixels, which take far longer, of every second picture.
        """
        some = pictures[::2]
        return [
            self.fine(some).float(),
            self.coarse(F.avg_pool2d(some, 2)).float(),
            self.heads(features).float(),
        ]

    def steepness(self, pictures: Tensor) -> Tensor:
        """R1 of both critics of pixels ()."""
        found = []
        for critic, seen in ((self.fine, pictures), (self.coarse, F.avg_pool2d(pictures, 2))):
            found.append(r1(critic, seen))
        return torch.stack(found).sum()


def fool(logits: Tensor) -> Tensor:
    """What the generator minimises (): -log D(G(z)), from logits (b n) of its pictures."""
    return F.softplus(-logits).mean()


def tell(real: Tensor, fake: Tensor) -> Tensor:
    """What the critic minimises (), from logits (b n) of real and of made pictures."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def outdo(worse: Tensor, better: Tensor) -> Tensor:
    """What makes the logits (b …) of one larger than those of the other, pair by pair ().

    Relativistic pairing (Jolicoeur-Martineau 2018, arXiv:1807.00734): what two pictures of a pair
    show alike cannot be told by, so critics sooner see what they differ in.
    """
    return F.softplus(worse - better).mean()


def r1(critic: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """Squared gradient () of the critic's logits at real pictures (b …), in float32.

    Of each logit by itself, and averaged; estimated from how much they change with a little
    noise, whose mean square over all noises it is (Lin et al. 2025, arXiv:2501.08316).  That needs
    no second derivatives, which are slow for convolutions on graphics cards.  Meant for one step
    in `R1_EVERY`; weigh it by as much more.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        pictures = pictures.detach().float()
        moved = pictures + STEP * torch.randn_like(pictures)
        # One after the other: what a critic says of a picture may depend on those beside it.
        slope = (critic(moved) - critic(pictures)) / STEP
    return slope.square().mean()


def r1_exact(critic: Callable[..., Tensor], numbers: Tensor, *labels: Tensor) -> Tensor:
    """The same of the mean logit, by second derivatives.

    Without an estimate's noise small critics learn far sooner, and for them it is not slow.
    """
    with torch.autocast(numbers.device.type, enabled=False), torch.enable_grad():
        numbers = numbers.detach().float().requires_grad_(True)
        logits = critic(numbers, *labels).mean(1).sum()
        (slope,) = torch.autograd.grad(logits, numbers, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


@contextmanager
def unmoved(critic: nn.Module) -> Iterator[None]:
    """What a critic is asked within gives it no gradients: they would be computed in vain."""
    critic.requires_grad_(False)
    try:
        yield
    finally:
        critic.requires_grad_(True)


def _deviation(x: Tensor) -> Tensor:
    """How much the pictures of a group differ from each other: (b 1 h w)."""
    count, channels, height, width = x.shape
    size = GROUP if count % GROUP == 0 else count
    groups = x.float().view(size, count // size, channels, height, width)
    spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.view(-1, 1, 1, 1).repeat(size, 1, height, width).to(x.dtype)
