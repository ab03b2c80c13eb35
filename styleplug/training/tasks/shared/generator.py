"""Training of `gan`, `dcgan` and `cgan`: two pairs of generator and discriminator.

The losses are adversarial, Goodfellow et al. 2014 (arXiv:1406.2661).  In the first pair the mapping
learns to make styles like those of real pictures.  Its discriminator is convolutional and sees the
low-frequency layouts of the styles.  Its loss is relativistic, with R1 at real and generated styles
(Huang et al. 2024, arXiv:2501.05441).  It needs a much higher learning rate than the mapping.

In the second pair the painter learns to add detail to layouts.  Most of their styles come from the
mapping, which also learns from this loss; some come from real pictures, and the painter must
reconstruct these pictures.  The discriminators are small heads on frozen perceptual features
(Sauer et al. 2021, arXiv:2111.01007): the features recognise an eye from the first step, and the
heads hardly memorise pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleplug.core.array import Indices, Pixels
from styleplug.core.backend import MOST_CLASSES
from styleplug.core.errors import UsageError
from styleplug.core.params import Params, field
from styleplug.nets.generator import NOISE, STYLE, Generator
from styleplug.training.data.bank import MARGIN, Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.task import Datasets, Loss, TrainingTask
from styleplug.training.losses.adversarial import (
    R1_EVERY,
    FeatureDiscriminator,
    discriminator_loss,
    frozen,
    generator_loss,
    r1_exact,
    relativistic_loss,
)
from styleplug.training.losses.perception import Perception
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.fields import SCRATCH, batch
from styleplug.training.tasks.shared.latent_space import LatentSpace, LayoutDiscriminator
from styleplug.training.tasks.shared.principal_components import (
    PrincipalComponents,
    change_basis,
    fit_linear,
)

SCORED = 256  # generated pictures for the score
CENTRE_RATE = 0.01  # share of a step in the mean style
ROWS, COLUMNS = 4, 8  # of a sheet
WHOLE_MARGIN = 8 / 7  # margin where pictures are learned whole
STYLE_BATCHES = 4  # batches of styles in a step of the first pair
MAX_COMPONENT_PICTURES = 4096  # pictures at most that the components are computed from
REAL_SHARE = 1 / 4  # share of real pictures in the second pair
RECONSTRUCTION_STEPS = 150  # first steps, without discriminators in the second pair
FIRST_PIXEL_WEIGHT = 4.0  # weight of single numbers in the reconstruction, in these steps
PIXEL_WEIGHT = 0.3  # and after them
R1_WEIGHT = 0.05  # weight in the first pair
START = {"embedded": "The embedded network", "scratch": SCRATCH}  # choices of `start`


def whole(default: bool) -> Any:
    """Parameter: whether pictures are learned whole."""
    return field(
        default,
        label="Whole pictures",
        help="Learn almost the whole middle square of each picture, which suits faces; otherwise "
        "random crops of it, which suit small sets of pictures.",
    )


class GeneratorParams(Params):
    """Parameters of the task."""

    start: Literal["embedded", "scratch"] = field(
        "embedded",
        label="Start from",
        help="The network that comes with styleplug, which makes faces, or a random one, which "
        "takes hours.",
        words=START,
    )
    batch: int = batch(
        16,
        "Real pictures in a step, and as many generated ones.",
        most=512,
    )
    follow_weight: float = field(
        1.0,
        label="Reconstruction weight",
        help="Weight of the reconstruction of real pictures: higher values give more faithful, "
        "softer pictures.",
        ge=0.0,
        le=100.0,
        advanced=True,
    )
    whole: bool = whole(True)


class GeneratorTask(TrainingTask[Generator]):
    """Pictures from noise.

    Args:
        arch: module of `styleplug.nets` whose `build()` gives a `nets.generator.Generator`; if that
            has an `embedding`, the classes are learned too.
        seed: of the choices made once.

    Raises:
        UsageError: with classes, all pictures are in one folder, or there are too many folders.
    """

    betas = (0.0, 0.99)
    max_grad_norm = 10.0
    ema_decay = 0.995  # with a longer average, styles become too similar
    rate_factors = {"net": 0.15, "styles": 1.0, "canvases": 1.0}  # noqa: RUF012

    def __init__(
        self,
        arch: ModuleType,
        datasets: Datasets,
        params: GeneratorParams,
        device: torch.device,
        seed: int,
    ):
        self.params, self.device = params, device
        self.net = arch.build()
        if params.start == "embedded":
            load_embedded(self.net, arch.__name__.rpartition(".")[2])
        self.net.to(device).to(memory_format=torch.channels_last)
        margin = WHOLE_MARGIN if params.whole else MARGIN
        self.bank = Bank(datasets.pictures, self.net.side, device, margin=margin)
        if self.net.embedding is not None:
            self.classes = several(self.bank.classes)
        self.labels = self.bank.labels.cpu().numpy()
        weights = np.bincount(self.labels)[self.labels] ** -0.5
        self.chances = weights / weights.sum()  # probability of each picture, with classes
        rng = np.random.default_rng((seed, 2))
        chosen = rng.permutation(len(self.bank))[:MAX_COMPONENT_PICTURES]
        pictures = self.bank.draw(rng, len(chosen), indices=chosen)
        self.latent_space = LatentSpace(self.net, pictures)
        both = torch.cat((pictures, pictures.flip(3)))
        self.components = PrincipalComponents(both, STYLE)
        styles = self.components.project(pictures)
        basis, plain = fit_linear(styles, self.latent_space.encode(pictures))
        if params.start == "embedded":
            change_basis(self.net, basis, plain)
        self.net.basis.copy_(basis)
        self.net.plain.copy_(plain)
        self.perception = Perception(datasets.teacher, datasets.pictures, seed).to(device)
        count = len(self.classes)
        layout_critic = LayoutDiscriminator(self.net, styles, classes=count).to(device)
        self.latent_critic = FeatureDiscriminator(self.perception, classes=count).to(device)
        self.discriminators = {"styles": layout_critic, "canvases": self.latent_critic}
        self._prepare_scores(datasets, seed)

    def _prepare_scores(self, datasets: Datasets, seed: int) -> None:
        """Describe the held-out pictures, and choose the classes of the pictures to score."""
        held = Bank(datasets.held_out_pictures, self.net.side, self.device, margin=1)
        rng = np.random.default_rng((seed, 1))
        pictures = held.draw(rng, len(held), indices=np.arange(len(held)))
        self.held = descriptor(self.perception, pictures)
        chosen = np.arange(SCORED) * len(held) // SCORED  # from all classes: they are sorted
        named = [datasets.held_out_pictures.labels[i] for i in chosen]
        numbers_by_name = {name: number for number, name in enumerate(self.bank.classes)}
        numbers = [numbers_by_name.get(name, 0) for name in named]
        self.scored_labels = torch.tensor(numbers, device=self.device)

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Both pairs: first the loss of the discriminator, then that of the generator."""
        yield from self._mapping_losses(step, rng)
        yield from self._painter_losses(step, rng)

    def _mapping_losses(self, step: int, rng: np.random.Generator) -> Iterator[Loss]:
        """The first pair."""
        count, discriminator = STYLE_BATCHES * self.params.batch, self.discriminators["styles"]
        with torch.no_grad():
            real = self.components.project(self._draw(rng, count))
        labels = self.bank.labels[self.bank.drawn]
        known = self._labels(labels)
        made = self._map(self.net, self._noise(count), labels)
        real_logits = discriminator(real, *known)
        logits = discriminator(made.detach(), *known)
        terms = {"styles": relativistic_loss(logits, real_logits)}
        if step % R1_EVERY == 0:
            penalties = [r1_exact(discriminator, styles, *known) for styles in (real, made)]
            terms["styles r1"] = R1_WEIGHT / 2 * R1_EVERY * torch.stack(penalties).sum()
        yield Loss(terms, trains="styles")
        with frozen(discriminator):
            logits = discriminator(made, *known)
        yield Loss({"map": relativistic_loss(real_logits.detach(), logits)})
        self._update_centre(made.detach(), labels)

    def _painter_losses(self, step: int, rng: np.random.Generator) -> Iterator[Loss]:
        """The second pair."""
        net, latent_space, discriminator = (
            self.net,
            self.latent_space,
            self.latent_critic,
        )
        count = self.params.batch
        with torch.no_grad():
            pictures = self._draw(rng, count)
            labels = self.bank.labels[self.bank.drawn]
            real, real_styles = latent_space.encode(pictures), self.components.project(pictures)
        some = max(1, round(REAL_SHARE * count))
        mapped = self._map(net, self._noise(count - some), labels[some:])
        style = torch.cat((real_styles[:some], mapped))
        layout = net.layout(style)
        made = layout + net.painter(layout, style)
        weight = FIRST_PIXEL_WEIGHT if step < RECONSTRUCTION_STEPS else PIXEL_WEIGHT
        error = latent_space.reconstruction_loss(made, real[:some], layout, weight)
        terms = {"likeness": self.params.follow_weight * error}
        if step >= RECONSTRUCTION_STEPS:
            known = self._labels(labels)
            with torch.no_grad():  # real pictures also pass the decoder
                real_features = self.perception(latent_space.decode_scaled(real))
            features = self.perception(latent_space.decode_scaled(made))
            detached = {tap: part.detach() for tap, part in features.items()}
            pairs = zip(
                discriminator.each(real_features, *known),
                discriminator.each(detached, *known),
                strict=True,
            )
            loss = torch.stack([discriminator_loss(*pair) for pair in pairs]).mean()
            yield Loss({"critic": loss}, trains="canvases")
            with frozen(discriminator):
                fooled = [generator_loss(logits) for logits in discriminator.each(features, *known)]
            terms["painter"] = torch.stack(fooled).mean()
        yield Loss(terms)

    def _labels(self, labels: Tensor) -> tuple[Tensor, ...]:
        """The arguments of discriminators besides what they judge."""
        return (labels,) if self.classes else ()

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, NOISE, device=self.device)

    def _draw(self, rng: np.random.Generator, count: int) -> Tensor:
        """Pictures; small classes are drawn more often than their share, large ones less."""
        return self.bank.draw(rng, count, indices=self._balanced(rng, count))

    def _balanced(self, rng: np.random.Generator, count: int) -> Indices | None:
        """Indices of pictures; the frequency of a class is the square root of its size.

        None without classes.
        """
        if not self.classes:
            return None
        return rng.choice(len(self.labels), size=count, p=self.chances)

    def _one_hot(self, labels: Tensor) -> Tensor:
        """One-hot classes of labels: (b k); without classes k is 1."""
        if not self.classes:
            return torch.ones(len(labels), 1, device=self.device)
        return F.one_hot(labels, MOST_CLASSES).float()

    def _map(self, net: Generator, noise: Tensor, labels: Tensor) -> Tensor:
        """Styles (b s)."""
        return net.map(noise, self._one_hot(labels)) if self.classes else net.map(noise)

    @torch.no_grad()
    def _update_centre(self, style: Tensor, labels: Tensor) -> None:
        """Update the mean style, for each class, with the styles of this step."""
        shares, mean = self._one_hot(labels), self.net.centre
        with torch.autocast(self.device.type, enabled=False):
            difference = shares.T @ (style.float() - shares @ mean)
        mean += CENTRE_RATE * difference / shares.sum(0)[:, None].clamp_min(1)

    def _generate(self, net: Generator, labels: Tensor) -> Tensor:
        """Random pictures (b 3 h w)."""
        return self.latent_space.decode(net.paint(self._map(net, self._noise(len(labels)), labels)))

    def score(self, net: Generator) -> dict[str, float]:
        """Distance of generated pictures to held-out ones, and their relative diversity."""
        parts = torch.split(self.scored_labels, 32)
        found = torch.cat([descriptor(self.perception, self._generate(net, p)) for p in parts])
        return {
            "distance": float(kernel_distance(found, self.held)),
            "diversity": float(diversity(found) / diversity(self.held)),
        }

    def sample(self, net: Generator) -> Pixels:
        """Rows of generated pictures; with classes, one row for each class."""
        rows = len(self.classes) or ROWS
        labels = torch.arange(rows, device=self.device).repeat_interleave(COLUMNS)
        return sheet(*torch.split(self._generate(net, labels), COLUMNS))


def several(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The same names of classes, of which there is a number that can be learned.

    Raises:
        UsageError: there is only one class, or there are too many.
    """
    if len(classes) < 2:
        raise UsageError(
            f"all pictures are in one folder ({', '.join(classes)}), so there is one class; "
            "expected two or more: one sub-folder for each class"
        )
    if len(classes) > MOST_CLASSES:
        raise UsageError(
            f"got {len(classes)} classes ({', '.join(classes[:20])}); expected 2 to "
            f"{MOST_CLASSES}: a folder for each, with its pictures in it"
        )
    return classes
