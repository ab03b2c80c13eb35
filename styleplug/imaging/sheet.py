"""Write the pictures of a run as one file: a picture, a sheet of several, or an animation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.recipe import LARGEST
from styleplug.imaging.metadata import Origin
from styleplug.imaging.picture import resize
from styleplug.imaging.write import encode, encode_animation, format_of
from styleplug.system.files import write_file

GAP = 4
"""White pixels between two pictures."""


def grid(images: Sequence[Pixels], most: int = LARGEST) -> Pixels:
    """Place pictures in rows on a white sheet that is nearly square.

    Args:
        images: (h, w, c) float32 in [0, 1], one or more, all of one shape.
        most: longest side of the sheet; pictures are reduced if necessary.

    Returns:
        (H, W, c) float32 in [0, 1]; a single picture that fits is returned itself.
    """
    height, width, channels = images[0].shape
    across = columns(images)
    down = -(-len(images) // across)
    gaps = (across - 1) * GAP, (down - 1) * GAP
    factor = min(1.0, (most - gaps[0]) / (across * width), (most - gaps[1]) / (down * height))
    width, height = (max(1, math.floor(side * factor)) for side in (width, height))
    shape = down * height + gaps[1], across * width + gaps[0], channels
    if len(images) == 1:
        return resize(images[0], width, height)
    sheet = np.ones(shape, np.float32)
    for place, image in enumerate(images):
        top, left = place // across * (height + GAP), place % across * (width + GAP)
        sheet[top : top + height, left : left + width] = resize(image, width, height)
    return sheet


def write_all(
    images: Sequence[Pixels],
    path: Path,
    fps: float = 0.0,
    recipe: str | None = None,
    origin: Origin | None = None,
) -> None:
    """Write the pictures of a run as one file, completely or not at all.

    Args:
        images: as for `grid`.
        path: the file; it is replaced if it exists, and its ending decides the format.
        fps: pictures per second of an animation; 0 for no animation.
        recipe: text of the recipe, stored in the file.
        origin: origin of the input picture, if it is to be stored.

    Raises:
        OutputError: unknown ending, or not one of animations; missing folder, full disk …
    """
    kind = format_of(path, animated=fps > 0)
    write_file(path, encode_all(images, kind, fps, recipe, origin))


def encode_all(
    images: Sequence[Pixels],
    format: str,
    fps: float = 0.0,
    recipe: str | None = None,
    origin: Origin | None = None,
) -> bytes:
    """The bytes of the file; arguments as for `write_all`, the format as for `encode`."""
    if fps:
        return encode_animation(images, fps, format, recipe, origin)
    return encode(grid(images), format, recipe, origin)


def columns(images: Sequence[Pixels]) -> int:
    """Number of columns that makes the sheet nearly square, with few empty places."""
    height, width = images[0].shape[:2]
    count = len(images)

    def oblong(across: int) -> float:
        down = -(-count // across)
        shape = abs(math.log(across * width / (down * height)))
        return shape + (across * down - count) / (2 * count)

    return min(range(count, 0, -1), key=oblong)
