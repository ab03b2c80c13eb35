"""Several pictures as one: a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from styleplug.core.picture import resize
from styleplug.core.recipe import LARGEST

GAP = 4
"""White pixels between two pictures."""


def grid(images: Sequence[np.ndarray], most: int = LARGEST) -> np.ndarray:
    """Pictures in rows on white, the sheet as nearly square as it can be.

    Args:
        images: (h, w, c) float32 in [0, 1], one or more, all of one shape.
        most: no side of the sheet is longer; pictures that would make it so are made smaller.

    Returns:
        (H, W, c) float32 in [0, 1]; of a single picture that fits, the picture itself.
    """
    height, width, channels = images[0].shape
    columns = _columns(len(images), width, height)
    rows = -(-len(images) // columns)
    gaps = (columns - 1) * GAP, (rows - 1) * GAP
    factor = min(1.0, (most - gaps[0]) / (columns * width), (most - gaps[1]) / (rows * height))
    width, height = (max(1, math.floor(side * factor)) for side in (width, height))
    shape = rows * height + gaps[1], columns * width + gaps[0], channels
    if len(images) == 1:
        return resize(images[0], width, height)
    sheet = np.ones(shape, np.float32)
    for place, image in enumerate(images):
        top, left = place // columns * (height + GAP), place % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = resize(image, width, height)
    return sheet


def _columns(count: int, width: int, height: int) -> int:
    """The columns that leave the fewest places empty among those that make the sheet squarish."""

    def oblong(columns: int) -> float:
        rows = -(-count // columns)
        shape = abs(math.log(columns * width / (rows * height)))
        return shape + (columns * rows - count) / count

    return min(range(count, 0, -1), key=oblong)
