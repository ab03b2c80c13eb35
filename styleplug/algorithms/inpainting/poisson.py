"""What is put into a picture, made to fit at its border, and how well it fits.

Pérez, Gangnet & Blake 2003, "Poisson Image Editing": the piece keeps its gradients and takes the
picture's values at the border.  The difference from the piece as it was is then the smoothest
there is between the differences at the border; it is found from coarse to fine, each size begun
with the answer of the coarser one and relaxed a few times.

Pieces put side by side are made to meet in the same way: what is added bends only at their seams.

A departure: the difference fades with the distance from the border (a screened Poisson equation),
else a line that happens to lie there would tint all of a large piece.
"""

from __future__ import annotations

import numpy as np

_ROUNDS, _ROUNDS_LARGE, _LARGE = 16, 4, 2**20  # relaxations of a size; of one of so many pixels
_BAND = 4  # pixels beside the border within which neighbours are compared
_REACH = 0.04  # of a correction beyond 4 pixels, in sides of a square as large as the piece
_STEP = 0.15  # length from which on a step between colours is an edge
_MOST = 0.25  # largest correction: more would be a stain, not a shade


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask (h w), and what is at most so many steps down, up or across from it."""
    found = mask.copy()
    for _ in range(pixels):
        before = found.copy()
        found[1:] |= before[:-1]
        found[:-1] |= before[1:]
        found[:, 1:] |= before[:, :-1]
        found[:, :-1] |= before[:, 1:]
    return found


def put(picture: np.ndarray, piece: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture (h w 3) with a piece under the mask, its shades fitted to those around.

    Args:
        picture: float32 in [0, 1]; comes back as it is where nothing is masked.
        piece: (h w 3), good under the mask and a pixel around it.
        mask: (h w) bool.
    """
    border = grown(mask, 1) & ~mask
    apart = np.zeros_like(picture)
    apart[border] = np.clip(picture[border] - piece[border], -_MOST, _MOST)
    result = picture.copy()
    fitted = piece[mask] + smoothest(apart, border, mask, _reach(mask))[mask]
    result[mask] = np.clip(fitted, 0.0, 1.0)
    return result


def levelled(
    picture: np.ndarray, sources: np.ndarray, mask: np.ndarray, given: np.ndarray
) -> np.ndarray:
    """What to add (h w 3) to the pieces under a mask so that they meet without a step.

    The step from one piece to the next becomes what it would be in one of them or between the
    two, whatever is nearest.  Large ones stay: there an object ends.

    Args:
        picture: (h w 3).
        sources: (h w 2) row and column of where each pixel of it was taken from.
        mask: (h w) bool.
        given: (h' w' 3) that it was taken from.
    """
    border, size = grown(mask, 1) & ~mask, np.array(given.shape[:2])
    made, bends = mask | border, np.zeros_like(picture)

    def at(places: np.ndarray) -> np.ndarray:
        rows, columns = np.moveaxis(np.clip(places, 0, size - 1), 2, 0)
        return np.asarray(given[rows, columns])

    for way in ((1, 0), (0, 1)):
        one, two = np.s_[: -way[0] or None, : -way[1] or None], np.s_[way[0] :, way[1] :]
        before = at(sources[one] + way) - at(sources[one])
        after = at(sources[two]) - at(sources[two] - way)
        step = picture[two] - picture[one]
        wanted = np.clip(step, np.minimum(before, after), np.maximum(before, after)) - step
        wanted *= np.maximum(0, 1 - np.square(wanted / _STEP).sum(2, keepdims=True)) ** 2
        apart = (sources[two] - sources[one] != way).any(2)
        wanted *= (apart & made[one] & made[two] & (mask[one] | mask[two]))[:, :, None]
        bends[one] += wanted
        bends[two] -= wanted
    shades = smoothest(np.zeros_like(picture), border, mask, _reach(mask), bends)
    return np.where(mask[:, :, None], shades, 0)


def _reach(mask: np.ndarray) -> float:
    """Pixels over which a correction fades to a third."""
    return float(4 + _REACH * mask.sum() ** 0.5)


