"""What style transfer methods share: input slots, the parameters and sizes of styles, shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import BadParameter
from styleplug.core.method import Slot
from styleplug.core.params import field
from styleplug.core.weight import Embedded
from styleplug.imaging.picture import resize

CONTENT, STYLE = "content", "style"
"""Ids of the slots."""
ENCODER = Embedded("encoder", "encoder.safetensors")
"""The embedded perceptual encoder."""
CODER = Embedded("styleplug_encoder", "styleplug_encoder.safetensors")
"""Its first version, which describes styles for the painter of `cnn`."""
SLOTS = (
    Slot(CONTENT, "Content", "The photograph to paint."),
    Slot(
        STYLE,
        "Style",
        "One to four paintings or textures that give the style.",
        most=4,
    ),
)


def style_scale(smallest: float = 0.25, largest: float = 2.0) -> Any:
    """The parameter for the size of the brush marks."""
    return field(
        1.0,
        ge=smallest,
        le=largest,
        step=0.05,
        label="Style scale",
        help="Size of the brush marks: 2 uses the style at twice its size, 0.5 at half its size.",
    )


def style_blend() -> Any:
    """The parameter for the shares of several styles; `core.params.shares_of` reads it."""
    return field(
        (),
        label="Style shares",
        help="With several styles: the share of each, for example 2, 1. Empty: equal shares.",
        advanced=True,
    )


def covering(style: Pixels, shape: tuple[int, ...], scale: float) -> Pixels:
    """The middle of a style (h w 3) that just covers a shape if `scale` is 1; mirrored if less.

    It is cropped first, so a large style takes no more memory than the result.
    """
    factor = scale * max(shape[axis] / style.shape[axis] for axis in (0, 1))
    for axis in (0, 1):
        length = style.shape[axis]
        needed = min(length, math.ceil(shape[axis] / factor))
        start = (length - needed) // 2
        style = style.take(range(start, start + needed), axis)
    height, width = (min(shape[axis], max(1, round(style.shape[axis] * factor))) for axis in (0, 1))
    missing = [shape[0] - height, shape[1] - width]
    pads = [(few // 2, few - few // 2) for few in missing]
    return np.pad(resize(style, width, height), (*pads, (0, 0)), mode="reflect")


def shares_of(name: str, given: Sequence[float], things: Sequence[str]) -> list[float]:
    """Normalise shares so that they add up to 1; use equal shares if none are given.

    >>> shares_of("style_blend", (1, 3), ("night", "waves"))
    [0.25, 0.75]

    Args:
        name: the parameter, for the error.
        given: the shares; () for equal ones.
        things: names of the things that share.

    Raises:
        BadParameter: there is not one for each thing, or one is negative, or all are zero.
    """
    shares = list(given) or [1.0] * len(things)
    if len(shares) != len(things) or min(shares) < 0 or sum(shares) <= 0:
        raise BadParameter(
            f"{name} = {', '.join(f'{share:g}' for share in shares)}: expected {len(things)} "
            f"number{'s' * (len(things) > 1)} ({', '.join(things)}), none negative and not all "
            "zero; or leave it empty"
        )
    return [share / sum(shares) for share in shares]
