"""Train `cgan`: pictures of a chosen class, or of a mix of classes; see `shared.generator`.

The classes are the folders of the pictures.  The discriminator sees the class of each picture.
"""

from __future__ import annotations

from functools import partial

from styleplug.nets import cgan
from styleplug.training.loop.task import TaskSpec
from styleplug.training.tasks.shared.generator import FacesParams, GeneratorTask

TASK = TaskSpec(
    id="cgan",
    least=2,
    learns_classes=True,
    title="Conditional GAN",
    summary="Learns to make pictures of 64 × 64 pixels of several classes, which are the "
    "sub-folders of the given folder.",
    params=FacesParams,
    factory=partial(GeneratorTask, cgan),
)
