"""Find the place in a picture whose surroundings are most similar to those of a hole.

For a hole over one eye of a face, this is the place of the other eye.  The ring of pixels around
the hole is compared with the ring around every other place, in the picture and in its mirror
image.  Colours are blurred first, so that an error of one pixel does not matter.
"""

from __future__ import annotations

import numpy as np

from styleplug.algorithms.inpainting.poisson import dilate
from styleplug.core.array import Indices, Mask, Pixels

_RING = 7  # pixels around the hole that are compared
_MOST_ERROR = 0.6  # largest mean squared error of a match, as a share of the ring's variance
_MOST_POINTS = 200  # a ring or a hole is sampled at about this many pixels
_MOST_OFFSETS = 8_000  # with more possible places, the hole is too small to match


def context_match(picture: Pixels, mask: Mask) -> tuple[int, int] | None:
    """Find the offset from the hole to the place with the most similar surroundings.

    Args:
        picture: (h w 3) float32.
        mask: (h w) bool, True in the hole.

    Returns:
        Rows down and columns to the right, in the picture with its mirror image at its right.
        None if no place is similar enough, or if the hole touches the side of the picture.
    """
    border = ((_RING, _RING), (_RING, _RING))
    known, mask = np.pad(~mask, border), np.pad(mask, border)
    if not mask.any() or not known[dilate(mask, 1) & ~mask].all():
        return None  # the ring around the hole is not complete
    hole, ring = np.argwhere(mask), np.argwhere(dilate(mask, _RING) & known)
    offsets = _offsets(hole, mask.shape)
    if len(offsets) > _MOST_OFFSETS:
        return None
    soft = _blur(np.pad(picture, (*border, (0, 0))), known)
    hole, ring = (some[:: 1 + len(some) // _MOST_POINTS, None] for some in (hole, ring))
    target, errors = soft[tuple(ring.T)], []
    inside, around = (tuple((some + offsets).T) for some in (hole, ring))
    for step in (1, -1):
        colours, seen = soft[:, ::step], known[:, ::step]
        whole, share = seen[inside].all(1), seen[around]
        error = np.square(colours[around] - target).sum(2)
        error = (error * share).sum(1) / np.maximum(share.sum(1), 1)
        errors.append(np.where(whole & (share.mean(1) >= 0.5), error, np.inf))
    mirrored, best = divmod(int(np.concatenate(errors).argmin()), max(1, len(offsets)))
    if not errors[mirrored][best] < _MOST_ERROR * target.var(1).sum():
        return None
    down, right = offsets[best]
    return int(down), int(right + mirrored * picture.shape[1])


def _offsets(hole: Indices, shape: tuple[int, ...]) -> Indices:
    """All offsets (n 2) that keep a hole (m 2) and its ring inside a picture."""
    rows, columns = (
        np.arange(_RING - places.min(), side - _RING - places.max())
        for places, side in zip(hole.T, shape, strict=True)
    )
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=2).reshape(-1, 2)


def _blur(picture: Pixels, known: Mask) -> Pixels:
    """Mean of the known pixels in each 3 × 3 block (h w 3)."""
    weight = known[:, :, None].astype(np.float32)
    parts = np.pad(np.concatenate((picture * weight, weight), axis=2), ((1, 1), (1, 1), (0, 0)))
    sums = np.lib.stride_tricks.sliding_window_view(parts, (3, 3), (0, 1)).sum((3, 4))
    return np.asarray(sums[:, :, :3] / np.maximum(sums[:, :, 3:], 1))
