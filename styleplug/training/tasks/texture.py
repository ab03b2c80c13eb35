"""Train `texture`: a variational autoencoder whose likelihood is that of textures.

Kingma & Welling 2014, arXiv:1312.6114, with three departures.  A texture is the same texture
wherever its marks lie, so what is compared are statistics of perceptual features, not pixels:
means and covariances (Gatys et al. 2015, arXiv:1505.07376) and whole distributions (the sliced
Wasserstein distance of Heitz et al. 2021, arXiv:2006.07229).  Critics see to what statistics
miss, as in Larsen et al. 2016, arXiv:1512.09300; they judge samples of the prior as well, and
these are read back by the encoder, so that the prior is as good, and as various, as pictures
given back.  And the pictures are those patches of the paintings that look alike all over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.nets import texture
from styleplug.training.data.pictures import Pictures, sheet
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
from styleplug.training.losses.perception import COLOUR, FLOOR, Features, Perception, gram
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance
from styleplug.training.tasks.shared.fields import batch
from styleplug.training.tasks.vae import kl, reparameterise

ROOM = 32  # pixels by which patches are larger than the crops that are taken of them
CHUNK = 32  # pictures at once, while patches are looked for
TRIED = 4.0  # patches looked at, in areas of the picture
KEPT, LEARNED = 0.17, 0.3  # share kept of those of a picture; and of these, of all pictures
CELLS = 4  # a patch is compared with itself by so many rows and columns of cells
BUSY = 0.08  # mean difference of neighbours above which a patch is no more of a texture
SLICES, PLACES = 24, 1024  # directions and positions of the sliced distance
JUDGED = 256  # samples, and held-out patches, for the score
FITTED = 768  # patches whose latents samples follow
R1_WEIGHT = 0.05


class TextureTraining(Params):
    """What decides a run."""

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
        "Patches in a step; half as many samples of the prior are made beside them.",
        least=4,
        most=128,
        step=2,
    )
    beta: float = field(
        0.1,
        label="Beta",
        help="Weight of the KL term: raise it for smoother ways from texture to texture, lower it "
        "for closer likeness.",
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
        label="Critic weight",
        help="Weight of the critics: raise it for sharper marks, lower it if these turn odd.",
        ge=0.0,
        le=10.0,
    )
    reading_weight: float = field(
        0.2,
        label="Reading weight",
        help="How well the encoder must recover the latent of a sample: raise it for more variety.",
        ge=0.0,
        le=10.0,
        advanced=True,
    )


class Patches:
    """The most textured patches of pictures, on the device.

    Args:
        pictures: where they are looked for.
        size: side of the crops that are drawn.
        device: that holds them, as 8-bit numbers.
        seed: of where is looked.
    """

    def __init__(self, pictures: Pictures, size: int, device: torch.device, seed: int):
        self.size, side = size, size + ROOM
        rng = np.random.default_rng((seed, 1))
        found, scores = [], []
        for start in range(0, len(pictures), CHUNK):
            tried = [_patches(one, side, rng) for one in pictures.arrays[start : start + CHUNK]]
            patches = torch.from_numpy(np.concatenate(tried)).to(device)
            first = 0
            for judged in textured(patches).split([len(part) for part in tried]):
                best = judged.topk(max(1, round(KEPT * len(judged))))
                scores.append(best.values)
                found.append(patches[first + best.indices])
                first += len(judged)
        judged = torch.cat(scores)
        self.patches = torch.cat(found)[judged.topk(max(1, round(LEARNED * len(judged)))).indices]

    def __len__(self) -> int:
        return len(self.patches)

    def draw(self, rng: np.random.Generator, count: int) -> Tensor:
        """Crops (count 3 size size) in [0, 1], mirrored by chance; no pixel is interpolated."""
        device, steps = self.patches.device, np.arange(self.size)
        rows, columns = rng.integers(ROOM + 1, size=(2, count, 1)) + steps
        columns = np.where(rng.random((count, 1)) < 0.5, columns[:, ::-1], columns)
        chosen = rng.integers(len(self), size=count)[:, None, None]
        where = (chosen, rows[:, :, None], columns[:, None, :])
        index, row, column = (torch.from_numpy(part).to(device) for part in where)
        crops = self.patches.permute(0, 2, 3, 1)[index, row, column]
        return crops.permute(0, 3, 1, 2).float() / 255


def _patches(array: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Patches (n 3 side side) uint8 of a picture (h w 3), which is enlarged where it is small."""
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


