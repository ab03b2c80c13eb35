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
_OTHERS, _OTHERS_MOST = 2, 4096
"""Pictures of other slots than the first have a long side of at most so many times the size, and
at most so many pixels: of a style, more show no more."""


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


def longest(method: Method[Any], size: int) -> dict[str, int]:
    """The long side by slot, in pixels, beyond which a run at a size has no use for a picture.

    Whoever reads the pictures may reduce them to it while reading, which saves time and memory.
    """
    sides = {slot.id: min(_OTHERS * size, _OTHERS_MOST) for slot in method.inputs}
    return {**sides, **{slot.id: size for slot in method.inputs[:1]}}


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
    for name, most in longest(method, size).items():
        first = name == method.inputs[0].id
        scaled = [_scaled(picture, most, enlarge=first) for picture in pictures[name]]
        content = scaled[0] if first else content
        images[name] = tuple(_workable(picture) for picture in scaled)
    return images, content


def _scaled(picture: Picture, most: int, *, enlarge: bool) -> Picture:
    """The picture with a long side of `most`, or of less where it is not to be enlarged."""
    side = most if enlarge else min(most, max(picture.width, picture.height))
    return scale(picture, *fitted(picture.width, picture.height, side))


def _workable(picture: Picture) -> np.ndarray:
    """Its pixels, in a size that a method can work with."""
    return scale(picture, *workable(picture.width, picture.height)).pixels
