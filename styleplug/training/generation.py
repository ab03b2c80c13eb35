"""What `gan`, `dcgan` and `cgan` are trained by: a generator against two critics.

Goodfellow et al. 2014 (arXiv:1406.2661), with the means of `adversary` that let little data and
time suffice: one critic sees the picture itself, the other the features of a frozen net; both see
pictures only after the same kinds of changes.  R1 steadies the first, spectral norms the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.classes import CLASSES, spell
from styleplug.core.errors import UsageError
from styleplug.core.mapped import NOISE
from styleplug.core.params import Params, field
from styleplug.training.adversary import R1_EVERY, Critic, FeatureCritic, augment, fool, r1, tell
from styleplug.training.bank import Bank
from styleplug.training.fields import batch
from styleplug.training.perception import Perception
from styleplug.training.pictures import sheet
from styleplug.training.quality import descriptor, diversity, kernel_distance
from styleplug.training.task import Lesson, Loss, Materials

SCORED = 256  # pictures made to be judged
FOLLOWING = 0.01  # by how much of a step's styles their mean is moved
ROWS, COLUMNS = 4, 8  # of a sheet


def whole(default: bool) -> Any:
    """Field: whether pictures are learned whole."""
    return field(
        default,
        label="Whole pictures",
        help="Learn the middle square of each picture whole, as suits faces; else random crops of "
        "it, which make more of few pictures.",
        zh=("整图", "学习每张图片的整个中央方块（适合人脸）；否则随机裁剪，图片少时更有效。"),
    )


class Generation(Params):
    """What decides a run."""

    batch: int = batch(
        64,
        "Real pictures, and as many made ones, in a step.",
        "每一步的真实图片数，生成图片数与之相同。",
        most=512,
    )
    r1_weight: float = field(
        0.2,
        label="R1 weight",
        help="Weight of the critic's squared gradient at real pictures: raise it where a run "
        "becomes unsteady.",
        zh=("R1 权重", "判别器在真实图片处梯度平方的权重：训练不稳时调高。"),
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    feature_weight: float = field(
        1.0,
        label="Feature weight",
        help="Weight of the critic that sees perceptual features, beside the one that sees pixels.",
        zh=("特征权重", "观察感知特征的判别器的权重（相对于观察像素的判别器）。"),
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    whole: bool = whole(True)


class Critics(nn.Module):
    """Both critics.

    Args:
        size: side of the pictures.
        perception: of the second; no part of this module.
        classes: how many pictures belong to; 0: none are told.
    """

    def __init__(self, size: int, perception: Perception, classes: int):
        super().__init__()
        self.pixels = Critic(size, classes=classes)
        self.features = FeatureCritic(perception, classes=classes)


class GeneratorLesson(Lesson):
    """Pictures out of noise.

    Args:
        arch: module of `styleplug.nets` with `build()`, a net with `side`, `map`, `paint`
            and `centre`; one with an `embedding` learns classes.
        materials: what to learn from.
        params: what decides the run.
        device: where.
        seed: of what is chosen once.

    Raises:
        UsageError: it is to learn classes, and the pictures lie in one folder, or in too many.
    """

    betas = (0.0, 0.99)
    clip = 10.0
    rates = {"net": 2.0, "critic": 0.25}  # noqa: RUF012 - weights of the net have unit variance

    def __init__(
        self,
        arch: ModuleType,
        materials: Materials,
        params: Generation,
        device: torch.device,
        seed: int,
    ):
        self.params, self.device = params, device
        self.net = arch.build().to(device, memory_format=torch.channels_last)
        self.bank = Bank(materials.pictures, self.net.side, device, whole=params.whole)
        self.classes = 0
        if getattr(self.net, "embedding", None) is not None:
            self.classes = len(self.bank.classes)
            self.net.letters.copy_(torch.from_numpy(spelled(self.bank.classes)))
        self.labels = self.bank.labels.cpu().numpy()
        self.perception = Perception(materials.teacher, materials.pictures, seed).to(device)
        critics = Critics(self.net.side, self.perception, self.classes)
        self.critics = {"critic": critics.to(device, memory_format=torch.channels_last)}
        self._judge_by(materials, seed)

    def _judge_by(self, materials: Materials, seed: int) -> None:
        """Describe the held-out pictures, and choose the classes of those made to be judged."""
        held = Bank(materials.held_pictures, self.net.side, self.device, whole=self.params.whole)
        rng = np.random.default_rng((seed, 1))
        pictures = held.draw(rng, len(held), of=np.arange(len(held)))
        self.held = descriptor(self.perception, pictures)
        chosen = np.arange(SCORED) * len(held) // SCORED  # of all classes, which lie in order
        named = [materials.held_pictures.labels[i] for i in chosen]
        known = {name: number for number, name in enumerate(self.bank.classes)}
        numbers = [known.get(name, 0) for name in named]
        self.judged = torch.tensor(numbers, device=self.device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """The critics learn to tell the pictures made from real ones, then the net to fool them."""
        count, critics = self.params.batch, self.critics["critic"]
        real = self.bank.draw(rng, count, of=self._balanced(rng, count))
        labels = self.bank.labels[self.bank.chosen]
        style = self._map(self.net, torch.randn(count, NOISE, device=self.device), labels)
        made = self.net.paint(style)  # with the net as it is: the critics' step leaves it so

        # In turn real and made: of a batch that four divides, the critic compares like with like.
        seen = augment(torch.stack((real, made.detach()), dim=1).flatten(0, 1))
        pixels, *heads = (
            tell(logits[0::2], logits[1::2])
            for logits in self._judged(seen, labels.repeat_interleave(2))
        )
        terms = {"critic": pixels, "feature critic": torch.stack(heads).mean()}
        if step % R1_EVERY == 0 and self.params.r1_weight:
            steady = r1(critics.pixels, seen[0::2], self._told(labels))
            terms["r1"] = self.params.r1_weight / 2 * R1_EVERY * steady
        yield Loss(terms, trains="critic")

        critics.requires_grad_(False)  # spares the work of gradients that nobody needs
        pixels, *heads = map(fool, self._judged(augment(made), labels))
        features = self.params.feature_weight * torch.stack(heads).mean()
        yield Loss({"pixels": pixels, "features": features})
        critics.requires_grad_(True)
        self._follow(style.detach().float(), labels)

    def _balanced(self, rng: np.random.Generator, count: int) -> np.ndarray | None:
        """Numbers of pictures, every class as often as any other; None where there are none."""
        if not self.classes:
            return None
        order = np.argsort(self.labels, kind="stable")
        sizes = np.bincount(self.labels, minlength=self.classes)
        starts = np.cumsum(sizes) - sizes
        chosen = rng.permutation(np.arange(count) + rng.integers(self.classes)) % self.classes
        return order[starts[chosen] + (rng.random(count) * sizes[chosen]).astype(np.int64)]

    def _judged(self, pictures: Tensor, labels: Tensor) -> Iterator[Tensor]:
        """Logits (b 1) of the pictures, then (b n) of each tap of their features.

        Taps count the same: the finest have most positions, and would drown what is seen at large.
        """
        critics, told = self.critics["critic"], self._told(labels)
        yield critics.pixels(pictures, told)
        features = self.perception(pictures)
        for tap, head in critics.features.heads.items():
            yield head(features[tap], told)

    def _told(self, labels: Tensor) -> Tensor | None:
        """Labels, where there are classes."""
        return labels if self.classes else None

    def _shares(self, labels: Tensor) -> Tensor:
        """All of one class, for each label: (b k), k being 1 where there are no classes."""
        if not self.classes:
            return torch.ones(len(labels), 1, device=self.device)
        return F.one_hot(labels, CLASSES).float()

    def _map(self, net: nn.Module, noise: Tensor, labels: Tensor) -> Tensor:
        """Styles (b s)."""
        return net.map(noise, self._shares(labels)) if self.classes else net.map(noise)

    @torch.no_grad()
    def _follow(self, style: Tensor, labels: Tensor) -> None:
        """Let the means of the styles, of each class its own, follow those of a step."""
        shares, mean = self._shares(labels), self.net.centre
        with torch.autocast(self.device.type, enabled=False):
            apart = shares.T @ (style - shares @ mean)
        mean += FOLLOWING * apart / shares.sum(0)[:, None].clamp_min(1)

    def score(self, net: nn.Module) -> dict[str, float]:
        """How far the pictures made are from held-out ones, and how various they are beside."""
        made = [
            descriptor(self.perception, net.paint(self._map(net, noise, labels)).clamp(0, 1))
            for noise, labels in zip(
                torch.randn(SCORED, NOISE, device=self.device).split(32),
                self.judged.split(32),
                strict=True,
            )
        ]
        found = torch.cat(made)
        return {
            "distance": float(kernel_distance(found, self.held)),
            "diversity": float(diversity(found) / diversity(self.held)),
        }

    def sample(self, net: nn.Module) -> np.ndarray:
        """Rows of pictures made; of classes one row each."""
        rows = self.classes or ROWS
        noise = torch.randn(COLUMNS * rows, NOISE, device=self.device)
        labels = torch.arange(rows, device=self.device).repeat_interleave(COLUMNS)
        made = net.paint(self._map(net, noise, labels))
        return sheet(*made.split(COLUMNS))


def spelled(classes: tuple[str, ...]) -> np.ndarray:
    """Names of classes as weights hold them.

    Raises:
        UsageError: there is only one class, or there are too many.
    """
    if len(classes) < 2:
        raise UsageError(
            f"all pictures lie in one folder ({', '.join(classes)}), so there is one class; "
            "expected two or more: a folder for each, all of them in the folder that is given"
        )
    return spell(classes)
