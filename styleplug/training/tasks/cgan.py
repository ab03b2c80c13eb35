"""Train `cgan`: pictures of a chosen class, or of a mix of classes; see `generation`.

The classes are the folders that the pictures lie in.  All are drawn as often, however many
pictures they have; the critics are told of each picture its class.
"""

from __future__ import annotations

from functools import partial

from styleplug.nets import cgan
from styleplug.training.loop.task import Task
from styleplug.training.tasks.shared.generation import Generation, GeneratorLesson, whole


class CganTraining(Generation):
    """What decides a run."""

    whole: bool = whole(False)


TASK = Task(
    id="cgan",
    least=2,
    learns_classes=True,
    title="Conditional GAN",
    summary="Learns to make pictures of 64 × 64 pixels of several classes: the sub-folders of "
    "the folder given.",
    params=CganTraining,
    lesson=partial(GeneratorLesson, cgan),
)
