"""Pictures as nets take them: (1 3 h w), sides a multiple of what the net's strides need."""

from __future__ import annotations

import numpy as np


def to_canvas(picture: np.ndarray, multiple: int) -> np.ndarray:
    """(h w 3) to (1 3 h' w'): mirrored at the right and bottom up to sides the net takes.

    Args:
        picture: float32 in [0, 1].
        multiple: of which both sides of the canvas are multiples; they are at least twice it.
    """
    pads = [(0, max(2 * multiple - side, -side % multiple)) for side in picture.shape[:2]]
    padded = np.pad(picture, (*pads, (0, 0)), mode="reflect")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], dtype=np.float32)


def from_canvas(canvas: np.ndarray, height: int, width: int) -> np.ndarray:
    """(1 3 h' w') to (h w 3): what `to_canvas` added is cut off."""
    return np.ascontiguousarray(canvas[0, :, :height, :width].transpose(1, 2, 0))
