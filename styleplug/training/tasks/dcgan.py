"""Train `dcgan`: convolutions that make pictures of noise; see `generation`."""

from __future__ import annotations

from functools import partial

from styleplug.nets import dcgan
from styleplug.training.loop.task import Task
from styleplug.training.tasks.shared.generation import Generation, GeneratorLesson


class DcganTraining(Generation):
    """What decides a run."""


TASK = Task(
    id="dcgan",
    least=2,
    title="DCGAN",
    summary="Learns to make pictures of 64 × 64 pixels like those given, by convolutions.",
    params=DcganTraining,
    lesson=partial(GeneratorLesson, dcgan),
)
