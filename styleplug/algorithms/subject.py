"""Find the subject of a picture from a few strokes on it or a line around it, without a network.

GrabCut: Rother, Kolmogorov & Blake 2004, "Interactive Foreground Extraction using Iterated Graph
Cuts", from OpenCV.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from styleplug.core.array import Bytes, Floats, Pixels
from styleplug.core.errors import UsageError
from styleplug.system.extras import require

_GROWN = 1.0  # by how much the box around the strokes grows on each side, as a share of its size
_ROUNDS = 5
_MARKED = 0.5
_AROUND = 2.0  # from this multiple of a line's own area on, what it encloses is what is meant
_GAP = 0.02  # of the long side; a line with such a gap is closed


def subject(picture: Pixels, marks: Floats) -> Floats:
    """The subject that strokes touch or surround: (h, w), 1 inside and 0 outside.

    Strokes are on it.  It is looked for in a box around them; what is far from them is background.
    Or they are a closed line, such as a rectangle: it is looked for inside.

    Args:
        picture: (h, w, 3) in [0, 1].
        marks: (h, w) in [0, 1], the strokes.

    Raises:
        UsageError: OpenCV is not installed, or there are no strokes, or nothing else.
    """
    require("video", "the search for a subject")
    import cv2

    stroke = marks > _MARKED
    if not stroke.any() or stroke.all():
        raise UsageError(
            "the subject is not marked: draw over some parts of it, or around it, then search"
        )
    inside = _enclosed(cv2, stroke)
    if inside.sum() > _AROUND * stroke.sum():
        state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    else:
        state = _near(cv2, stroke)
    cv2.setRNGSeed(0)  # the same strokes give the same mask
    levels = (picture[:, :, ::-1] * 255 + 0.5).astype(np.uint8)
    models = np.zeros((2, 1, 65))
    whole = (0, 0, 0, 0)  # not used
    cv2.grabCut(levels, state, whole, models[0], models[1], _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)


def _enclosed(cv2: Any, stroke: Any) -> Any:
    """What a closed line surrounds: (h, w) of True and False."""
    side = round(_GAP * max(stroke.shape)) + 1
    line = cv2.morphologyEx(
        stroke.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)
    )
    free = np.pad(1 - line, 1, constant_values=1)
    cv2.floodFill(free, None, (0, 0), 2)  # from outside
    return free[1:-1, 1:-1] == 1


def _near(cv2: Any, stroke: Any) -> Bytes:
    """What GrabCut begins with: strokes are the subject, and more of it is in a box around them."""
    state = np.full(stroke.shape, cv2.GC_BGD, np.uint8)
    spans = []
    for axis, side in ((1, stroke.shape[0]), (0, stroke.shape[1])):
        first, *_, last = np.flatnonzero(stroke.any(axis)).repeat(2)
        more = round(_GROWN * (last - first + 1))
        spans.append(slice(max(1, first - more), min(side - 1, last + 1 + more)))
    state[tuple(spans)] = cv2.GC_PR_BGD
    state[stroke] = cv2.GC_FGD
    return state
