"""The neighbourhood in a picture that is most like a hole's: for an eye, that of the other eye.

What lies around the hole is compared with what lies around all places as large, and around those
of the mirror image.  A pixel more or less does not matter, so colours are blurred before.
"""

from __future__ import annotations

import numpy as np

from styleplug.algorithms.inpainting.poisson import grown

_RING = 7  # pixels around the hole that are compared
_ALIKE = 0.6  # of their variance, by how much those of another place may differ
_SPOTS = 200  # pixels at most that stand for all of a ring, or of a hole
_WAYS = 8_000  # places; where there are more the hole is a scratch, and tells little


def neighbourhood(picture: np.ndarray, mask: np.ndarray) -> tuple[int, int] | None:
    """How many rows down and columns to the right of the hole there is one nearly alike.

    Args:
        picture: (h w 3) float32.
        mask: (h w) bool, True in the hole.

    Returns:
        A way in the picture and its mirror image at its right; None where nothing is alike, or the
        hole lies at the side.
    """
    border = ((_RING, _RING), (_RING, _RING))
    known, mask = np.pad(~mask, border), np.pad(mask, border)
    if not mask.any() or not known[grown(mask, 1) & ~mask].all():
        return None  # at the picture's side a neighbourhood is but a part of one
    hole, ring = np.argwhere(mask), np.argwhere(grown(mask, _RING) & known)
    ways = _ways(hole, mask.shape)
    if len(ways) > _WAYS:
        return None
    soft = _blurred(np.pad(picture, (*border, (0, 0))), known)
    hole, ring = (some[:: 1 + len(some) // _SPOTS, None] for some in (hole, ring))
    wanted, apart = soft[tuple(ring.T)], []
    inside, around = (tuple((some + ways).T) for some in (hole, ring))
    for turn in (1, -1):
        colours, seen = soft[:, ::turn], known[:, ::turn]
        whole, share = seen[inside].all(1), seen[around]
        error = np.square(colours[around] - wanted).sum(2)
        error = (error * share).sum(1) / np.maximum(share.sum(1), 1)
        apart.append(np.where(whole & (share.mean(1) >= 0.5), error, np.inf))
    turned, best = divmod(int(np.concatenate(apart).argmin()), max(1, len(ways)))
    if not apart[turned][best] < _ALIKE * wanted.var(1).sum():
        return None
    down, right = ways[best]
    return int(down), int(right + turned * picture.shape[1])


def _ways(hole: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """All ways (n 2) by which a hole (m 2) can be moved inside a picture, its border apart."""
    rows, columns = (
        np.arange(_RING - places.min(), side - _RING - places.max())
        for places, side in zip(hole.T, shape, strict=True)
    )
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=2).reshape(-1, 2)


def _blurred(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Means of what is known (h w 3) within a pixel."""
    weight = known[:, :, None].astype(np.float32)
    parts = np.pad(np.concatenate((picture * weight, weight), axis=2), ((1, 1), (1, 1), (0, 0)))
    sums = np.lib.stride_tricks.sliding_window_view(parts, (3, 3), (0, 1)).sum((3, 4))
    return np.asarray(sums[:, :, :3] / np.maximum(sums[:, :, 3:], 1))
