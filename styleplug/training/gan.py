"""Train `gan`: dense layers that make pictures of noise; see `generation`."""

from __future__ import annotations

from functools import partial

from styleplug.nets import gan
from styleplug.training.generation import Generation, GeneratorLesson
from styleplug.training.task import Task


class GanTraining(Generation):
    """What decides a run."""


TASK = Task(
    id="gan",
    title="GAN",
    summary="Learns to make pictures of 64 × 64 pixels like those given, by dense layers.",
    zh=("GAN", "用全连接网络学习生成与所给图片相似的 64 × 64 图片。"),
    params=GanTraining,
    lesson=partial(GeneratorLesson, gan),
)
