"""Train `classifier`: recognise the classes of real pictures, to evaluate those that `cgan` makes.

It never sees a generated picture.  The features that the frozen encoder gives for every picture and
its mirrored crops are computed once; two dense layers learn from them.  The loss is cross-entropy
with smoothed labels (Szegedy et al. 2016, arXiv:1512.00567); all classes are drawn equally often.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from styleplug.core.array import Pixels
from styleplug.core.params import Params, field
from styleplug.nets import classifier
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import sheet
from styleplug.training.loop.task import Datasets, Loss, TaskSpec, TrainingTask
from styleplug.training.losses.perception import load_encoder
from styleplug.training.tasks.shared.fields import batch
from styleplug.training.tasks.shared.generator import several

SMOOTHING = 0.1
CHUNK = 64  # pictures in one pass of the encoder
SHOWN = 8  # pictures in a sheet


class ClassifierParams(Params):
    """Parameters of the task."""

    batch: int = batch(128, most=512)
    crops: int = field(
        2,
        label="Crops",
        help="Random crops of each picture.",
        ge=1,
        le=16,
        advanced=True,
    )


class ClassifierTask(TrainingTask[classifier.Classifier]):
    """Pictures with their classes."""

    def __init__(
        self, datasets: Datasets, params: ClassifierParams, device: torch.device, seed: int
    ):
        self.params = params
        self.net = classifier.build()
        self.net.encoder.load_state_dict(load_encoder().state_dict())
        self.net.encoder.requires_grad_(False)
        self.bank = Bank(datasets.pictures, classifier.SIDE, device)
        self.classes = several(self.bank.classes)
        self.net.to(device)
        held = Bank(
            datasets.held_out_pictures, classifier.SIDE, device, margin=1, classes=self.classes
        )
        self.held, self.held_labels = held.squares.float() / 255, held.labels
        self._compute_statistics(np.random.default_rng(seed))

    @torch.no_grad()
    def _compute_statistics(self, rng: np.random.Generator) -> None:
        """Compute the statistics of all crops, and of the held-out pictures, once."""
        labels = self.bank.labels.cpu().numpy()
        order = np.tile(np.arange(len(self.bank)), self.params.crops)
        self.statistics = torch.cat(
            [
                self.net.statistics(self.bank.draw(rng, 0, indices=order[start : start + CHUNK]))
                for start in range(0, len(order), CHUNK)
            ]
        )
        self.members = [
            np.flatnonzero(labels[order] == number) for number in range(len(self.bank.classes))
        ]
        self.labels = self.bank.labels.repeat(self.params.crops)
        self.net.centre.copy_(self.statistics.mean(0))
        self.net.spread.copy_(self.statistics.std(0) + 1e-3)
        self.held_statistics = torch.cat(
            [self.net.statistics(part) for part in torch.split(self.held, CHUNK)]
        )

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """A batch with all classes equally likely."""
        chosen = rng.integers(len(self.members), size=self.params.batch)
        numbers = torch.tensor([int(rng.choice(self.members[one])) for one in chosen])
        numbers = numbers.to(self.statistics.device)
        self.net.train()
        logits = self.net.logits(self.statistics[numbers]).float()
        yield Loss(
            {"error": F.cross_entropy(logits, self.labels[numbers], label_smoothing=SMOOTHING)}
        )

    def score(self, net: classifier.Classifier) -> dict[str, float]:
        """Error rate on held-out pictures, each class with the same weight."""
        wrong = (self._predicted(net) != self.held_labels).float()
        each = [
            float(wrong[self.held_labels == number].mean())
            for number in torch.unique(self.held_labels).tolist()
        ]
        return {"error": sum(each) / len(each), "error of all": float(wrong.mean())}

    def _predicted(self, net: classifier.Classifier) -> Tensor:
        """Predicted class (n) of each held-out picture."""
        return net.logits(self.held_statistics)[:, : len(self.members)].argmax(1)

    def sample(self, net: classifier.Classifier) -> Pixels:
        """Held-out pictures; below each, a picture of its predicted class."""
        shown = np.arange(SHOWN) * len(self.held) // SHOWN
        predicted = self._predicted(net)[torch.from_numpy(shown)].tolist()
        like = np.array([self.members[one][0] for one in predicted])
        return sheet(
            self.held[shown], self.bank.draw(np.random.default_rng(0), SHOWN, indices=like)
        )


TASK = TaskSpec(
    id="classifier",
    learns_classes=True,
    title="Classifier",
    summary="Learns the classes of pictures, which are the sub-folders of the given folder. It "
    "evaluates the conditional GAN.",
    params=ClassifierParams,
    factory=ClassifierTask,
)
