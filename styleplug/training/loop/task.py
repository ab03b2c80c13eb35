"""What a training task declares, and what it gets: the contract between recipes and the loop.

A task is one file of this package that ends with `TASK = …`.  Its parameters become options of
`styleplug train` and fields of the Train page, as a method's become those of its tab.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from styleplug.core.params import Params
from styleplug.training.data.pictures import Pictures


@dataclass(frozen=True)
class Materials:
    """What a run learns from, and what it is judged by but never learns from.

    Args:
        pictures: of `--data`.
        held_pictures: held out of them.
        styles: of `--styles`; the pictures themselves where none are given.
        held_styles: held out of them.
        teacher: weights of a perceptual loss, VGG-19 or SqueezeNet 1.0, instead of our own encoder.
    """

    pictures: Pictures
    held_pictures: Pictures
    styles: Pictures
    held_styles: Pictures
    teacher: str | None = None


@dataclass(frozen=True)
class Loss:
    """Terms whose sum is minimised by one group of parameters.

    Args:
        terms: scalars by name, already weighted.
        trains: "net", or a key of `Lesson.critics`.
    """

    terms: dict[str, Tensor]
    trains: str = "net"

    def total(self) -> Tensor:
        """The sum ()."""
        return torch.stack(list(self.terms.values())).sum()


class Lesson(ABC):
    """One run of a task.  All chance comes from the generators it is given.

    `betas` and `rates` are looked up after each loss, so that a step may change them.

    Attributes:
        net: what inference will read; its average over the last steps is what is saved.
        classes: names of the classes that it learns, in the order of their numbers; the weights
            bring them along.
        critics: other nets that are trained beside it, such as a discriminator.
        betas: of Adam; adversaries chase a moving goal and want less memory, 0 or 0.5 first.
        clip: largest norm of a gradient; longer ones are shortened to it.
        rates: factors on the learning rate of single nets, by name.
        decay: of the average.
    """

    net: nn.Module
    classes: tuple[str, ...] = ()
    critics: Mapping[str, nn.Module] = {}
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    rates: Mapping[str, float] = {}
    decay: float = 0.999

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold besides nets and optimisers."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Undo `state`."""
        assert not state, f"there is nothing to put {', '.join(state)} into"

    @abstractmethod
    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """One step: each loss yielded is descended before the next is asked for.

        Args:
            step: counts from 0.
            progress: share of the run that is done, 0 to 1.
            rng: depends on the seed and the step alone.
        """

    @abstractmethod
    def score(self, net: nn.Module) -> dict[str, float]:
        """Held-out scores of (averaged) weights; the first decides which is best, less is better.

        Called under `torch.no_grad`.
        """

    @abstractmethod
    def sample(self, net: nn.Module) -> np.ndarray:
        """A sheet of held-out results (h w 3) in [0, 1].  Called under `torch.no_grad`."""


@dataclass(frozen=True)
class Task:
    """A training recipe, declared once.

    Args:
        id: also the architecture, and the method that uses the weights.
        title: its name on the page.
        summary: what it learns, from what, in a sentence.
        params: its own parameters; those of the loop (steps, seed …) are the loop's.
        lesson: makes the run from materials, parameters, a device and a seed; a class of Lesson.
        takes_styles: whether it learns from a second folder.
        needs_teacher: whether it cannot do without the weights of VGG-19, which people give by
            `--teacher` alone; the page does not offer such a task.
        learns_classes: whether the folders that pictures lie in are what it is to tell apart.
        least: fewer pictures teach nothing.
    """

    id: str
    title: str
    summary: str
    params: type[Params]
    lesson: Callable[[Materials, Any, torch.device, int], Lesson]
    takes_styles: bool = False
    needs_teacher: bool = False
    learns_classes: bool = False
    least: int = 1
