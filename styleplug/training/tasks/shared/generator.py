"""Training of `dcgan`, `cgan` and `digits`: a generator and a projected discriminator.

The generator paints pixels directly.  The discriminator sees pictures through a frozen network; see
`training.losses.projected`.  The loss is the hinge loss.  With classes, the discriminator also sees
the class of each picture, and the generator must not always make the same picture: pictures of one
class must differ from each other as much as real ones do.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from styleplug.core.array import Indices, Pixels
from styleplug.core.backend import MOST_CLASSES
from styleplug.core.errors import UsageError
from styleplug.core.params import Params, field
from styleplug.nets.generator import Generator
from styleplug.store import weights_folder
from styleplug.training.data.bank import MARGIN, Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.precision import autocast
from styleplug.training.loop.task import Datasets, Loss, TrainingTask
from styleplug.training.losses.adversarial import frozen
from styleplug.training.losses.perception import Perception
from styleplug.training.losses.projected import ProjectedDiscriminator, hinge_loss
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance
from styleplug.training.tasks.shared.fields import SCRATCH, batch

SCORED = 300  # generated pictures for the score
MEASURED = 64  # real pictures that the scale of features is measured on
ROWS, COLUMNS = 4, 8  # of a sheet
WHOLE_MARGIN = 8 / 7  # margin where pictures are learned whole
SPREAD_WEIGHT = 5.0  # weight of the differences between pictures of one class
SMALLEST_SPREAD = 1e-3
CRITIC = "critic"


def whole() -> Any:
    """Parameter: whether pictures are learned whole."""
    return field(
        True,
        label="Whole pictures",
        help="Learn almost the whole middle square of each picture, which suits faces; otherwise "
        "random crops of it, which suit small sets of pictures.",
    )


class GeneratorParams(Params):
    """Parameters of the task."""

    batch: int = batch(32, "Real pictures in a step, and as many generated ones.", most=512)
    whole: bool = whole()
    mirrored: bool = field(
        True,
        label="Mirrored",
        help="Mirror pictures at random. Not for letters and digits.",
    )


class FacesParams(GeneratorParams):
    """Parameters of a task whose network has the layers of `dcgan`."""

    start: Literal["scratch", "dcgan"] = field(
        "scratch",
        label="Start from",
        help="A random network, or that of dcgan, which comes with styleplug and makes faces.",
        words={"scratch": SCRATCH, "dcgan": "That of dcgan"},
    )


class GeneratorTask(TrainingTask[Generator]):
    """Pictures from noise.

    Args:
        arch: module of `styleplug.nets` whose `build()` gives a `nets.generator.Generator`; if that
            has `classes`, the classes are learned too.
        seed: of the choices made once.

    Raises:
        UsageError: with classes, all pictures are in one folder, or there are too many folders.
    """

    betas = (0.0, 0.99)
    max_grad_norm = 100.0
    ema_decay = 0.998
    rate_factors = {"net": 0.4, CRITIC: 0.4}  # noqa: RUF012

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
        if isinstance(params, FacesParams) and params.start == "dcgan":
            load_dcgan(self.net)
        self.net.to(device).to(memory_format=torch.channels_last)
        margin = WHOLE_MARGIN if params.whole else MARGIN
        self.bank = Bank(
            datasets.pictures, self.net.side, device, margin=margin, mirrored=params.mirrored
        )
        if self.net.classes:
            self.classes = several(self.bank.classes)
        self.labels = self.bank.labels.cpu().numpy()
        weights = np.bincount(self.labels)[self.labels] ** -0.5
        self.chances = weights / weights.sum()  # probability of each picture, with classes
        rng = np.random.default_rng((seed, 2))
        self.critic = ProjectedDiscriminator(
            datasets.teacher, self.bank.draw(rng, MEASURED), classes=len(self.classes)
        )
        self.discriminators = {CRITIC: self.critic}
        self._prepare_scores(datasets, seed)

    def _prepare_scores(self, datasets: Datasets, seed: int) -> None:
        """Describe the held-out pictures, and choose the classes of the pictures to score."""
        self.perception = Perception(datasets.teacher, datasets.pictures, seed).to(self.device)
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
        """The loss of the discriminator, then that of the generator."""
        count = self.params.batch
        real = self.bank.draw(rng, count, indices=self._balanced(rng, count))
        labels = self.bank.labels[self.bank.drawn]
        made = self._generate(self.net, labels)
        seen = self.critic.see(made)
        loss = hinge_loss(
            self.critic(self.critic.see(real), labels),
            self.critic([part.detach() for part in seen], labels),
        )
        yield Loss({"discriminator": loss}, trains=CRITIC)
        with frozen(self.critic.heads):
            logits = self.critic(seen, labels)
        terms = {"generator": -torch.stack([part.mean() for part in logits]).sum()}
        if self.classes:
            terms["spread"] = SPREAD_WEIGHT * F.relu(
                1 - spread(made, labels) / spread(real, labels)
            )
        yield Loss(terms)

    def _balanced(self, rng: np.random.Generator, count: int) -> Indices | None:
        """Indices of pictures; the frequency of a class is the square root of its size.

        None without classes.
        """
        if not self.classes:
            return None
        return rng.choice(len(self.labels), size=count, p=self.chances)

    def _generate(self, net: Generator, labels: Tensor) -> Tensor:
        """Random pictures (b 3 h w), of these classes if there are classes."""
        noise = torch.randn(len(labels), net.noise, device=self.device)
        shares = (F.one_hot(labels, MOST_CLASSES).float(),) if self.classes else ()
        with autocast(self.device):
            pictures: Tensor = net(noise, *shares)
        return pictures

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


def load_dcgan(net: Generator) -> None:
    """Take over the embedded weights of `dcgan`; all classes begin with the same pictures."""
    embedded = load_file(weights_folder() / "dcgan.safetensors")
    zero = torch.zeros(())  # for what only a network with classes has
    state = net.state_dict()
    net.load_state_dict({key: embedded.get(key, zero).expand_as(x) for key, x in state.items()})


def spread(pictures: Tensor, labels: Tensor) -> Tensor:
    """Mean absolute difference () of two pictures (b 3 h w) with the same label (b), never 0."""
    pairs = (labels[:, None] == labels).float().fill_diagonal_(0)
    differences = torch.cdist(pictures.flatten(1), pictures.flatten(1), p=1) / pictures[0].numel()
    return (pairs * differences).sum() / pairs.sum().clamp_min(1) + SMALLEST_SPREAD


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
