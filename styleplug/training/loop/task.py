"""The contract between a training task and the loop.

A task is one file of `training.tasks` that ends with `TASK = TaskSpec(…)`.  The `TaskSpec` declares
the task; the `TrainingTask` that it makes is one run of it.  The parameters of a task become
options of `styleplug train` and fields of the Train page, as the parameters of a method do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.array import Pixels
from styleplug.core.params import Params
from styleplug.training.data.pictures import Pictures

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Datasets:
    """The pictures of a run: those for training, and those held out for the scores.

    Args:
        pictures: from `--data`.
        held_out_pictures: the held-out part of them.
        styles: from `--styles`; without that option, the same as `pictures`.
        held_out_styles: the held-out part of them.
        teacher: file with the weights of a perceptual loss (VGG-19 or SqueezeNet 1.0); None for the
            embedded encoder.
    """

    pictures: Pictures
    held_out_pictures: Pictures
    styles: Pictures
    held_out_styles: Pictures
    teacher: str | None = None


@dataclass(frozen=True)
class Loss:
    """Terms whose sum one optimiser minimises.

    Args:
        terms: scalars by name, already weighted.
        trains: whose parameters: "net", or a key of `TrainingTask.discriminators`.
    """

    terms: dict[str, Tensor]
    trains: str = "net"

    def total(self) -> Tensor:
        """The sum of the terms ()."""
        return torch.stack(list(self.terms.values())).sum()


class TrainingTask(ABC, Generic[N]):
    """One run of a task.  All randomness comes from the generators that it is given.

    The loop reads `betas` and `rate_factors` after each loss, so a step may change them.

    Attributes:
        net: the network that inference will use; the moving average of its weights is saved.
        discriminators: other networks that are trained beside it.  Checkpoints use their names.
        betas: of Adam.  With an adversary the loss changes all the time, so the first is 0 or 0.5.
        max_grad_norm: gradients with a larger norm are scaled down to it.
        rate_factors: factors of the learning rate by the name of the network.
        ema_decay: decay of the exponential moving average.
    """

    net: N
    classes: tuple[str, ...] = ()
    discriminators: Mapping[str, nn.Module] = {}
    betas: tuple[float, float] = (0.9, 0.99)
    max_grad_norm: float = 1.0
    rate_factors: Mapping[str, float] = {}
    ema_decay: float = 0.999

    def state(self) -> dict[str, Tensor]:
        """Tensors that a checkpoint needs besides networks and optimisers."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned."""
        assert not state, f"this task has no state; got {', '.join(state)}"

    @abstractmethod
    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """One step.  The loop optimises each loss before it asks for the next one.

        Args:
            step: number of the step, from 0.
            progress: finished share of the run, 0 to 1.
            rng: depends on the seed and the step only.
        """

    @abstractmethod
    def score(self, net: N) -> dict[str, float]:
        """Scores of averaged weights on held-out pictures.  Lower is better.

        The first score decides which weights are the best.  Called under `torch.no_grad`.
        """

    @abstractmethod
    def sample(self, net: N) -> Pixels:
        """A sheet of held-out results (h w 3) in [0, 1].  Called under `torch.no_grad`."""


@dataclass(frozen=True)
class TaskSpec:
    """The declaration of a training task.

    Args:
        id: also the id of the architecture.
        title: the name on the page.
        summary: one sentence: what it learns, and from what.
        params: the parameters of the task; steps, seed and the like belong to the loop.
        factory: makes a run from datasets, parameters, a device and a seed; usually the subclass of
            `TrainingTask`.
        takes_styles: whether it also learns from a second folder, `--styles`.
        needs_teacher: whether it needs the weights of VGG-19.  Only `--teacher` can give them, so
            the page does not offer such a task.
        learns_classes: whether it learns classes, which are the folders of the pictures.
        least: smallest number of pictures that it can learn from.
        method: id of the method that uses the weights; "": the same as that of the task.
    """

    id: str
    title: str
    summary: str
    params: type[Params]
    factory: Callable[[Datasets, Any, torch.device, int], TrainingTask[Any]]
    takes_styles: bool = False
    needs_teacher: bool = False
    learns_classes: bool = False
    least: int = 1
    method: str = ""
