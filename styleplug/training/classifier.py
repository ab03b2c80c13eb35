"""Train `classifier`: tell the classes of real pictures, to judge by it those that `cgan` makes.

It never sees a made picture.  Cross-entropy with smoothed labels (Szegedy et al. 2016,
arXiv:1512.00567); all classes are drawn as often; pictures are cropped and mirrored, and half
of them changed as before a critic.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from styleplug.core.params import Params, field
from styleplug.nets import classifier
from styleplug.training.adversary import augment
from styleplug.training.bank import Bank
from styleplug.training.generation import spelled
from styleplug.training.pictures import sheet
from styleplug.training.task import Lesson, Loss, Materials, Task

SMOOTHING = 0.1
SHOWN = 8  # pictures of a sheet, and of each the nearest class in a row below


class ClassifierTraining(Params):
    """What decides a run."""

    batch: int = field(
        64,
        label="Batch",
        help="Pictures in a step.",
        zh=("批量", "每一步的图片数。"),
        ge=2,
        le=512,
    )


class ClassifierLesson(Lesson):
    """Pictures, each to be told its class."""

    def __init__(
        self, materials: Materials, params: ClassifierTraining, device: torch.device, seed: int
    ):
        self.params, self.device = params, device
        self.net = classifier.build()
        self.bank = Bank(materials.pictures, classifier.SIDE, device)
        classes = self.bank.classes
        self.net.letters.copy_(torch.from_numpy(spelled(classes)))
        self.net.to(device, memory_format=torch.channels_last)
        labels = self.bank.labels.cpu().numpy()
        self.members = [np.flatnonzero(labels == number) for number in range(len(classes))]
        held = Bank(materials.held_pictures, classifier.SIDE, device, whole=True, classes=classes)
        self.held, self.held_labels = held.squares.float() / 255, held.labels

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """As many pictures of each class."""
        chosen = rng.integers(len(self.members), size=self.params.batch)
        numbers = np.array([rng.choice(self.members[one]) for one in chosen])
        pictures = self.bank.draw(rng, self.params.batch, of=numbers)
        half = len(pictures) // 2  # the others as they are: those made will come so
        pictures = torch.cat((augment(pictures[:half]), pictures[half:]))
        logits = self.net(pictures.contiguous(memory_format=torch.channels_last))
        labels = self.bank.labels[self.bank.chosen]
        yield Loss({"error": F.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)})

    def score(self, net: nn.Module) -> dict[str, float]:
        """Share of held-out pictures whose class is told wrongly, each class counting the same."""
        found = torch.cat([net(part).argmax(1) for part in self.held.split(64)])
        wrong = (found != self.held_labels).float()
        each = [
            float(wrong[self.held_labels == number].mean())
            for number in self.held_labels.unique().tolist()
        ]
        return {"error": sum(each) / len(each), "error of all": float(wrong.mean())}

    def sample(self, net: nn.Module) -> np.ndarray:
        """Held-out pictures; below each, one of the class that it is taken for."""
        step = max(1, len(self.held) // SHOWN)
        pictures = self.held[::step][:SHOWN]
        taken = net(pictures).argmax(1).tolist()
        like = [self.members[min(one, len(self.members) - 1)][0] for one in taken]
        below = self.bank.draw(np.random.default_rng(0), len(like), of=np.array(like))
        return sheet(pictures, below)


TASK = Task(
    id="classifier",
    title="Classifier",
    summary="Learns to tell the classes of pictures, the sub-folders of the folder given; with it "
    "the conditional GAN is judged.",
    zh=("分类器", "学习分辨图片的类别（所给文件夹的子文件夹），用来评判条件 GAN。"),
    params=ClassifierTraining,
    lesson=ClassifierLesson,
)
