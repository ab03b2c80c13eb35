"""Train `dcgan`: convolutions that make pictures from noise; see `shared.generator`."""

from __future__ import annotations

from functools import partial

from styleplug.nets import dcgan
from styleplug.training.loop.task import TaskSpec
from styleplug.training.tasks.shared.generator import FacesParams, GeneratorTask

TASK = TaskSpec(
    id="dcgan",
    least=2,
    title="DCGAN",
    summary="Learns to make pictures of 64 × 64 pixels like the given ones, with convolutions.",
    params=FacesParams,
    factory=partial(GeneratorTask, dcgan),
)
