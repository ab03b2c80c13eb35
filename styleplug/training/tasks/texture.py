"""Train `texture`: a variational autoencoder with a likelihood of textures.

After Kingma & Welling 2014 (arXiv:1312.6114), with three departures.  A texture does not depend on
the places of its marks, so the loss compares statistics of perceptual features instead of pixels:
means and covariances (Gatys et al. 2015, arXiv:1505.07376) and whole distributions (sliced
Wasserstein distance, Heitz et al. 2021, arXiv:2006.07229).  Discriminators see what statistics
miss, as in Larsen et al. 2016 (arXiv:1512.09300).  They also judge samples of the prior, and the
encoder must recover the latents of these samples, so that samples are as good and as diverse as
reconstructions.  And the pictures are the patches of paintings that look the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.array import Bytes, Pixels
from styleplug.core.params import Params, field
from styleplug.nets import texture
from styleplug.training.data.pictures import Pictures, sheet
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
from styleplug.training.losses.perception import COLOUR, FLOOR, Features, Perception, gram
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance
from styleplug.training.tasks.shared.fields import batch
from styleplug.training.tasks.vae import encoded, kl, reparameterise

MARGIN = 32  # pixels; patches are larger than their crops by this
CHUNK = 32  # pictures at once, in the search for patches
TRIED = 4.0  # tried patches, in areas of the picture
KEPT = 0.17  # best share of the patches of each picture
KEPT_OF_ALL = 0.3  # and of those of all pictures together
CELLS = 4  # rows and columns of cells that are compared within a patch
BUSY = 0.08  # mean difference of neighbours; more does not raise the score
SLICES, PLACES = 24, 1024  # directions and positions in the sliced distance
JUDGED = 256  # samples, and held-out patches, for the score
FITTED = 768  # patches for the distribution of latents
R1_WEIGHT = 0.05


class TextureParams(Params):
    """Parameters of the task."""

    size: int = field(
        96,
        label="Patch",
        help="Side of the patches in pixels.",
        ge=32,
        le=256,
        step=16,
    )
    batch: int = batch(
        24,
        "Patches in a step; half as many samples of the prior are added.",
        least=4,
        most=128,
        step=2,
    )
    beta: float = field(
        0.1,
        label="Beta",
        help="Weight of the KL term: higher values give smoother transitions between textures, "
        "lower ones closer reconstructions.",
        ge=0.0,
        le=10.0,
    )
    texture_weight: float = field(
        2.0,
        label="Texture weight",
        help="Weight of the difference of texture statistics.",
        ge=0.0,
        le=100.0,
    )
    critic_weight: float = field(
        0.2,
        label="Discriminator weight",
        help="Weight of the discriminators: higher values give sharper marks; too high ones give "
        "strange marks.",
        ge=0.0,
        le=10.0,
    )
    reading_weight: float = field(
        0.2,
        label="Reading weight",
        help="Weight of recovering the latent of a sample: higher values give more variety.",
        ge=0.0,
        le=10.0,
        advanced=True,
    )


class Patches:
    """The patches of pictures with most texture, on the device.

    Args:
        pictures: where the patches are cut.
        size: side of the crops of a batch.
        device: where the patches are stored, as 8-bit numbers.
        seed: of the places.
    """

    def __init__(self, pictures: Pictures, size: int, device: torch.device, seed: int):
        self.size, side = size, size + MARGIN
        rng = np.random.default_rng((seed, 1))
        kept, scores = [], []
        for start in range(0, len(pictures), CHUNK):
            tried = [_patches(one, side, rng) for one in pictures.arrays[start : start + CHUNK]]
            patches = torch.from_numpy(np.concatenate(tried)).to(device)
            first = 0
            for part_scores in torch.split(texture_score(patches), [len(part) for part in tried]):
                best = part_scores.topk(max(1, round(KEPT * len(part_scores))))
                scores.append(best.values)
                kept.append(patches[first + best.indices])
                first += len(part_scores)
        all_scores = torch.cat(scores)
        self.patches = torch.cat(kept)[
            all_scores.topk(max(1, round(KEPT_OF_ALL * len(all_scores)))).indices
        ]

    def __len__(self) -> int:
        return len(self.patches)

    def draw(self, rng: np.random.Generator, count: int) -> Tensor:
        """Crops (count 3 size size) in [0, 1], mirrored at random; no pixel is interpolated."""
        device, steps = self.patches.device, np.arange(self.size)
        rows, columns = rng.integers(MARGIN + 1, size=(2, count, 1)) + steps
        columns = np.where(rng.random((count, 1)) < 0.5, columns[:, ::-1], columns)
        chosen = rng.integers(len(self), size=count)[:, None, None]
        where = (chosen, rows[:, :, None], columns[:, None, :])
        index, row, column = (torch.from_numpy(part).to(device) for part in where)
        crops = self.patches.permute(0, 2, 3, 1)[index, row, column]
        return crops.permute(0, 3, 1, 2).float() / 255


def _patches(array: Bytes, side: int, rng: np.random.Generator) -> Bytes:
    """Patches (n 3 side side) uint8 of a picture (h w 3); small pictures are enlarged."""
    if min(array.shape[:2]) < side:
        picture = torch.from_numpy(array).permute(2, 0, 1)[None].float()
        scale = side / min(array.shape[:2])
        larger = [max(side, round(length * scale)) for length in array.shape[:2]]
        picture = F.interpolate(picture, larger, mode="bicubic", antialias=True)
        array = picture[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    height, width = array.shape[:2]
    count = max(2, round(TRIED * height * width / side**2))
    tops = rng.integers(height - side + 1, size=count)
    lefts = rng.integers(width - side + 1, size=count)
    places = zip(tops, lefts, strict=True)
    return np.stack([array[y : y + side, x : x + side] for y, x in places]).transpose(0, 3, 1, 2)


def texture_score(patches: Tensor) -> Tensor:
    """Texture score (b) of 8-bit patches (b 3 h w): high if busy and similar in all cells."""
    x = patches.float() / 255
    cell = x.shape[-1] // CELLS
    mean, square = F.avg_pool2d(x, cell), F.avg_pool2d(x.square(), cell)
    within = (square - mean.square()).clamp_min(0).sum(1).mean((1, 2))
    between = mean.flatten(2).var(2).sum(1)
    steps = x.diff(dim=2)[..., 1:].abs() + x.diff(dim=3)[..., 1:, :].abs()
    edges = F.avg_pool2d(steps.mean(1, keepdim=True), cell - 1).flatten(1)
    calm = edges.quantile(0.1, dim=1)
    even = calm / (edges.mean(1) + 1e-6) * (within / (within + between + 1e-6)).square()
    return even * calm.clamp_max(BUSY).sqrt()


def draw_noises(count: int, height: int, width: int, device: torch.device) -> list[Tensor]:
    """Noise of the decoder for pictures (count 3 height width)."""
    return [
        torch.randn(count, grains, height // stride, width // stride, device=device)
        for grains, stride in zip(texture.GRAINS, texture.STRIDES, strict=True)
    ]


def sliced_wasserstein(output: Tensor, target: Tensor, directions: Tensor) -> Tensor:
    """Squared Wasserstein distance (b) of features (b c n), averaged over directions (c k)."""
    one, other = (
        torch.einsum("bcn,ck->bkn", part, directions).sort(dim=2).values
        for part in (output, target)
    )
    return (one - other).square().mean((1, 2))


def statistics_loss(output: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Distances () between statistics of features (b c h w), relative to the target.

    Where a target has hardly any texture, they are relative to a share of the mean of the batch.
    """
    means = [part.mean((2, 3), keepdim=True) for part in (output, target)]
    second = [gram(part - mean) for part, mean in zip((output, target), means, strict=True)]
    size = second[1].diagonal(dim1=1, dim2=2).sum(1)
    size = size + FLOOR * size.mean()
    squares = second[1].square().sum((1, 2))
    squares = squares + FLOOR * squares.mean()
    directions = F.normalize(torch.randn(output.shape[1], SLICES, device=output.device), dim=0)
    places = torch.rand(output[0, 0].numel(), device=output.device).argsort()[:PLACES]
    one, other = (part.flatten(2)[:, :, places] for part in (output, target))
    # A random direction holds 1/c of the variance.
    distance = sliced_wasserstein(one, other, directions) * output.shape[1]
    return {
        "covariance": ((second[0] - second[1]).square().sum((1, 2)) / squares).mean(),
        "mean": ((means[0] - means[1]).square().sum((1, 2, 3)) / size).mean(),
        "sliced": (distance / size).mean(),
    }


