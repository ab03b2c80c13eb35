"""Poisson blending: insert a piece into a picture so that its border does not show.

Pérez, Gangnet & Blake 2003, "Poisson Image Editing": the piece keeps its gradients and takes the
values of the picture at the border.  So the correction that is added to the piece is known at the
border and has a Laplacian of 0 inside.  It is solved from coarse to fine: each size starts from
the solution of the coarser one, followed by a few Jacobi iterations.

The seams between several pieces are corrected in the same way; there, the Laplacian is 0
everywhere but at the seams.

A departure from the paper: the correction fades with the distance from the border (a screened
Poisson equation).  Otherwise, a line that crosses the border would tint all of a large piece.
"""

from __future__ import annotations

import numpy as np

from styleplug.core.array import Floats, Indices, Mask, Pixels

_ROUNDS, _ROUNDS_LARGE, _LARGE = 16, 4, 2**20  # iterations; those from this many pixels on
_BAND = 4  # width of the band beside a border, in pixels
_REACH = 0.04  # fade length beyond 4 pixels, relative to the square root of the piece's area
_STEP = 0.15  # a larger step between colours is an edge
_MOST = 0.25  # largest correction; more would be a visible stain


def dilate(mask: Mask, pixels: int) -> Mask:
    """Dilate a mask (h w) by a number of steps up, down, left or right."""
    found = mask.copy()
    for _ in range(pixels):
        before = found.copy()
        found[1:] |= before[:-1]
        found[:-1] |= before[1:]
        found[:, 1:] |= before[:, :-1]
        found[:, :-1] |= before[:, 1:]
    return found


def poisson_blend(picture: Pixels, piece: Pixels, mask: Mask) -> Pixels:
    """Insert a piece into a picture (h w 3) under the mask; its colours fit at the border.

    Args:
        picture: float32 in [0, 1]; it stays as it is outside the mask.
        piece: (h w 3), valid under the mask and one pixel around it.
        mask: (h w) bool.
    """
    border = dilate(mask, 1) & ~mask
    difference = np.zeros_like(picture)
    difference[border] = np.clip(picture[border] - piece[border], -_MOST, _MOST)
    result = picture.copy()
    fitted = piece[mask] + solve_poisson(difference, border, mask, _fade_length(mask))[mask]
    result[mask] = np.clip(fitted, 0.0, 1.0)
    return result


def seam_correction(picture: Pixels, sources: Indices, mask: Mask, given: Pixels) -> Floats:
    """What to add (h w 3) to the pieces under a mask so that they meet without a step.

    The step across a seam is limited to the range of the steps that both pieces have there in
    their source.  Large steps stay, because they are edges of objects.

    Args:
        picture: (h w 3).
        sources: (h w 2) row and column that each pixel was copied from.
        mask: (h w) bool.
        given: (h' w' 3) the picture that the pixels were copied from.
    """
    border, size = dilate(mask, 1) & ~mask, np.array(given.shape[:2])
    made, laplacian = mask | border, np.zeros_like(picture)

    def at(places: Indices) -> Floats:
        rows, columns = np.moveaxis(np.clip(places, 0, size - 1), 2, 0)
        return np.asarray(given[rows, columns])

    for axis in ((1, 0), (0, 1)):
        one, two = np.s_[: -axis[0] or None, : -axis[1] or None], np.s_[axis[0] :, axis[1] :]
        before = at(sources[one] + axis) - at(sources[one])
        after = at(sources[two]) - at(sources[two] - axis)
        step = picture[two] - picture[one]
        wanted = np.clip(step, np.minimum(before, after), np.maximum(before, after)) - step
        wanted *= np.maximum(0, 1 - np.square(wanted / _STEP).sum(2, keepdims=True)) ** 2
        is_seam = (sources[two] - sources[one] != axis).any(2)
        wanted *= (is_seam & made[one] & made[two] & (mask[one] | mask[two]))[:, :, None]
        laplacian[one] += wanted
        laplacian[two] -= wanted
    correction = solve_poisson(np.zeros_like(picture), border, mask, _fade_length(mask), laplacian)
    return np.where(mask[:, :, None], correction, 0)


