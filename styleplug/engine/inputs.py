"""Pictures on their way into a method: counted, and brought to a size it can work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from styleplug.core.errors import UsageError
from styleplug.core.image import Picture, fitted, scale
from styleplug.core.method import Images, Method

MIN_SIDE = 16
"""No side of a picture that a method gets is shorter; its result is resized back."""
_OTHERS = 2
"""Pictures of other slots than the first have a long side of at most so many times the size."""


def check_slots(method: Method[Any], images: Mapping[str, Sequence[object]]) -> None:
    """Check that every slot has its pictures.

    Raises:
        UsageError: names the slot that is missing, overfull or unknown.
    """
    slots = {slot.id: slot for slot in method.inputs}
    for name in images:
        if name not in slots:
            known = ", ".join(slots) or "none"
            raise UsageError(f"{method.id} takes no picture {name!r}; it takes: {known}")
    for name, slot in slots.items():
        count = len(images.get(name, ()))
        if count == 0:
            raise UsageError(f"{method.id} needs a picture {name!r} ({slot.label}); none came")
        if count > slot.most:
            raise UsageError(
                f"{method.id} takes at most {slot.most} of the picture {name!r}; {count} came"
            )


def workable(width: int, height: int) -> tuple[int, int]:
    """The nearest width and height that are no shorter than `MIN_SIDE`."""
    return max(width, MIN_SIDE), max(height, MIN_SIDE)


def result_shape(
    method: Method[Any], sizes: Mapping[str, Sequence[tuple[int, int]]], size: int
) -> tuple[int, int]:
    """Width and height of the result, which follow from the first slot's first picture.

    A method without inputs makes a square one, unless it decides otherwise.
    """
    if not method.inputs:
        return size, size
    width, height = sizes[method.inputs[0].id][0]
    return fitted(width, height, size)


def prepare(
    method: Method[Any], pictures: Mapping[str, Sequence[Picture]], size: int
) -> tuple[Images, Picture | None]:
    """What a method gets at a size.

    Args:
        method: whose slots are filled.
        pictures: of every slot.
        size: long side of the result.

    Returns:
        The pictures by slot: those of the first have the long side `size`, those of the others
        are only made smaller; and the first picture in the shape of the result, from which it
        may keep colours and transparency (None without inputs).
    """
    images: dict[str, tuple[np.ndarray, ...]] = {}
    content: Picture | None = None
    for position, slot in enumerate(method.inputs):
        images[slot.id] = tuple(
            _reduced(picture, size if position == 0 else None, _OTHERS * size)
            for picture in pictures[slot.id]
        )
        if content is None:
            first = pictures[slot.id][0]
            content = scale(first, *fitted(first.width, first.height, size))
    return images, content


def _reduced(picture: Picture, size: int | None, most: int) -> np.ndarray:
    """Pixels with the long side `size`, or where that is None, of at most `most`."""
    wanted = size or min(most, max(picture.width, picture.height))
    shape = fitted(picture.width, picture.height, wanted)
    return scale(picture, *workable(*shape)).pixels
