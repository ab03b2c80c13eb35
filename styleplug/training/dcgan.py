"""Train `dcgan`: convolutions that make pictures of noise; see `generation`."""

from __future__ import annotations

from functools import partial

from styleplug.nets import dcgan
from styleplug.training.generation import Generation, GeneratorLesson
from styleplug.training.task import Task


class DcganTraining(Generation):
    """What decides a run."""


TASK = Task(
    id="dcgan",
    title="DCGAN",
    summary="Learns to make pictures of 64 × 64 pixels like those given, by convolutions.",
    zh=("DCGAN", "用卷积网络学习生成与所给图片相似的 64 × 64 图片。"),
    params=DcganTraining,
    lesson=partial(GeneratorLesson, dcgan),
)