class TextureTask(TrainingTask[texture.Texture]):
    """Patches that are reconstructed as textures, and samples of the prior."""

    betas = (0.5, 0.99)
    max_grad_norm = 10.0

    def __init__(self, datasets: Datasets, params: TextureParams, device: torch.device, seed: int):
        self.params, self.device, self.seed = params, device, seed
        self.net = texture.build().to(device).to(memory_format=torch.channels_last)
        self.perception = Perception(datasets.teacher, datasets.pictures, seed).to(device)
        taps = tuple(dict.fromkeys((COLOUR, *self.perception.style_taps)))
        self.taps = taps[:2] + taps[2::2]  # neighbouring taps are much alike
        pixels = Discriminator(params.size, channels=32, max_channels=256, patches=True)
        features = FeatureDiscriminator(self.perception)
        heads = {tap: head for tap, head in features.heads.items() if tap in self.taps}
        features.heads = nn.ModuleDict(heads)
        self.critic = nn.ModuleDict({"pixels": pixels, "features": features}).to(device)
        self.discriminators = {"critic": self.critic}
        self.patches = Patches(datasets.pictures, params.size, device, seed)
        held = Patches(datasets.held_out_pictures, params.size, device, seed + 1)
        self.held = held.draw(np.random.default_rng((seed, 2)), JUDGED)
        self.held_out_descriptors = descriptor(self.perception, self.held)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """First the loss of the discriminators, then that of the network."""
        count = self.params.batch
        real = self.patches.draw(rng, count)
        mean, log_variance = encoded(self.net.encoder, real)
        latent = reparameterise(mean, log_variance, torch.randn_like(mean))
        prior = torch.randn(count // 2, texture.LATENT, device=self.device)
        made = self._decode(self.net, torch.cat((latent, prior)))
        output = self.perception(made)
        with torch.no_grad():
            target = self.perception(real)
        yield Loss(self._discriminator_terms(step, real, target, made, output), trains="critic")
        back = {tap: part[:count] for tap, part in output.items()}
        with torch.autocast(self.device.type, enabled=False):
            parts = [statistics_loss(back[tap], target[tap]) for tap in self.taps]
        weight = self.params.texture_weight / len(parts)
        zero = torch.zeros(())
        terms = {name: weight * sum((part[name] for part in parts), zero) for name in parts[0]}
        terms["kl"] = self.params.beta * kl(mean, log_variance).mean()
        terms["reading"] = self.params.reading_weight * self._latent_error(made[count:], prior)
        with frozen(self.critic), autocast(self.device):
            logits = (
                self.critic["pixels"](made).float(),
                self.critic["features"](output).float(),
            )
        for name, logit in zip(self.critic, logits, strict=True):
            terms[name] = self.params.critic_weight * generator_loss(logit)
        yield Loss(terms)

    def _discriminator_terms(
        self, step: int, real: Tensor, target: Features, made: Tensor, output: Features
    ) -> dict[str, Tensor]:
        """Losses of the discriminators."""
        with autocast(self.device):
            pixels = self.critic["pixels"](torch.cat((real, made.detach()))).float()
            both = {tap: torch.cat((part, output[tap].detach())) for tap, part in target.items()}
            features = self.critic["features"](both).float()
        counts = [len(real), len(made)]
        terms = {
            "pixel critic": discriminator_loss(*torch.split(pixels, counts)),
            "feature critic": discriminator_loss(*torch.split(features, counts)),
        }
        if step % R1_EVERY == 0:
            terms["slope"] = R1_WEIGHT * R1_EVERY * r1(self.critic["pixels"], real)
        return terms

    def _latent_error(self, made: Tensor, prior: Tensor) -> Tensor:
        """Squared error () of latents (b k) that the encoder reads from samples (b 3 h w)."""
        return (encoded(self.net.encoder, made)[0] - prior).square().mean()

    def _decode(self, net: texture.Texture, latents: Tensor) -> Tensor:
        size = self.params.size
        start = draw_noises(len(latents), size, size, self.device)
        with autocast(self.device):
            return net.decoder(latents, *start).float()

    def score(self, net: texture.Texture) -> dict[str, float]:
        """Scores of samples against held-out patches, and of their reconstructions."""
        patches = self.patches.draw(np.random.default_rng(self.seed), FITTED)
        fitted = [encoded(net.encoder, part) for part in torch.split(patches, CHUNK)]
        for one in (net, self.net):  # the average takes over the buffers
            one.fit(*(torch.cat(part) for part in zip(*fitted, strict=True)))
        noise = torch.randn(len(self.held), texture.LATENT, device=self.device)
        prior = net.centre + noise @ net.spread
        samples = torch.cat([self._decode(net, part) for part in torch.split(prior, 32)])
        descriptors = descriptor(self.perception, samples)
        mean, log_variance = encoded(net.encoder, self.held)
        part = slice(0, 64)
        target = self.perception(self.held[part])
        back = self.perception(self._decode(net, mean[part]))
        parts = [statistics_loss(back[tap], target[tap]) for tap in self.taps]
        return {
            "kernel": float(kernel_distance(descriptors, self.held_out_descriptors)),
            "diversity": float(diversity(descriptors) / diversity(self.held_out_descriptors)),
            **{name: float(sum(one[name] for one in parts)) / len(parts) for name in parts[0]},
            "kl": float(kl(mean, log_variance).mean()),
            "deviation": float(mean.std()),
            "misread": float(self._latent_error(samples[part], prior[part])),
        }

    def sample(self, net: texture.Texture) -> Pixels:
        """Held-out patches, two reconstructions, two rows of samples, and an interpolation."""
        held = self.held[:10]
        mean, _ = encoded(net.encoder, held)
        noise = torch.randn(2 * len(held), texture.LATENT, device=self.device)
        prior = net.centre + noise @ net.spread
        share = torch.linspace(0, 1, len(held), device=self.device)[:, None]
        interpolated = mean[:1] * (1 - share) + mean[1:2] * share
        rows = torch.cat((mean, mean, prior, interpolated))
        return sheet(held, *torch.split(self._decode(net, rows), len(held)))


TASK = TaskSpec(
    id="texture",
    title="Texture",
    summary="Learns the textures of paintings, and makes new ones that tile.",
    params=TextureParams,
    factory=TextureTask,
)
