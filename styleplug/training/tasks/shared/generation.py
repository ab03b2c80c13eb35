"""What `gan`, `dcgan` and `cgan` are trained by: two games, each of a critic and who fools it.

Goodfellow et al. 2014 (arXiv:1406.2661), with the non-saturating loss.  In the first game the
mapping learns to make styles like those of real pictures.  The critic judges the sketches that
they give, by convolutions, real and made in pairs, with R1 of both (Huang et al. 2024,
arXiv:2501.05441); it needs a far higher rate than the mapping that fools it.

In the second game a painter learns to complete sketches.  Most are of styles that the mapping
made, which learns on with it; some are of real pictures, which the painter must not stray from.
Its critics are small heads on frozen perceptual features of the pictures (Sauer et al. 2021,
arXiv:2111.01007): they know from the first step what an eye is, and hardly learn by heart.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.backend import MOST_CLASSES
from styleplug.core.errors import UsageError
from styleplug.core.params import Params, field
from styleplug.nets.generator import NOISE, STYLE
from styleplug.training.data.bank import ROOM, Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.task import Lesson, Loss, Materials
from styleplug.training.losses.adversary import (
    R1_EVERY,
    FeatureCritic,
    fool,
    outdo,
    r1_exact,
    tell,
    unmoved,
)
from styleplug.training.losses.perception import Perception
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance
from styleplug.training.tasks.shared.canvas import Latents, SketchCritic
from styleplug.training.tasks.shared.eigen import Eigenpictures, regression, translate
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch

SCORED = 256  # pictures made to be judged
FOLLOWING = 0.01  # by how much of a step's styles their mean is moved
ROWS, COLUMNS = 4, 8  # of a sheet
JITTER = 8 / 7  # of a picture's side by the crop's, where pictures are learned whole
MANY = 4  # styles in the first game, in batches of pictures
DESCRIBED = 4096  # pictures at most that eigenpictures are found from
KNOWN = 1 / 4  # of the sketches in the second game: those of real pictures
ALONE = 150  # steps in which the painter only learns not to stray, before critics are heard
ALONE_NEAR, NEAR = 4.0, 0.3  # weight of each number's likeness before, and after
R1 = 0.05  # its weight in the first game
START = {"embedded": "The embedded net", "scratch": SCRATCH}  # in words


def whole(default: bool) -> Any:
    """Field: whether pictures are learned whole."""
    return field(
        default,
        label="Whole pictures",
        help="Learn the middle square of each picture almost whole, as suits faces; else random "
        "crops of it, which make more of few pictures.",
    )


class Generation(Params):
    """What decides a run."""

    start: Literal["embedded", "scratch"] = field(
        "embedded",
        label="Start from",
        help="The net that comes with styleplug, which paints faces, or nothing, which takes "
        "hours.",
        words=START,
    )
    batch: int = batch(
        16,
        "Real pictures, and as many made ones, in a step.",
        most=512,
    )
    follow_weight: float = field(
        1.0,
        label="Likeness weight",
        help="How closely the painter keeps to what it completes: raise it for truer, softer "
        "pictures.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    whole: bool = whole(True)


class GeneratorLesson(Lesson):
    """Pictures out of noise.

    Args:
        arch: module of `styleplug.nets` with `build()`, a `nets.generator.Generator`; one with an
            `embedding` learns classes.
        materials: what to learn from.
        params: what decides the run.
        device: where.
        seed: of what is chosen once.

    Raises:
        UsageError: it is to learn classes, and the pictures lie in one folder, or in too many.
    """

    betas = (0.0, 0.99)
    clip = 10.0
    decay = 0.995  # an average over many steps has styles that are too much alike
    rates = {"net": 0.15, "styles": 1.0, "canvases": 1.0}  # noqa: RUF012

    def __init__(
        self,
        arch: ModuleType,
        materials: Materials,
        params: Generation,
        device: torch.device,
        seed: int,
    ):
        self.params, self.device = params, device
        self.net = arch.build()
        if params.start == "embedded":
            load_embedded(self.net, arch.__name__.rpartition(".")[2])
        self.net.to(device, memory_format=torch.channels_last)
        room = JITTER if params.whole else ROOM
        self.bank = Bank(materials.pictures, self.net.side, device, room=room)
        if self.net.embedding is not None:
            self.classes = several(self.bank.classes)
        self.labels = self.bank.labels.cpu().numpy()
        weights = np.bincount(self.labels)[self.labels] ** -0.5
        self.chances = weights / weights.sum()  # of each picture, where there are classes
        rng = np.random.default_rng((seed, 2))
        chosen = rng.permutation(len(self.bank))[:DESCRIBED]
        pictures = self.bank.draw(rng, len(chosen), of=chosen)
        self.canvas = Latents(self.net, pictures)
        both = torch.cat((pictures, pictures.flip(3)))
        self.eigenpictures = Eigenpictures(both, STYLE)
        styles = self.eigenpictures.styles(pictures)
        basis, plain = regression(styles, self.canvas.read(pictures))
        if params.start == "embedded":
            translate(self.net, basis, plain)
        self.net.basis.copy_(basis)
        self.net.plain.copy_(plain)
        self.perception = Perception(materials.teacher, materials.pictures, seed).to(device)
        critics = {
            "styles": SketchCritic(self.net, styles, classes=len(self.classes)),
            "canvases": FeatureCritic(self.perception, classes=len(self.classes)),
        }
        self.critics = {name: critic.to(device) for name, critic in critics.items()}
        self._judge_by(materials, seed)

    def _judge_by(self, materials: Materials, seed: int) -> None:
        """Describe the held-out pictures, and choose the classes of those made to be judged."""
        held = Bank(materials.held_pictures, self.net.side, self.device, room=1)
        rng = np.random.default_rng((seed, 1))
        pictures = held.draw(rng, len(held), of=np.arange(len(held)))
        self.held = descriptor(self.perception, pictures)
        chosen = np.arange(SCORED) * len(held) // SCORED  # of all classes, which lie in order
        named = [materials.held_pictures.labels[i] for i in chosen]
        known = {name: number for number, name in enumerate(self.bank.classes)}
        numbers = [known.get(name, 0) for name in named]
        self.judged = torch.tensor(numbers, device=self.device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Both games: a critic learns to tell what is made from what is real, then is fooled."""
        yield from self._styles(step, rng)
        yield from self._canvases(step, rng)

    def _styles(self, step: int, rng: np.random.Generator) -> Iterator[Loss]:
        """The first game."""
        count, critic = MANY * self.params.batch, self.critics["styles"]
        with torch.no_grad():
            real = self.eigenpictures.styles(self._drawn(rng, count))
        labels = self.bank.labels[self.bank.chosen]
        told = self._told(labels)
        made = self._map(self.net, self._noise(count), labels)
        truth, found = critic(real, *told), critic(made.detach(), *told)
        terms = {"styles": outdo(found, truth)}
        if step % R1_EVERY == 0:
            steep = [r1_exact(critic, styles, *told) for styles in (real, made)]
            terms["styles r1"] = R1 / 2 * R1_EVERY * torch.stack(steep).sum()
        yield Loss(terms, trains="styles")
        with unmoved(critic):
            found = critic(made, *told)
        yield Loss({"map": outdo(truth.detach(), found)})
        self._follow(made.detach(), labels)

    def _canvases(self, step: int, rng: np.random.Generator) -> Iterator[Loss]:
        """The second game."""
        net, canvas, critic = self.net, self.canvas, self.critics["canvases"]
        count = self.params.batch
        with torch.no_grad():
            pictures = self._drawn(rng, count)
            labels = self.bank.labels[self.bank.chosen]
            real, known = canvas.read(pictures), self.eigenpictures.styles(pictures)
        some = max(1, round(KNOWN * count))
        mapped = self._map(net, self._noise(count - some), labels[some:])
        style = torch.cat((known[:some], mapped))
        sketch = net.sketch(style)
        made = sketch + net.painter(sketch, style)
        strayed = canvas.strayed(made, real[:some], sketch, ALONE_NEAR if step < ALONE else NEAR)
        terms = {"likeness": self.params.follow_weight * strayed}
        if step >= ALONE:
            told = self._told(labels)
            with torch.no_grad():  # real pictures as the decoder would give them, too
                truth = self.perception(canvas.show(real))
            seen = self.perception(canvas.show(made))
            kept = {tap: part.detach() for tap, part in seen.items()}
            pairs = zip(critic.each(truth, *told), critic.each(kept, *told), strict=True)
            telling = torch.stack([tell(*pair) for pair in pairs]).mean()
            yield Loss({"critic": telling}, trains="canvases")
            with unmoved(critic):
                fooling = [fool(logits) for logits in critic.each(seen, *told)]
            terms["painter"] = torch.stack(fooling).mean()
        yield Loss(terms)

    def _told(self, labels: Tensor) -> tuple[Tensor, ...]:
        """What critics are told beside what they judge."""
        return (labels,) if self.classes else ()

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, NOISE, device=self.device)

    def _drawn(self, rng: np.random.Generator, count: int) -> Tensor:
        """Pictures; small classes more often than they are many, large ones less."""
        return self.bank.draw(rng, count, of=self._balanced(rng, count))

    def _balanced(self, rng: np.random.Generator, count: int) -> np.ndarray | None:
        """Numbers of pictures, classes as often as the roots of their sizes; None without any."""
        if not self.classes:
            return None
        return rng.choice(len(self.labels), size=count, p=self.chances)

    def _shares(self, labels: Tensor) -> Tensor:
        """All of one class, for each label: (b k), k being 1 where there are no classes."""
        if not self.classes:
            return torch.ones(len(labels), 1, device=self.device)
        return F.one_hot(labels, MOST_CLASSES).float()

    def _map(self, net: nn.Module, noise: Tensor, labels: Tensor) -> Tensor:
        """Styles (b s)."""
        return net.map(noise, self._shares(labels)) if self.classes else net.map(noise)

    @torch.no_grad()
    def _follow(self, style: Tensor, labels: Tensor) -> None:
        """Let the means of the styles, of each class its own, follow those of a step."""
        shares, mean = self._shares(labels), self.net.centre
        with torch.autocast(self.device.type, enabled=False):
            apart = shares.T @ (style.float() - shares @ mean)
        mean += FOLLOWING * apart / shares.sum(0)[:, None].clamp_min(1)

    def _made(self, net: nn.Module, labels: Tensor) -> Tensor:
        """Pictures (b 3 h w) of chance."""
        return self.canvas.picture(net.paint(self._map(net, self._noise(len(labels)), labels)))

    def score(self, net: nn.Module) -> dict[str, float]:
        """How far the pictures made are from held-out ones, and how various they are beside."""
        parts = self.judged.split(32)
        found = torch.cat([descriptor(self.perception, self._made(net, part)) for part in parts])
        return {
            "distance": float(kernel_distance(found, self.held)),
            "diversity": float(diversity(found) / diversity(self.held)),
        }

    def sample(self, net: nn.Module) -> np.ndarray:
        """Rows of pictures made; of classes one row each."""
        rows = len(self.classes) or ROWS
        labels = torch.arange(rows, device=self.device).repeat_interleave(COLUMNS)
        return sheet(*self._made(net, labels).split(COLUMNS))


def several(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The same names of classes, of which there is a number that can be learned.

    Raises:
        UsageError: there is only one class, or there are too many.
    """
    if len(classes) < 2:
        raise UsageError(
            f"all pictures lie in one folder ({', '.join(classes)}), so there is one class; "
            "expected two or more: a folder for each, all of them in the folder that is given"
        )
    if len(classes) > MOST_CLASSES:
        raise UsageError(
            f"got {len(classes)} classes ({', '.join(classes[:20])}); expected 2 to "
            f"{MOST_CLASSES}: a folder for each, with its pictures in it"
        )
    return classes
