"""Train `completion`: to paint what lies under a mask, differently by other noise.

Masks are strokes, boxes and margins (outpainting), drawn on the device.  What is known is
compared by pixels; what is painted, by perceptual features and their Gram matrices, by pixels
near the border, where there is little to choose, and by two critics (`training.adversary`): one
of patches, one of frozen features, as in Suvorov et al. 2022 (arXiv:2109.07161).  Mode seeking
(Mao et al. 2019, arXiv:1903.05628): some pictures are completed twice, and as long as the two
resemble each other too much, that is a loss; here it ends at a bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.nets import completion
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import halved
from styleplug.training.loop.task import Lesson, Loss, Materials, Task
from styleplug.training.losses.adversary import (
    R1_EVERY,
    Critic,
    FeatureCritic,
    fool,
    r1,
    tell,
    unmoved,
)
from styleplug.training.losses.perception import CONTENT, Features, Perception, gram, relative
from styleplug.training.losses.quality import descriptor, kernel_distance
from styleplug.training.tasks.shared.fields import batch, crop

LEAST, MOST = 0.08, 0.6  # share of the picture that a mask covers
WALKS, POINTS = 3, 5  # strokes of a mask, corners of a stroke
BOXES = 4
NEAR = 33  # pixels, a window: how far from the known a pixel is still held to the true one
WINDOW = 96  # side in pixels of the part of all pictures that is shown to the critic of patches
PATCH = 64  # pixels that the critic of patches judges at once, about
R1 = 0.3  # weight of the critic of patches' squared gradient
LIKENESS = 0.1  # weight of proposals that are too much alike
CRITICS_FROM = 0.08  # share of the run over which the critics' weight rises
HELD, SHOWN, CHUNK = 256, 10, 32  # pictures judged by, shown, and completed at once


class CompletionTraining(Params):
    """What decides a run."""

    size: int = crop(176, step=16)
    batch: int = batch(
        16,
        "Completions in a step; a quarter of them are second proposals.",
        least=4,
        step=4,
    )
    pixel_weight: float = field(
        10.0,
        label="Pixel weight",
        help="Weight of the absolute difference of pixels: raise it for truer, softer fills.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    feature_weight: float = field(
        1.0,
        label="Feature weight",
        help="Weight of perceptual features and of their Gram matrices.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    critic_weight: float = field(
        0.3,
        label="Critic weight",
        help="Weight of both critics: raise it for crisper, bolder fills.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    diversity: float = field(
        0.3,
        label="Diversity",
        help="How far two proposals should lie apart, as a share of the size of their features.",
        ge=0.0,
        le=2.0,
        step=0.05,
        advanced=True,
    )


def masks(count: int, size: int, device: torch.device | str) -> Tensor:
    """Random masks (count 1 size size), 1 where something is to be painted; by torch's generator.

    Each is what lies nearest to some strokes, boxes or sides, so much of it that it covers a
    share that was drawn before.
    """
    fields = torch.stack([kind(count, size, device) for kind in (_strokes, _boxes, _sides)])
    kind = torch.multinomial(torch.tensor([0.45, 0.3, 0.25], device=device), count, True)
    flat = fields[kind, torch.arange(count, device=device)].flatten(1)
    share = torch.empty(count, 1, device=device).uniform_(LEAST, MOST)
    most = flat.sort(dim=1).values.gather(1, (share * flat.shape[1]).long())
    return (flat <= most).float().view(count, 1, size, size)


def _grid(size: int, device: torch.device | str) -> Tensor:
    """Places (2 size size) of pixels in [0, 1]: x, y."""
    line = (torch.arange(size, device=device) + 0.5) / size
    return torch.stack(torch.meshgrid(line, line, indexing="xy"))


def _strokes(count: int, size: int, device: torch.device | str) -> Tensor:
    """Distance (count size size) to random walks, each of a breadth of its own."""
    first = torch.rand(count, WALKS, 1, 2, device=device)
    steps = torch.randn(count, WALKS, POINTS - 1, 2, device=device) * 0.2
    corners = torch.cat((first, first + steps.cumsum(2)), dim=2)
    start, way = (part.flatten(1, 2)[..., None, None] for part in (corners[:, :, :-1], steps))
    off = _grid(size, device) - start  # count, segments, x and y, size, size
    along = ((off * way).sum(2) / (way.square().sum(2) + 1e-8)).clamp(0, 1)
    apart = (off - along[:, :, None] * way).square().sum(2).sqrt()
    breadth = torch.empty(count, WALKS, 1, 1, 1, device=device).uniform_(0.3, 1.0)
    return (apart.unflatten(1, (WALKS, POINTS - 1)) / breadth).amin((1, 2))


def _boxes(count: int, size: int, device: torch.device | str) -> Tensor:
    """Distance (count size size) to the middles of up to `BOXES` boxes, by their sides."""
    middle = torch.rand(count, BOXES, 2, 1, 1, device=device)
    sides = torch.empty_like(middle).uniform_(0.1, 1.0)
    apart = ((_grid(size, device) - middle).abs() / sides).amax(2)
    missing = torch.rand(count, BOXES, 1, 1, device=device) < 0.4
    missing[:, 0] = False
    return (apart + 9.0 * missing).amin(1)


def _sides(count: int, size: int, device: torch.device | str) -> Tensor:
    """Distance (count size size) to one to four sides of the picture, by margins."""
    grid = _grid(size, device)
    apart = torch.cat((grid, 1 - grid))
    missing = torch.rand(count, 4, 1, 1, device=device) < 0.65
    missing.scatter_(1, torch.randint(4, (count, 1, 1, 1), device=device), False)
    margins = torch.empty(count, 4, 1, 1, device=device).uniform_(0.3, 1.0)
    return (apart / margins + 9.0 * missing).amin(1)


def composed(made: Tensor, picture: Tensor, mask: Tensor) -> Tensor:
    """What is known of a picture (b 3 h w), and what was made where the mask (b 1 h w) is 1."""
    return picture + mask * (made - picture)


class CompletionLesson(Lesson):
    """Masked pictures, completed."""

    betas = (0.5, 0.99)
    clip = 10.0
    rates = {"net": 0.7, "critic": 0.5}  # noqa: RUF012

    def __init__(
        self, materials: Materials, params: CompletionTraining, device: torch.device, seed: int
    ):
        self.params, self.device = params, device
        self.net = completion.build().to(device, memory_format=torch.channels_last)
        self.perception = Perception(materials.teacher, materials.pictures, seed).to(device)
        judges = {
            "patches": Critic(PATCH, channels=24, most=192, patches=True),
            "features": FeatureCritic(self.perception),
        }
        self.critic = nn.ModuleDict(judges).to(device)
        self.critics = {"critic": self.critic}
        self.bank = Bank(materials.pictures, params.size, device)
        held = Bank(materials.held_pictures, params.size, device, room=1)
        few = np.linspace(0, len(held) - 1, min(HELD, len(held))).astype(int)
        self.held = held.draw(np.random.default_rng(seed), len(few), few)
        self.held_masks = masks(len(few), params.size, device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Pictures are completed, the last quarter of them a second time; then both sides learn."""
        twice = self.params.batch // 4
        pictures = self.bank.draw(rng, self.params.batch - twice)
        mask = masks(len(pictures), self.params.size, self.device)
        pictures, mask = (torch.cat((part, part[-twice:])) for part in (pictures, mask))
        made = self._made(self.net, pictures, mask)
        out = composed(made, pictures, mask)
        found = self.perception(out)
        with torch.no_grad():
            wanted = self.perception(pictures)
        side = min(WINDOW, self.params.size)
        top, left = rng.integers(self.params.size - side + 1, size=2)
        real, fake = (part[:, :, top : top + side, left : left + side] for part in (pictures, out))
        yield Loss(self._telling(step, real, fake, wanted, found), trains="critic")
        risen = min(1.0, progress / CRITICS_FROM)
        yield Loss(self._making(pictures, mask, made, wanted, found, risen, fake))

    def _telling(
        self, step: int, real: Tensor, fake: Tensor, wanted: Features, found: Features
    ) -> dict[str, Tensor]:
        """What the critics learn: to tell completed pictures from whole ones."""
        made = {name: part.detach() for name, part in found.items()}
        with halved(self.device):
            logits = self.critic["patches"](torch.cat((real, fake.detach()))).chunk(2)
            seen = self.critic["features"](wanted), self.critic["features"](made)
        terms = {
            "patches": tell(logits[0].float(), logits[1].float()),
            "heads": tell(seen[0].float(), seen[1].float()),
        }
        if step % R1_EVERY == 0:
            terms["r1"] = R1 * R1_EVERY * r1(self.critic["patches"], real)
        return terms

    def _making(
        self,
        pictures: Tensor,
        mask: Tensor,
        made: Tensor,
        wanted: Features,
        found: Features,
        risen: float,
        window: Tensor,
    ) -> dict[str, Tensor]:
        """What the net learns; the critics count in full once they have `risen` to 1."""
        params, twice = self.params, self.params.batch // 4
        with unmoved(self.critic), halved(self.device):
            logits = [self.critic["patches"](window), self.critic["features"](found)]
        fooling = torch.stack([fool(part.float()) for part in logits]).sum()
        # Deep in a hole many pictures are right, and their mean, which pixels ask for, is blurred.
        held = 1 - 0.95 * F.avg_pool2d(mask, NEAR, 1, NEAR // 2)
        terms = {
            "pixels": params.pixel_weight * (held * (made - pictures).abs()).mean(),
            "features": params.feature_weight * self._apart(found, wanted),
            "fooling": params.critic_weight * risen * fooling,
        }
        if params.diversity:
            one, two = found[CONTENT][-2 * twice : -twice], found[CONTENT][-twice:]
            hole = F.adaptive_avg_pool2d(mask[-twice:], one.shape[2:])
            apart = (hole * (one - two).square()).sum((1, 2, 3))
            size = (hole * (one.square() + two.square()) / 2).sum((1, 2, 3))
            terms["likeness"] = LIKENESS * F.relu(params.diversity - apart / size).mean()
        return terms

    def _apart(self, found: Features, wanted: Features) -> Tensor:
        """Relative error () of features and of their Gram matrices."""
        errors = []
        for tap in self.perception.style_taps:
            errors.append(relative(found[tap], wanted[tap]).mean())
            errors.append(relative(gram(found[tap]), gram(wanted[tap])).mean())
        errors.append(relative(found[CONTENT], wanted[CONTENT]).mean())
        return torch.stack(errors).mean()

    def _made(self, net: nn.Module, pictures: Tensor, mask: Tensor) -> Tensor:
        """What a net makes of pictures (b 3 h w) and masks, by torch's generator."""
        noise = torch.randn(len(pictures), completion.NOISE, device=self.device)
        given = pictures.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            return net(given, mask, noise, torch.randn_like(mask)).float()

    def score(self, net: nn.Module) -> dict[str, float]:
        """Held-out pictures, completed."""
        outs = [self._proposals(net, self.held, self.held_masks) for _ in range(2)]
        wanted, found, other = (descriptor(self.perception, x) for x in (self.held, *outs))
        error = (outs[0] - self.held).square().sum((1, 2, 3)) / (3 * self.held_masks.sum((1, 2, 3)))
        few = slice(0, CHUNK)
        taps = [self.perception(part[few]) for part in (outs[0], self.held)]
        return {
            "kernel": float(kernel_distance(found, wanted)),
            "features": float(self._apart(*taps)),
            "psnr": float(-10 * error.clamp_min(1e-6).log10().mean()),  # of what was masked alone
            "variety": float((found - other).norm(dim=1).mean() / wanted.norm(dim=1).mean()),
        }

    def _proposals(self, net: nn.Module, pictures: Tensor, mask: Tensor) -> Tensor:
        """Completed pictures (b 3 h w) in [0, 1], some at a time."""
        parts = zip(pictures.split(CHUNK), mask.split(CHUNK), strict=True)
        return torch.cat([composed(self._made(net, *p).clamp(0, 1), *p) for p in parts])

    def sample(self, net: nn.Module) -> np.ndarray:
        """Held-out pictures, what is known of them, and three proposals."""
        torch.manual_seed(0)
        few = self.held[:: max(1, len(self.held) // SHOWN)][:SHOWN]
        mask = self.held_masks[: len(few)]
        proposals = [self._proposals(net, few, mask) for _ in range(3)]
        return sheet(few, composed(torch.ones_like(few), few, mask), *proposals)


TASK = Task(
    id="completion",
    title="Completion",
    summary="Learns to paint what lies under a mask, in several ways.",
    params=CompletionTraining,
    lesson=CompletionLesson,
)