def _fade_length(mask: Mask) -> float:
    """Pixels over which a correction falls to a third."""
    return float(4 + _REACH * mask.sum() ** 0.5)


def solve_poisson(
    values: Floats,
    known: Mask,
    wanted: Mask,
    reach: float = np.inf,
    laplacian: Floats | None = None,
) -> Floats:
    """Solve the (screened) Poisson equation, given its values at the border.

    Args:
        values: (h w c), valid where `known`.
        known: (h w) bool, the border.
        wanted: (h w) bool, where to solve; disjoint from `known`.  Other pixels are ignored.
        reach: pixels over which values fall to a third, beside a straight border.
        laplacian: (h w c) the sum of the neighbours' differences from a pixel; None for 0.
    """
    if not known.any():
        return np.zeros_like(values)
    found = np.where(known[:, :, None], values, 0 if np.isfinite(reach) else values[known].mean(0))
    if min(wanted.shape) > 2 and wanted.any():
        coarse_known, coarse_values = _downsample(known, values)
        coarse_wanted = _downsample(wanted, values)[0] & ~coarse_known
        # A pixel of twice the side has four times the mean Laplacian.
        coarse_laplacian = (
            None if laplacian is None else 4 * _downsample(known | wanted, laplacian)[1]
        )
        coarse = solve_poisson(
            coarse_values, coarse_known, coarse_wanted, reach / 2, coarse_laplacian
        )
        height, width = wanted.shape
        doubled = coarse.repeat(2, 0)[:height].repeat(2, 1)[:, :width]
        found[wanted] = doubled[wanted]
    return _relax(found, known | wanted, wanted, reach, laplacian)


def _downsample(mask: Mask, values: Floats) -> tuple[Mask, Floats]:
    """For each block of 2 × 2 pixels: whether any is masked, and the mean of those that are."""
    height, width = (side + side % 2 for side in mask.shape)
    pads = ((0, height - mask.shape[0]), (0, width - mask.shape[1]))
    blocks = np.pad(mask, pads).reshape(height // 2, 2, width // 2, 2, 1)
    parts = np.pad(values, (*pads, (0, 0))).reshape(height // 2, 2, width // 2, 2, -1)
    counts = blocks.sum((1, 3), dtype=np.float32)
    return counts[:, :, 0] > 0, (parts * blocks).sum((1, 3)) / np.maximum(counts, 1)


def _relax(
    values: Floats,
    counts: Mask,
    moving: Mask,
    reach: float,
    laplacian: Floats | None,
) -> Floats:
    """Jacobi iterations: replace each moving value by the mean of its valid neighbours."""
    weight = np.pad(counts, 1).astype(np.float32)[:, :, None]
    whole = np.pad(values, ((1, 1), (1, 1), (0, 0))) * weight
    inner, rows, columns = whole[1:-1, 1:-1], np.s_[1:-1], np.s_[1:-1]
    around = weight[:-2, columns] + weight[2:, columns] + weight[rows, :-2] + weight[rows, 2:]
    around = np.maximum(around, 1) + np.float32(reach**-2)
    for _ in range(_ROUNDS if moving.size < _LARGE else _ROUNDS_LARGE):
        mean = whole[:-2, columns] + whole[2:, columns] + whole[rows, :-2] + whole[rows, 2:]
        if laplacian is not None:
            mean -= laplacian
        np.copyto(inner, mean / around, where=moving[:, :, None])
    return np.asarray(inner)


def border_visibility(picture: Pixels, mask: Mask) -> float:
    """How much the border of a mask shows: the mean step across it, relative to steps beside it.

    About 1 means that the border is invisible.  It is 1, too, if there is nothing to compare.

    Args:
        picture: (h w 3).
        mask: (h w) bool.
    """
    beside = dilate(mask, _BAND) & ~mask
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
