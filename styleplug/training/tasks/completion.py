"""Train `completion`: fill the masked part of a picture, differently for each noise.

Masks are strokes, boxes and margins (outpainting), drawn on the device.  Known parts are compared
by pixels.  Filled parts are compared by perceptual features and their Gram matrices, and near the
border, where there is little choice, by pixels too.  There are two discriminators, one of patches
and one of frozen features, as in Suvorov et al. 2022 (arXiv:2109.07161).  Mode seeking (Mao et al.
2019, arXiv:1903.05628): some pictures are completed twice, with a loss while the two results are
too similar; unlike in the paper this loss ends at a bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.array import Pixels
from styleplug.core.params import Params, field
from styleplug.nets import completion
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.adversarial import (
    R1_EVERY,
    Discriminator,
    FeatureDiscriminator,
    discriminator_loss,
    frozen,
    generator_loss,
    r1,
)
from styleplug.training.losses.perception import CONTENT, Features, Perception, gram, relative_error
from styleplug.training.losses.quality import descriptor, kernel_distance
from styleplug.training.tasks.shared.fields import batch, crop

LEAST, MOST = 0.08, 0.6  # masked share of the picture
WALKS, POINTS = 3, 5  # strokes in a mask, corners of a stroke
BOXES = 4
NEAR = 33  # pixels; window near the known part where pixels are compared
WINDOW = 96  # side in pixels of the window for the discriminator of patches
PATCH = 64  # approximate field of view of the discriminator of patches, in pixels
R1_WEIGHT = 0.3  # weight of the penalty of the discriminator of patches
SIMILARITY_WEIGHT = 0.1  # weight of the loss of similar completions
RAMP = 0.08  # share of the run in which the adversarial weight rises
HELD, SHOWN, CHUNK = 256, 10, 32  # pictures scored, shown, and completed at once


class CompletionParams(Params):
    """Parameters of the task."""

    size: int = crop(176, step=16)
    batch: int = batch(
        16,
        "Completions in a step; a quarter of them are second versions.",
        least=4,
        step=4,
    )
    pixel_weight: float = field(
        10.0,
        label="Pixel weight",
        help="Weight of the absolute difference of pixels: higher values give softer fills that "
        "are nearer to the original.",
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
        label="Discriminator weight",
        help="Weight of both discriminators: higher values give crisper, bolder fills.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    diversity: float = field(
        0.3,
        label="Diversity",
        help="Desired difference of two completions, relative to the size of their features.",
        ge=0.0,
        le=2.0,
        step=0.05,
        advanced=True,
    )


def masks(count: int, size: int, device: torch.device | str) -> Tensor:
    """Random masks (count 1 size size), 1 in the part to fill, from torch's random numbers.

    A mask consists of the pixels nearest to some strokes, boxes or sides, as many as a random share
    of the picture has.
    """
    fields = torch.stack([kind(count, size, device) for kind in (_strokes, _boxes, _sides)])
    kind = torch.multinomial(torch.tensor([0.45, 0.3, 0.25], device=device), count, True)
    flat = fields[kind, torch.arange(count, device=device)].flatten(1)
    share = torch.empty(count, 1, device=device).uniform_(LEAST, MOST)
    most = flat.sort(dim=1).values.gather(1, (share * flat.shape[1]).long())
    return (flat <= most).float().view(count, 1, size, size)


def _grid(size: int, device: torch.device | str) -> Tensor:
    """Coordinates (2 size size) of pixels in [0, 1]: x, y."""
    line = (torch.arange(size, device=device) + 0.5) / size
    return torch.stack(torch.meshgrid(line, line, indexing="xy"))


def _strokes(count: int, size: int, device: torch.device | str) -> Tensor:
    """Distance (count size size) to random walks, each with its own width."""
    first = torch.rand(count, WALKS, 1, 2, device=device)
    steps = torch.randn(count, WALKS, POINTS - 1, 2, device=device) * 0.2
    corners = torch.cat((first, first + steps.cumsum(2)), dim=2)
    start, way = (part.flatten(1, 2)[..., None, None] for part in (corners[:, :, :-1], steps))
    off = _grid(size, device) - start  # count, segments, x and y, size, size
    along = ((off * way).sum(2) / (way.square().sum(2) + 1e-8)).clamp(0, 1)
    distance = (off - along[:, :, None] * way).square().sum(2).sqrt()
    breadth = torch.empty(count, WALKS, 1, 1, 1, device=device).uniform_(0.3, 1.0)
    return (torch.unflatten(distance, 1, (WALKS, POINTS - 1)) / breadth).amin((1, 2))


def _boxes(count: int, size: int, device: torch.device | str) -> Tensor:
    """Distance (count size size) to the centres of up to `BOXES` boxes, relative to their sides."""
    middle = torch.rand(count, BOXES, 2, 1, 1, device=device)
    sides = torch.empty_like(middle).uniform_(0.1, 1.0)
    distance = ((_grid(size, device) - middle).abs() / sides).amax(2)
    missing = torch.rand(count, BOXES, 1, 1, device=device) < 0.4
    missing[:, 0] = False
    return (distance + 9.0 * missing).amin(1)


def _sides(count: int, size: int, device: torch.device | str) -> Tensor:
    """Distance (count size size) to one to four sides of the picture, relative to margins."""
    grid = _grid(size, device)
    distance = torch.cat((grid, 1 - grid))
    missing = torch.rand(count, 4, 1, 1, device=device) < 0.65
    missing.scatter_(1, torch.randint(4, (count, 1, 1, 1), device=device), False)
    margins = torch.empty(count, 4, 1, 1, device=device).uniform_(0.3, 1.0)
    return (distance / margins + 9.0 * missing).amin(1)


def composite(made: Tensor, picture: Tensor, mask: Tensor) -> Tensor:
    """The picture (b 3 h w), with `made` where the mask (b 1 h w) is 1."""
    return picture + mask * (made - picture)


class CompletionTask(TrainingTask[completion.Completion]):
    """Masked pictures, completed."""

    betas = (0.5, 0.99)
    max_grad_norm = 10.0
    rate_factors = {"net": 0.7, "critic": 0.5}  # noqa: RUF012

    def __init__(
        self, datasets: Datasets, params: CompletionParams, device: torch.device, seed: int
    ):
        self.params, self.device = params, device
        self.net = completion.build().to(device).to(memory_format=torch.channels_last)
        self.perception = Perception(datasets.teacher, datasets.pictures, seed).to(device)
        discriminators = {
            "patches": Discriminator(PATCH, channels=24, max_channels=192, patches=True),
            "features": FeatureDiscriminator(self.perception),
        }
        self.discriminator = nn.ModuleDict(discriminators).to(device)
        self.discriminators = {"critic": self.discriminator}
        self.bank = Bank(datasets.pictures, params.size, device)
        held = Bank(datasets.held_out_pictures, params.size, device, margin=1)
        few = np.linspace(0, len(held) - 1, min(HELD, len(held))).astype(int)
        self.held = held.draw(np.random.default_rng(seed), len(few), few)
        self.held_masks = masks(len(few), params.size, device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Complete pictures, the last quarter twice; then the losses of both sides."""
        twice = self.params.batch // 4
        pictures = self.bank.draw(rng, self.params.batch - twice)
        mask = masks(len(pictures), self.params.size, self.device)
        pictures, mask = (torch.cat((part, part[-twice:])) for part in (pictures, mask))
        made = self._complete(self.net, pictures, mask)
        out = composite(made, pictures, mask)
        output = self.perception(out)
        with torch.no_grad():
            target = self.perception(pictures)
        side = min(WINDOW, self.params.size)
        top, left = rng.integers(self.params.size - side + 1, size=2)
        real, fake = (part[:, :, top : top + side, left : left + side] for part in (pictures, out))
        yield Loss(self._discriminator_terms(step, real, fake, target, output), trains="critic")
        ramp = min(1.0, progress / RAMP)
        yield Loss(self._generator_terms(pictures, mask, made, target, output, ramp, fake))

    def _discriminator_terms(
        self, step: int, real: Tensor, fake: Tensor, target: Features, output: Features
    ) -> dict[str, Tensor]:
        """Loss of the discriminators: completed pictures against real ones."""
        made = {name: part.detach() for name, part in output.items()}
        with autocast(self.device):
            logits = self.discriminator["patches"](torch.cat((real, fake.detach()))).chunk(2)
            seen = self.discriminator["features"](target), self.discriminator["features"](made)
        terms = {
            "patches": discriminator_loss(logits[0].float(), logits[1].float()),
            "heads": discriminator_loss(seen[0].float(), seen[1].float()),
        }
        if step % R1_EVERY == 0:
            terms["r1"] = R1_WEIGHT * R1_EVERY * r1(self.discriminator["patches"], real)
        return terms

    def _generator_terms(
        self,
        pictures: Tensor,
        mask: Tensor,
        made: Tensor,
        target: Features,
        output: Features,
        ramp: float,
        window: Tensor,
    ) -> dict[str, Tensor]:
        """Loss of the network; `ramp` is the share of the adversarial weight."""
        params, twice = self.params, self.params.batch // 4
        with frozen(self.discriminator), autocast(self.device):
            logits = [self.discriminator["patches"](window), self.discriminator["features"](output)]
        adversarial = torch.stack([generator_loss(part.float()) for part in logits]).sum()
        # Deep in a hole many pictures are right; pixels would ask for their blurred mean.
        held = 1 - 0.95 * F.avg_pool2d(mask, NEAR, 1, NEAR // 2)
        terms = {
            "pixels": params.pixel_weight * (held * (made - pictures).abs()).mean(),
            "features": params.feature_weight * self._feature_error(output, target),
            "fooling": params.critic_weight * ramp * adversarial,
        }
        if params.diversity:
            one, two = output[CONTENT][-2 * twice : -twice], output[CONTENT][-twice:]
            hole = F.adaptive_avg_pool2d(mask[-twice:], (one.shape[2], one.shape[3]))
            distance = (hole * (one - two).square()).sum((1, 2, 3))
            size = (hole * (one.square() + two.square()) / 2).sum((1, 2, 3))
            terms["likeness"] = (
                SIMILARITY_WEIGHT * F.relu(params.diversity - distance / size).mean()
            )
        return terms

    def _feature_error(self, output: Features, target: Features) -> Tensor:
        """Relative error () of features and of their Gram matrices."""
        errors = []
        for tap in self.perception.style_taps:
            errors.append(relative_error(output[tap], target[tap]).mean())
            errors.append(relative_error(gram(output[tap]), gram(target[tap])).mean())
        errors.append(relative_error(output[CONTENT], target[CONTENT]).mean())
        return torch.stack(errors).mean()

    def _complete(self, net: completion.Completion, pictures: Tensor, mask: Tensor) -> Tensor:
        """Output for pictures (b 3 h w) and masks, with noise from the global generator."""
        noise = torch.randn(len(pictures), completion.NOISE, device=self.device)
        given = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            return net(given, mask, noise, torch.randn_like(mask)).float()

    def score(self, net: completion.Completion) -> dict[str, float]:
        """Scores of completed held-out pictures."""
        outs = [self._completions(net, self.held, self.held_masks) for _ in range(2)]
        target, output, other = (descriptor(self.perception, x) for x in (self.held, *outs))
        error = (outs[0] - self.held).square().sum((1, 2, 3)) / (3 * self.held_masks.sum((1, 2, 3)))
        few = slice(0, CHUNK)
        taps = [self.perception(part[few]) for part in (outs[0], self.held)]
        return {
            "kernel": float(kernel_distance(output, target)),
            "features": float(self._feature_error(*taps)),
            "psnr": float(-10 * error.clamp_min(1e-6).log10().mean()),  # of the masked part only
            "variety": float((output - other).norm(dim=1).mean() / target.norm(dim=1).mean()),
        }

    def _completions(self, net: completion.Completion, pictures: Tensor, mask: Tensor) -> Tensor:
        """Completed pictures (b 3 h w) in [0, 1], in chunks."""
        parts = zip(torch.split(pictures, CHUNK), torch.split(mask, CHUNK), strict=True)
        return torch.cat([composite(self._complete(net, *p).clamp(0, 1), *p) for p in parts])

    def sample(self, net: completion.Completion) -> Pixels:
        """Held-out pictures, their known parts, and three completions."""
        torch.manual_seed(0)
        few = self.held[:: max(1, len(self.held) // SHOWN)][:SHOWN]
        mask = self.held_masks[: len(few)]
        completions = [self._completions(net, few, mask) for _ in range(3)]
        return sheet(few, composite(torch.ones_like(few), few, mask), *completions)


TASK = TaskSpec(
    id="completion",
    title="Completion",
    summary="Learns to fill the masked part of a picture, in several ways.",
    params=CompletionParams,
    factory=CompletionTask,
)
