"""Convert pictures to the layout of nets, (1 3 h w), with sides that are a multiple of a number."""

from __future__ import annotations

import numpy as np

from styleplug.core.array import Pixels


def pad_to_multiple(picture: Pixels, multiple: int) -> Pixels:
    """(h w 3) to (1 3 h' w'): mirror the picture at its right and bottom until its sides fit.

    Args:
        picture: float32 in [0, 1].
        multiple: both sides become a multiple of this, and at least twice this.
    """
    pads = [(0, max(2 * multiple - side, -side % multiple)) for side in picture.shape[:2]]
    padded = np.pad(picture, (*pads, (0, 0)), mode="reflect")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], dtype=np.float32)


def crop_padding(padded: Pixels, height: int, width: int) -> Pixels:
    """(1 3 h' w') to (h w 3): remove what `pad_to_multiple` added."""
    return np.ascontiguousarray(padded[0, :, :height, :width].transpose(1, 2, 0))
