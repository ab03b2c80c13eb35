"""Train `gan`: dense layers that make pictures of noise; see `generation`.

Started from `dcgan`, it takes over that net's mapping, and its painter is an apprentice first
(Hinton et al. 2015, arXiv:1503.02531): it learns to add what the other adds.  Dense layers do not
know what lies side by side, and find it out far sooner where there is one right answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch

from styleplug.core.params import field
from styleplug.nets import dcgan, gan
from styleplug.training.loop.task import Loss, Materials, Task
from styleplug.training.tasks.shared.eigen import translate
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.generation import START, Generation, GeneratorLesson

APPRENTICE = 0.3  # share of the run
FASTER = 2.0  # added to the factor on the net's rate at its beginning, and nothing at its end
STEADY = (0.9, 0.99)  # betas: there is no adversary whose moves one must not remember


class GanTraining(Generation):
    """What decides a run."""

    start: Literal["embedded", "scratch", "dcgan"] = field(  # type: ignore[assignment]  # one more
        "embedded",
        label="Start from",
        help="The net that comes with styleplug, which paints faces; nothing, which takes "
        "hours; or the one of dcgan, whose hand is learned first.",
        words={**START, "dcgan": "That of dcgan"},
    )


class GanLesson(GeneratorLesson):
    """Pictures out of noise, by dense layers; see `GeneratorLesson`."""

    def __init__(self, materials: Materials, params: GanTraining, device: torch.device, seed: int):
        super().__init__(gan, materials, params, device, seed)
        self.master = None
        if params.start == "dcgan":
            master = dcgan.build().to(device).requires_grad_(False)
            load_embedded(master, "dcgan")
            translate(master, self.net.basis, self.net.plain)
            self.net.mapping.load_state_dict(master.mapping.state_dict())
            self.net.centre.copy_(master.centre)
            self.master = master.painter

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Both games, after what there is of an apprenticeship."""
        left = 1 - progress / APPRENTICE
        if self.master is None or left <= 0:
            self.betas, self.rates = GeneratorLesson.betas, GeneratorLesson.rates
            yield from super().losses(step, progress, rng)
            return
        self.betas = STEADY
        self.rates = {"net": GeneratorLesson.rates["net"] + FASTER * left}
        with torch.no_grad():
            style = self.net.map(self._noise(self.params.batch))
            sketch = self.net.sketch(style)
            wanted = self.master(sketch, style)
        apart = self.net.painter(sketch, style) - wanted
        yield Loss({"apprentice": apart.square().mean() / wanted.square().mean()})


TASK = Task(
    id="gan",
    least=2,
    title="GAN",
    summary="Learns to make pictures of 64 × 64 pixels like those given, by dense layers.",
    params=GanTraining,
    lesson=GanLesson,
)
