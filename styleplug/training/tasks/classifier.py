"""Train `classifier`: tell the classes of real pictures, to judge by it those that `cgan` makes.

It never sees a made picture.  What the frozen encoder makes of every picture, and of mirrored
crops of it, is computed once; two dense layers then learn from that.  Cross-entropy with smoothed
labels (Szegedy et al. 2016, arXiv:1512.00567); all classes are drawn as often.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.core.params import Params, field
from styleplug.nets import classifier
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.task import Lesson, Loss, Materials, Task
from styleplug.training.losses.perception import load_encoder
from styleplug.training.tasks.shared.fields import batch
from styleplug.training.tasks.shared.generation import several

SMOOTHING = 0.1
CHUNK = 64  # pictures summed up at once
SHOWN = 8  # pictures of a sheet


class ClassifierTraining(Params):
    """What decides a run."""

    batch: int = batch(128, most=512)
    crops: int = field(
        2,
        label="Crops",
        help="Random crops of each picture that are learned from.",
        ge=1,
        le=16,
        advanced=True,
    )


class ClassifierLesson(Lesson):
    """Pictures, each to be told its class."""

    def __init__(
        self, materials: Materials, params: ClassifierTraining, device: torch.device, seed: int
    ):
        self.params = params
        self.net = classifier.build()
        self.net.encoder.load_state_dict(load_encoder().state_dict())
        self.net.encoder.requires_grad_(False)
        self.bank = Bank(materials.pictures, classifier.SIDE, device)
        self.classes = several(self.bank.classes)
        self.net.to(device)
        held = Bank(materials.held_pictures, classifier.SIDE, device, room=1, classes=self.classes)
        self.held, self.held_labels = held.squares.float() / 255, held.labels
        self._sum_up(np.random.default_rng(seed))

    @torch.no_grad()
    def _sum_up(self, rng: np.random.Generator) -> None:
        """Ask the encoder about all crops, once, and about what is held out."""
        labels = self.bank.labels.cpu().numpy()
        order = np.tile(np.arange(len(self.bank)), self.params.crops)
        self.sums = torch.cat(
            [
                self.net.sums(self.bank.draw(rng, 0, of=order[start : start + CHUNK]))
                for start in range(0, len(order), CHUNK)
            ]
        )
        self.members = [
            np.flatnonzero(labels[order] == number) for number in range(len(self.bank.classes))
        ]
        self.labels = self.bank.labels.repeat(self.params.crops)
        self.net.centre.copy_(self.sums.mean(0))
        self.net.spread.copy_(self.sums.std(0) + 1e-3)
        self.held_sums = torch.cat([self.net.sums(part) for part in self.held.split(CHUNK)])

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """As many pictures of each class, as a rule."""
        chosen = rng.integers(len(self.members), size=self.params.batch)
        numbers = torch.tensor([int(rng.choice(self.members[one])) for one in chosen])
        numbers = numbers.to(self.sums.device)
        self.net.train()
        logits = self.net.tell(self.sums[numbers]).float()
        yield Loss(
            {"error": F.cross_entropy(logits, self.labels[numbers], label_smoothing=SMOOTHING)}
        )

    def score(self, net: nn.Module) -> dict[str, float]:
        """Share of held-out pictures whose class is told wrongly, each class counting the same."""
        wrong = (self._taken(net) != self.held_labels).float()
        each = [
            float(wrong[self.held_labels == number].mean())
            for number in self.held_labels.unique().tolist()
        ]
        return {"error": sum(each) / len(each), "error of all": float(wrong.mean())}

    def _taken(self, net: nn.Module) -> Tensor:
        """Class (n) that each held-out picture is taken for."""
        return net.tell(self.held_sums)[:, : len(self.members)].argmax(1)

    def sample(self, net: nn.Module) -> np.ndarray:
        """Held-out pictures; below each, one of the class that it is taken for."""
        shown = np.arange(SHOWN) * len(self.held) // SHOWN
        taken = self._taken(net)[torch.from_numpy(shown)].tolist()
        like = np.array([self.members[one][0] for one in taken])
        return sheet(self.held[shown], self.bank.draw(np.random.default_rng(0), SHOWN, of=like))


TASK = Task(
    id="classifier",
    learns_classes=True,
    title="Classifier",
    summary="Learns to tell the classes of pictures, the sub-folders of the folder given; with it "
    "the conditional GAN is judged.",
    params=ClassifierTraining,
    lesson=ClassifierLesson,
)