def smoothest(
    values: np.ndarray,
    known: np.ndarray,
    wanted: np.ndarray,
    reach: float = np.inf,
    bends: np.ndarray | None = None,
) -> np.ndarray:
    """Values (h w c) everywhere wanted, each about the mean of its neighbours.

    Args:
        values: (h w c), good where known.
        known: (h w) bool.
        wanted: (h w) bool, apart from `known`; what is neither does not count as a neighbour.
        reach: pixels over which values fade to a third, along a straight border.
        bends: (h w c) by how much the neighbours shall be larger, in total, than all are alike;
            0 unless given.
    """
    if not known.any():
        return np.zeros_like(values)
    found = np.where(known[:, :, None], values, 0 if np.isfinite(reach) else values[known].mean(0))
    if min(wanted.shape) > 2 and wanted.any():
        coarse_known, coarse_values = _halved(known, values)
        coarse_wanted = _halved(wanted, values)[0] & ~coarse_known
        # Over twice the way, both down and across, bends are four times their mean.
        coarse_bends = None if bends is None else 4 * _halved(known | wanted, bends)[1]
        coarse = smoothest(coarse_values, coarse_known, coarse_wanted, reach / 2, coarse_bends)
        height, width = wanted.shape
        doubled = coarse.repeat(2, 0)[:height].repeat(2, 1)[:, :width]
        found[wanted] = doubled[wanted]
    return _relaxed(found, known | wanted, wanted, reach, bends)


def _halved(mask: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of blocks of 2 × 2, whether any is masked, and the mean of those that are."""
    height, width = (side + side % 2 for side in mask.shape)
    pads = ((0, height - mask.shape[0]), (0, width - mask.shape[1]))
    blocks = np.pad(mask, pads).reshape(height // 2, 2, width // 2, 2, 1)
    parts = np.pad(values, (*pads, (0, 0))).reshape(height // 2, 2, width // 2, 2, -1)
    counts = blocks.sum((1, 3), dtype=np.float32)
    return counts[:, :, 0] > 0, (parts * blocks).sum((1, 3)) / np.maximum(counts, 1)


def _relaxed(
    values: np.ndarray,
    counts: np.ndarray,
    moving: np.ndarray,
    reach: float,
    bends: np.ndarray | None,
) -> np.ndarray:
    """Values, those that move replaced by the mean of the neighbours that count, some times."""
    weight = np.pad(counts, 1).astype(np.float32)[:, :, None]
    whole = np.pad(values, ((1, 1), (1, 1), (0, 0))) * weight
    inner, rows, columns = whole[1:-1, 1:-1], np.s_[1:-1], np.s_[1:-1]
    around = weight[:-2, columns] + weight[2:, columns] + weight[rows, :-2] + weight[rows, 2:]
    around = np.maximum(around, 1) + np.float32(reach**-2)
    for _ in range(_ROUNDS if moving.size < _LARGE else _ROUNDS_LARGE):
        mean = whole[:-2, columns] + whole[2:, columns] + whole[rows, :-2] + whole[rows, 2:]
        if bends is not None:
            mean -= bends
        np.copyto(inner, mean / around, where=moving[:, :, None])
    return np.asarray(inner)


def visible(picture: np.ndarray, mask: np.ndarray) -> float:
    """How much a border shows: the mean jump across it by that of neighbours beside it.

    About 1 where nothing tells where the border was; 1 as well where there is nothing to compare.

    Args:
        picture: (h w 3).
        mask: (h w) bool, whose border is meant.
    """
    beside = grown(mask, _BAND) & ~mask
    across, near = [], []
    for axis in (0, 1):
        first, second = np.s_[:-1], np.s_[1:]
        one = (first, slice(None)) if axis == 0 else (slice(None), first)
        two = (second, slice(None)) if axis == 0 else (slice(None), second)
        jump = np.abs(picture[two] - picture[one]).mean(2)
        across.append(jump[mask[one] != mask[two]])
        near.append(jump[beside[one] & beside[two]])
    jumps, usual = np.concatenate(across), np.concatenate(near)
    if not len(jumps) or not len(usual):
        return 1.0
    return float((jumps.mean() + 1e-3) / (usual.mean() + 1e-3))
