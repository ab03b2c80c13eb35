"""Fill a hole in a picture with patches of the same picture.

Wexler, Shechtman & Irani 2007, "Space-Time Completion of Video".  The algorithm works from coarse
to fine.  Every patch that touches the hole is matched with the nearest patch that is fully known.
Each pixel of the hole then becomes a weighted mean of what the matches around it propose.  The
search is PatchMatch (Barnes et al. 2009), for all patches at once: it tries the shifted matches of
neighbours, and random places closer and closer to the best match.  At the coarsest size, the hole
is filled from its border inwards.  Each pixel takes the middle of a random one of the best matches
(Efros & Leung 1999), so another seed gives another picture.

The roughness of the picture around a pixel is compared like a colour, else smooth patches would
win everywhere (Newson et al. 2014, "Video Inpainting of Complex Scenes", arXiv:1503.05528).
Mirrored patches are allowed too, so one eye can be filled from the other.

Departures from the papers: patches are compared by their principal components, which is ten times
faster.  The weights of the last round are sharper, because a mean of different patches is blurred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from styleplug.algorithms.inpainting.context_match import context_match
from styleplug.algorithms.inpainting.patchmatch import SIDE, Level, depth, touches_mask, with_mirror
from styleplug.algorithms.inpainting.poisson import dilate, seam_correction, solve_poisson
from styleplug.core.array import Floats, Indices, Mask, Pixels
from styleplug.imaging.picture import bands, resize

_DEPTH = 5  # largest depth of the hole at the coarsest size, in pixels
_MIN_SIDE = 24  # smallest side of the coarsest size, in pixels
_SEARCHES = 3  # rounds of search before each vote
_ROUNDS = (8, 6, 5, 4, 3, 3)  # votes by level, coarse to fine; the last number repeats
_AROUND = 12  # roughness is measured over about this many pixels
_ROUGH = 4.0  # weight of the roughness
_GUIDE = 0.35  # weight of the guide relative to the colours
_MIN_PATCHES = 16  # with fewer fully known patches, a hole cannot be filled


@dataclass(frozen=True)
class Fill:
    """The result of `fill`.

    Args:
        picture: (h w 3) float32: the filled picture.  It is new under the mask and in every patch
            that touches the mask; elsewhere it is the given picture.
        sources: (h w 2) row and column that each pixel was copied from.  A known pixel that no
            new patch covers has its own place.  Columns from w on are in the mirror image.
        correction: (h w 3) was added to the copied pixels, so that pieces meet without a step.
    """

    picture: Pixels
    sources: Indices
    correction: Floats


def can_fill(mask: Mask) -> bool:
    """Whether enough of a picture is known, outside its mask (h w), to fill the rest."""
    if min(mask.shape) < SIDE:
        return False
    return int((~touches_mask(mask)).sum()) >= _MIN_PATCHES


def fill(
    picture: Pixels,
    mask: Mask,
    rng: np.random.Generator,
    check: Callable[[], None],
    guide: Pixels | None = None,
    *,
    match_context: bool = False,
) -> Fill:
    """Fill a hole.  Time grows with the hole, memory with the picture.

    Args:
        picture: (h w 3) float32 in [0, 1]; pixels under the mask are not used.
        mask: (h w) bool, True where it is to be filled; `can_fill` must be true for it.
        rng: chooses among matches that are about equally good.
        check: called before each round of search; raises to stop it.
        guide: (h' w' 3) of any size: a rough picture of what the result should look like.
        match_context: start from a copy of a place with similar surroundings, if there is one.
    """
    whole = np.concatenate((picture, roughness(picture, mask)), axis=2)
    channels = np.zeros((*mask.shape, 0), np.float32)
    if guide is not None:
        near = resize(guide, mask.shape[1], mask.shape[0])
        channels = _GUIDE * _smooth(np.where(mask[:, :, None], near, picture))
    sizes = _pyramid(whole, mask)
    level = Level(*sizes[-1], rng, _at_size(channels, sizes[-1]))
    level.fill_from_border(check)
    coarse, hole = sizes[-1]
    offset = context_match(coarse[:, :, :3], hole) if match_context else None
    if offset:
        level.start_from_offset(*offset)
    for number in range(len(sizes)):
        if number:
            size = sizes[-1 - number]
            level = level.finer(*size, _at_size(channels, size))
        rounds = _ROUNDS[min(number, len(_ROUNDS) - 1)]
        for left in reversed(range(rounds)):
            check()
            level.search(_SEARCHES if number or left < rounds - 1 else 3 * _SEARCHES)
            level.vote(sharp=left == 0)
    made, sources = np.ascontiguousarray(level.made[:, :, :3]), level.sources()
    correction = seam_correction(made, sources, mask, with_mirror(made))
    return Fill(np.clip(made + correction, 0, 1), sources, correction)


def _smooth(picture: Floats) -> Floats:
    """Local means of a picture (h w c), over about `_AROUND` pixels."""
    height, width = picture.shape[:2]
    return resize(resize(picture, -(-width // _AROUND), -(-height // _AROUND)), width, height)


def _at_size(guide: Floats, size: tuple[Floats, Mask]) -> Floats:
    """A guide (h w d), resized to a level of the pyramid."""
    return resize(guide, *size[1].shape[::-1])


def roughness(picture: Pixels, mask: Mask) -> Floats:
    """Mean difference of known neighbours, vertical and horizontal (h w 2), around each pixel."""
    height, width = mask.shape
    grey, known = picture.mean(2), (~mask).astype(np.float32)
    found = []
    for axis in (0, 1):
        both = np.minimum(known, np.roll(known, -1, axis))
        both[-1 if axis == 0 else slice(None), -1 if axis == 1 else slice(None)] = 0
        difference = np.abs(np.roll(grey, -1, axis) - grey) * both
        small = (max(1, -(-width // _AROUND)), max(1, -(-height // _AROUND)))
        sums, counts = (resize(resize(x, *small), width, height) for x in (difference, both))
        found.append(np.minimum(1, _ROUGH * sums / np.maximum(counts, 0.05)))
    return solve_poisson(np.stack(found, axis=2).astype(np.float32), ~mask, mask)


def upscale_fill(picture: Pixels, mask: Mask, found: Fill) -> Pixels:
    """Fill a large picture (h w 3) from the same places as a smaller copy of it.

    The ring of one pixel around the hole is replaced too, as in `fill`.  Every pixel is a mean of
    what four neighbours in the smaller picture would copy, so that pieces overlap smoothly.

    Args:
        picture: (h w 3) float32.
        mask: (h w) bool.
        found: the fill of the smaller picture.
    """
    height, width = mask.shape
    sources, correction = found.sources, found.correction
    small = np.array(sources.shape[:2])
    factor = np.array(mask.shape) / small
    result, made = picture.copy(), dilate(mask, 1)
    pieces, known = with_mirror(picture), with_mirror(~mask)
    for rows in bands(height, width, 2**18):
        place = np.argwhere(made[rows]) + (rows.start, 0)
        if not len(place):
            continue
        coarse = np.clip((place + 0.5) / factor - 0.5, 0, small - 1)
        corner = np.minimum(coarse.astype(int), small - 2)
        part = coarse - corner
        total = np.zeros((len(place), 3), np.float32)
        weights = np.full((len(place), 1), 1e-6, np.float32)
        added = np.zeros_like(total)
        for down in (0, 1):
            for right in (0, 1):
                near = corner + (down, right)
                offset = (sources[near[:, 0], near[:, 1]] - near) * factor
                source = np.rint(place + offset).astype(int)
                y, x = np.clip(source, 0, (height - 1, 2 * width - 1)).T
                share = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
                weight = (share * known[y, x] + 1e-9).astype(np.float32)[:, None]
                total += weight * pieces[y, x]
                weights += weight
                added += share[:, None].astype(np.float32) * correction[near[:, 0], near[:, 1]]
        result[place[:, 0], place[:, 1]] = np.clip(total / weights + added, 0, 1)
    return result


def _pyramid(picture: Floats, mask: Mask) -> list[tuple[Floats, Mask]]:
    """Pictures and masks, each half as large as the one before."""
    sizes = [(picture, mask)]
    while True:
        picture, mask = sizes[-1]
        height, width = (max(1, side // 2) for side in mask.shape)
        deep = int(depth(mask, _DEPTH + 1).max())
        if deep <= _DEPTH or min(height, width) < _MIN_SIDE:
            break
        known = (~mask).astype(np.float32)
        share = resize(known, width, height)
        seen = resize(picture * known[:, :, None], width, height)
        smaller = share < 0.5
        if not can_fill(smaller):
            break
        sizes.append((np.clip(seen / np.maximum(share, 0.25)[:, :, None], 0, 1), smaller))
    return sizes
