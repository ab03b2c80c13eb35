"""Train `gan`: dense layers that make pictures from noise; see `shared.generator`.

With `start = "dcgan"` the network takes over the mapping of `dcgan`, and its painter first learns
to imitate that of `dcgan` (distillation, Hinton et al. 2015, arXiv:1503.02531).  Dense layers do
not know which positions are neighbours.  They find out much faster from exact targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch

from styleplug.core.params import field
from styleplug.nets import dcgan, gan
from styleplug.training.loop.task import Datasets, Loss, TaskSpec
from styleplug.training.tasks.shared.embedded import load_embedded
from styleplug.training.tasks.shared.generator import START, GeneratorParams, GeneratorTask
from styleplug.training.tasks.shared.principal_components import change_basis

DISTILLATION_SHARE = 0.3  # of the run
EXTRA_RATE = 2.0  # added to the rate factor at the start of distillation; falls to zero
DISTILLATION_BETAS = (0.9, 0.99)  # there is no adversary, so a longer memory of gradients helps


class GanParams(GeneratorParams):
    """Parameters of the task."""

    start: Literal["embedded", "scratch", "dcgan"] = field(  # type: ignore[assignment]  # one more
        "embedded",
        label="Start from",
        help="The network that comes with styleplug, which makes faces; a random one, which takes "
        "hours; or that of dcgan, which is imitated first.",
        words={**START, "dcgan": "That of dcgan"},
    )


class GanTask(GeneratorTask):
    """Pictures from noise, by dense layers; see `GeneratorTask`."""

    def __init__(self, datasets: Datasets, params: GanParams, device: torch.device, seed: int):
        super().__init__(gan, datasets, params, device, seed)
        self.teacher = None
        if params.start == "dcgan":
            teacher = dcgan.build().to(device).requires_grad_(False)
            load_embedded(teacher, "dcgan")
            change_basis(teacher, self.net.basis, self.net.plain)
            self.net.mapping.load_state_dict(teacher.mapping.state_dict())
            self.net.centre.copy_(teacher.centre)
            self.teacher = teacher.painter

    def losses(self, step: int, progress: float, rng: np.random.Generator) -> Iterator[Loss]:
        """Distillation, if there is any; then both pairs."""
        remaining = 1 - progress / DISTILLATION_SHARE
        if self.teacher is None or remaining <= 0:
            self.betas, self.rate_factors = GeneratorTask.betas, GeneratorTask.rate_factors
            yield from super().losses(step, progress, rng)
            return
        self.betas = DISTILLATION_BETAS
        self.rate_factors = {"net": GeneratorTask.rate_factors["net"] + EXTRA_RATE * remaining}
        with torch.no_grad():
            style = self.net.map(self._noise(self.params.batch))
            layout = self.net.layout(style)
            target = self.teacher(layout, style)
        error = self.net.painter(layout, style) - target
        yield Loss({"apprentice": error.square().mean() / target.square().mean()})


TASK = TaskSpec(
    id="gan",
    least=2,
    title="GAN",
    summary="Learns to make pictures of 64 × 64 pixels like the given ones, with dense layers.",
    params=GanParams,
    factory=GanTask,
)
