"""Train `digits`: small pictures of a chosen class, such as digits; see `shared.generator`.

The classes are the folders of the pictures.  The discriminator sees the class of each picture.
"""

from __future__ import annotations

from functools import partial

from styleplug.nets import digits
from styleplug.training.loop.task import TaskSpec
from styleplug.training.tasks.shared.generator import GeneratorParams, GeneratorTask

TASK = TaskSpec(
    id="digits",
    least=2,
    learns_classes=True,
    method="cgan",
    title="Digits",
    summary="Learns to make pictures of 32 × 32 pixels of several classes, which are the "
    "sub-folders of the given folder.",
    params=GeneratorParams,
    factory=partial(GeneratorTask, digits),
)
