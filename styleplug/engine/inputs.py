"""Prepare the input pictures of a method: check their number, and resize them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import BadParameter, UsageError
from styleplug.core.method import REGION, Images, Method, Slot
from styleplug.core.params import Params
from styleplug.core.recipe import LARGEST, Finish
from styleplug.imaging.picture import Picture, fit, fitted, reduce, resize, scale
from styleplug.methods.shared.transfer import STYLE

MIN_SIDE = 16
"""Shortest side of a picture for a method; the result is resized back."""
_OTHERS, _OTHERS_MOST = 2, 4096
"""Limits of the long side for pictures of all slots but the first: a multiple of the size, and a
number of pixels.  A style at a larger size gives the same result."""


def check_slots(method: Method[Any], images: Mapping[str, Sequence[Picture]]) -> None:
    """Check that every slot has the right number of pictures.

    Raises:
        UsageError: a slot is unknown, has too few or too many pictures, or a mask has another
            shape than its picture.
    """
    check_counts(method, {name: len(some) for name, some in images.items()})
    for slot in method.slots:
        for mask in images.get(slot.id, ()) if slot.drawn_on else ():
            _check_mask(slot, mask, images[slot.drawn_on][0])


def check_counts(method: Method[Any], counts: Mapping[str, int]) -> None:
    """Check numbers of pictures by slot; raises the errors of `check_slots`, except for masks."""
    slots = {slot.id: slot for slot in method.slots}
    for name in counts:
        if name not in slots:
            known = ", ".join(slots) or "none"
            raise UsageError(f"{method.id} takes no picture {name!r}; it takes: {known}")
    for name, slot in slots.items():
        count = counts.get(name, 0)
        if count < slot.least:
            raise UsageError(
                f"{method.id} needs a picture {name!r} ({slot.label}); got none"
                if not count
                else f"{method.id} needs {slot.least} of the picture {name!r}; got {count}"
            )
        if count > slot.most:
            raise UsageError(
                f"{method.id} takes at most {slot.most} of the picture {name!r}; got {count}"
            )
    regions, styles = has_regions(method) * counts.get(REGION, 0), counts.get(STYLE, 0)
    if regions and regions != styles:
        raise UsageError(
            f"each style needs one region, and there are {regions} regions and {styles} styles"
        )


def has_regions(method: Method[Any]) -> bool:
    """Whether the engine can paint each style of a method in a region of its own."""
    return REGION in {slot.id for slot in method.slots} - {slot.id for slot in method.inputs}


def check_finish(method: Method[Any], finish: Finish) -> None:
    """Check that the finish options are only used with a method that supports them.

    Raises:
        BadParameter: the method does not support them.
    """
    asked = finish.model_dump(exclude_defaults=True)
    if asked and not method.supports_finish():
        raise BadParameter(
            f"{method.id} does not take {', '.join(asked)}: its result is not a new version of the "
            "input picture, so there is nothing to keep or to blend with; leave it out"
        )


def _check_mask(slot: Slot, mask: Picture, picture: Picture) -> None:
    """Check that a mask has the proportions of its picture, within 1 % and one pixel."""
    across = mask.width * picture.height / mask.height
    if abs(across - picture.width) > 0.01 * picture.width + max(1, picture.height / mask.height):
        raise UsageError(
            f"the picture {slot.id!r} is {mask.width} × {mask.height} pixels; expected the "
            f"proportions of {slot.drawn_on!r}, {picture.width} × {picture.height}"
        )


def workable(width: int, height: int) -> tuple[int, int]:
    """The nearest width and height that are at least `MIN_SIDE`."""
    return max(width, MIN_SIDE), max(height, MIN_SIDE)


def base_shape(
    method: Method[Any], sizes: Mapping[str, Sequence[tuple[int, int]]], size: int
) -> tuple[int, int]:
    """Width and height of the first picture at a size; a square if there is no picture."""
    given = sizes.get(method.inputs[0].id) if method.inputs else None
    return fitted(*given[0], size) if given else (size, size)


def result_shape(method: Method[Any], params: Params, width: int, height: int) -> tuple[int, int]:
    """Width and height of the result, which the method computes from those of its first picture.

    Raises:
        UsageError: the result would be too large.
    """
    wide, high = method.shape(params, width, height)
    if max(wide, high) > LARGEST:
        raise UsageError(
            f"the result would be {wide} × {high} pixels; expected at most {LARGEST} a side: "
            "choose a smaller size"
        )
    return wide, high


def longest(method: Method[Any], size: int) -> dict[str, int]:
    """The longest useful long side of pictures, in pixels, by slot, for a run at a size.

    Pictures can be reduced to it while they are read, which saves time and memory.
    """
    slots = method.slots
    sides = {slot.id: min(_OTHERS * size, _OTHERS_MOST) for slot in slots}
    sides |= {slot.id: size for slot in slots[:1]}
    return sides | {slot.id: sides[slot.drawn_on] for slot in slots if slot.drawn_on}


def prepare(
    method: Method[Any], pictures: Mapping[str, Sequence[Picture]], size: int
) -> tuple[Images, Picture | None]:
    """Prepare the pictures for a method at a size.

    Returns:
        The pictures by slot, and the first picture at its size.  Pictures of the first slot have
        the long side `size`; those of other slots, and of methods that enlarge, are only reduced.
        Masks have the size of their picture; if none is given, the transparent parts of that
        picture are the mask.  The result may keep colours and transparency of the first picture; it
        is opaque under the mask (None without inputs).
    """
    images: dict[str, tuple[Pixels, ...]] = {}
    content: Picture | None = None
    most = longest(method, size)
    for name in (slot.id for slot in method.inputs):
        first = name == method.inputs[0].id
        scaled = [
            fit(picture, size)
            if first and not _taken_small(method, picture, size)
            else reduce(picture, most[name])
            for picture in pictures.get(name, ())
        ]
        content = scaled[0] if first and scaled else content
        images[name] = tuple(_workable(picture) for picture in scaled)
    for slot in method.inputs:
        if slot.drawn_on:
            below = pictures[slot.drawn_on][0]
            given = pictures.get(slot.id, ())
            shape = images[slot.drawn_on][0].shape
            images[slot.id] = tuple(_mask(one, shape) for one in given or _gaps(below))
            if content is not None and images[slot.id] and slot.drawn_on == method.inputs[0].id:
                content = _opaque(content, images[slot.id][0] if given else None)
    return images, content


def _taken_small(method: Method[Any], picture: Picture, size: int) -> bool:
    """Whether the method itself enlarges a picture; not if that is very narrow at the size."""
    sides = fitted(picture.width, picture.height, size)
    return method.enlarges and workable(*sides) == sides


def _gaps(picture: Picture) -> tuple[Picture, ...]:
    """The transparent parts of a picture as a mask; () if it is nearly opaque everywhere."""
    if picture.alpha is None or picture.alpha.min() > 0.5:
        return ()
    return (Picture(picture.pixels, 1 - picture.alpha),)


def _opaque(picture: Picture, mask: Pixels | None) -> Picture:
    """The picture made opaque under a mask (h', w', 3), or everywhere if there is no mask."""
    if picture.alpha is None or mask is None:
        return Picture(picture.pixels)
    marks = resize(mask[:, :, 0], picture.width, picture.height)
    return Picture(picture.pixels, np.maximum(picture.alpha, marks))


def _mask(picture: Picture, shape: tuple[int, ...]) -> Pixels:
    """A mask (h, w, 3) of 0 and 1: 1 where it is opaque, or white if all of it is opaque."""
    marks = picture.pixels.mean(axis=2) if picture.alpha is None else picture.alpha
    filled = resize(marks, shape[1], shape[0])[:, :, None] >= 0.5
    return np.broadcast_to(filled, shape).astype(np.float32)


def _workable(picture: Picture) -> Pixels:
    """Its pixels, with sides of at least `MIN_SIDE`."""
    return scale(picture, *workable(picture.width, picture.height)).pixels