def textured(patches: Tensor) -> Tensor:
    """How much patches (b 3 h w) of 8 bits are textures (b): busy, and alike in all their cells."""
    x = patches.float() / 255
    cell = x.shape[-1] // CELLS
    mean, square = F.avg_pool2d(x, cell), F.avg_pool2d(x.square(), cell)
    within = (square - mean.square()).clamp_min(0).sum(1).mean((1, 2))
    between = mean.flatten(2).var(2).sum(1)
    steps = x.diff(dim=2)[..., 1:].abs() + x.diff(dim=3)[..., 1:, :].abs()
    edges = F.avg_pool2d(steps.mean(1, keepdim=True), cell - 1).flatten(1)
    calmest = edges.quantile(0.1, dim=1)
    even = calmest / (edges.mean(1) + 1e-6) * (within / (within + between + 1e-6)).square()
    return even * calmest.clamp_max(BUSY).sqrt()


def noises(count: int, height: int, width: int, device: torch.device) -> list[Tensor]:
    """What the decoder starts from, for pictures (count 3 height width)."""
    return [
        torch.randn(count, grains, height // stride, width // stride, device=device)
        for grains, stride in zip(texture.GRAINS, texture.STRIDES, strict=True)
    ]


def sliced(found: Tensor, wanted: Tensor, directions: Tensor) -> Tensor:
    """Squared Wasserstein distance (b) of features (b c n), mean over directions (c k)."""
    one, other = (
        torch.einsum("bcn,ck->bkn", part, directions).sort(dim=2).values for part in (found, wanted)
    )
    return (one - other).square().mean((1, 2))


def unlike(found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """How far the statistics of features (b c h w) are apart, relative to the wanted: ().

    Where there is hardly a texture, relative to a share of what the batch has on average.
    """
    means = [part.mean((2, 3), keepdim=True) for part in (found, wanted)]
    second = [gram(part - mean) for part, mean in zip((found, wanted), means, strict=True)]
    size = second[1].diagonal(dim1=1, dim2=2).sum(1)
    size = size + FLOOR * size.mean()
    squares = second[1].square().sum((1, 2))
    squares = squares + FLOOR * squares.mean()
    directions = F.normalize(torch.randn(found.shape[1], SLICES, device=found.device), dim=0)
    places = torch.rand(found[0, 0].numel(), device=found.device).argsort()[:PLACES]
    one, other = (part.flatten(2)[:, :, places] for part in (found, wanted))
    # In a random direction lies a c-th of the variance.
    apart = sliced(one, other, directions) * found.shape[1]
    return {
        "covariance": ((second[0] - second[1]).square().sum((1, 2)) / squares).mean(),
        "mean": ((means[0] - means[1]).square().sum((1, 2, 3)) / size).mean(),
        "sliced": (apart / size).mean(),
    }


class TextureLesson(Lesson):
    """Patches given back as textures, and samples of the prior."""

    betas = (0.5, 0.99)
    clip = 10.0

    def __init__(
        self, materials: Materials, params: TextureTraining, device: torch.device, seed: int
    ):
        self.params, self.device, self.seed = params, device, seed
        self.net = texture.build().to(device, memory_format=torch.channels_last)
        self.perception = Perception(materials.teacher, materials.pictures, seed).to(device)
        taps = tuple(dict.fromkeys((COLOUR, *self.perception.style_taps)))
        self.taps = taps[:2] + taps[2::2]  # neighbours say much the same
        pixels = Critic(params.size, channels=32, most=256, patches=True)
        features = FeatureCritic(self.perception)
        heads = {tap: head for tap, head in features.heads.items() if tap in self.taps}
        features.heads = nn.ModuleDict(heads)
        critic = nn.ModuleDict({"pixels": pixels, "features": features}).to(device)
        self.critics = {"critic": critic}
        self.patches = Patches(materials.pictures, params.size, device, seed)
        held = Patches(materials.held_pictures, params.size, device, seed + 1)
        self.held = held.draw(np.random.default_rng((seed, 2)), JUDGED)
        self.known = descriptor(self.perception, self.held)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Train the critics with what was made, then the net with the critics."""
        count = self.params.batch
        real = self.patches.draw(rng, count)
        mean, log_variance = self._encode(self.net, real)
        latent = reparameterise(mean, log_variance, torch.randn_like(mean))
        prior = torch.randn(count // 2, texture.LATENT, device=self.device)
        made = self._decode(self.net, torch.cat((latent, prior)))
        found = self.perception(made)
        with torch.no_grad():
            wanted = self.perception(real)
        yield Loss(self._told(step, real, wanted, made, found), trains="critic")
        back = {tap: part[:count] for tap, part in found.items()}
        with torch.autocast(self.device.type, enabled=False):
            parts = [unlike(back[tap], wanted[tap]) for tap in self.taps]
        weight = self.params.texture_weight / len(parts)
        terms = {name: weight * sum(part[name] for part in parts) for name in parts[0]}
        terms["kl"] = self.params.beta * kl(mean, log_variance).mean()
        terms["reading"] = self.params.reading_weight * self._misread(made[count:], prior)
        critic = self.critics["critic"]
        with unmoved(critic), halved(self.device):
            logits = critic["pixels"](made).float(), critic["features"](found).float()
        for name, logit in zip(critic, logits, strict=True):
            terms[name] = self.params.critic_weight * fool(logit)
        yield Loss(terms)

    def _told(
        self, step: int, real: Tensor, wanted: Features, made: Tensor, found: Features
    ) -> dict[str, Tensor]:
        """The critics' losses."""
        critic = self.critics["critic"]
        with halved(self.device):
            pixels = critic["pixels"](torch.cat((real, made.detach()))).float()
            both = {tap: torch.cat((part, found[tap].detach())) for tap, part in wanted.items()}
            features = critic["features"](both).float()
        counts = (len(real), len(made))
        terms = {
            "pixel critic": tell(*pixels.split(counts)),
            "feature critic": tell(*features.split(counts)),
        }
        if step % R1_EVERY == 0:
            terms["slope"] = R1_WEIGHT * R1_EVERY * r1(critic["pixels"], real)
        return terms

    def _misread(self, made: Tensor, prior: Tensor) -> Tensor:
        """Squared error () of what the encoder reads from samples (b 3 h w) of latents (b k)."""
        return (self._encode(self.net, made)[0] - prior).square().mean()

    def _encode(self, net: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with halved(self.device):
            mean, log_variance = net.encoder(pictures)
        return mean.float(), log_variance.float()

    def _decode(self, net: nn.Module, latents: Tensor) -> Tensor:
        size = self.params.size
        start = noises(len(latents), size, size, self.device)
        with halved(self.device):
            return net.decoder(latents, *start).float()

    def score(self, net: nn.Module) -> dict[str, float]:
        """Samples against held-out patches, and these given back."""
        learned = self.patches.draw(np.random.default_rng(self.seed), FITTED)
        fitted = [self._encode(net, part) for part in learned.split(CHUNK)]
        for one in (net, self.net):  # whose buffers the average takes over
            one.fit(*(torch.cat(part) for part in zip(*fitted, strict=True)))
        chance = torch.randn(len(self.held), texture.LATENT, device=self.device)
        prior = net.centre + chance @ net.spread
        samples = torch.cat([self._decode(net, part) for part in prior.split(32)])
        described = descriptor(self.perception, samples)
        mean, log_variance = self._encode(net, self.held)
        part = slice(0, 64)
        wanted = self.perception(self.held[part])
        back = self.perception(self._decode(net, mean[part]))
        parts = [unlike(back[tap], wanted[tap]) for tap in self.taps]
        return {
            "kernel": float(kernel_distance(described, self.known)),
            "diversity": float(diversity(described) / diversity(self.known)),
            **{name: float(sum(one[name] for one in parts)) / len(parts) for name in parts[0]},
            "kl": float(kl(mean, log_variance).mean()),
            "deviation": float(mean.std()),
            "misread": float(self._misread(samples[part], prior[part])),
        }

    def sample(self, net: nn.Module) -> np.ndarray:
        """Held-out patches, twice given back, two rows of samples, and a way between two."""
        held = self.held[:10]
        mean, _ = self._encode(net, held)
        chance = torch.randn(2 * len(held), texture.LATENT, device=self.device)
        prior = net.centre + chance @ net.spread
        share = torch.linspace(0, 1, len(held), device=self.device)[:, None]
        way = mean[:1] * (1 - share) + mean[1:2] * share
        rows = torch.cat((mean, mean, prior, way))
        return sheet(held, *self._decode(net, rows).split(len(held)))


TASK = Task(
    id="texture",
    title="Textures",
    summary="Learns the textures of paintings, and to make new ones that tile.",
    params=TextureTraining,
    lesson=TextureLesson,
)
