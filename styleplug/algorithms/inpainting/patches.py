"""A hole in a picture, filled with pieces of the picture itself.

Wexler, Shechtman & Irani 2007, "Space-Time Completion of Video": from coarse to fine, every patch
that touches the hole is matched with the nearest one that is wholly known, and the pixels of the
hole become what the matches of the patches around them vote for.  The search is PatchMatch
(Barnes et al. 2009), all patches at once: neighbours' matches, shifted, and random places ever
nearer to the best one.  At the coarsest size the hole is filled from its border inwards, each
pixel with the middle of one of the best matches, drawn by chance (Efros & Leung 1999), so that
another seed gives another picture.

So that smooth patches do not win everywhere, how rough the picture is around a pixel counts like
a colour (Newson et al. 2014, "Video Inpainting of Complex Scenes", arXiv:1503.05528).  Mirrored
patches may serve as well: so one eye can be made of the other.

Departures: patches are compared by their principal components, which is ten times faster; votes
of the last round are sharpened, since means of patches that differ are blurred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from styleplug.algorithms.inpainting.context_match import neighbourhood
from styleplug.algorithms.inpainting.patchmatch import SIDE, Level, beside, depth, touched
from styleplug.algorithms.inpainting.poisson import grown, levelled, smoothest
from styleplug.imaging.picture import resize

_DEPTH = 5  # pixels; the hole of the coarsest size is no deeper
_LEAST = 24  # pixels; the coarsest size has no shorter side
_SEARCHES = 3  # rounds of search before each vote
_ROUNDS = (8, 6, 5, 4, 3, 3)  # votes by level, coarse to fine; further ones as the last
_AROUND = 12  # pixels around one within which roughness is measured
_ROUGH = 4.0  # how much it counts
_GUIDE = 0.35  # how much a guide counts beside the colours
_FEW = 16  # a picture with fewer whole known patches gives nothing to fill a hole with


@dataclass(frozen=True)
class Patched:
    """What `fill` gives.

    Args:
        picture: (h w 3) float32: what was made, under the mask and wherever a patch that touches
            it reaches; else the given one.
        sources: (h w 2) row and column of where each pixel was taken from; its own place where
            it was known and no patch around it was replaced. Columns from w on are of the mirror
            image.
        shades: (h w 3) what was added to what was taken, so that pieces meet without a step.
    """

    picture: np.ndarray
    sources: np.ndarray
    shades: np.ndarray


def suits(mask: np.ndarray) -> bool:
    """Whether enough of a picture is known, by its mask (h w) of what is not, to fill the rest."""
    if min(mask.shape) < SIDE:
        return False
    return int((~touched(mask)).sum()) >= _FEW


def fill(
    picture: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    check: Callable[[], None],
    like: np.ndarray | None = None,
    *,
    alike: bool = False,
) -> Patched:
    """Fill a hole.  Time grows with the hole, memory with the picture.

    Args:
        picture: (h w 3) float32 in [0, 1]; what is under the mask is not looked at.
        mask: (h w) bool, True where it is to be filled; `suits` must say that it can be.
        rng: chooses among what fits.
        check: called before each round of search; what it raises ends it.
        like: (h' w' 3) of any size, what the whole picture should look like from afar.
        alike: begin with all of a place whose surroundings are nearly those of the hole, where
            there is one.
    """
    whole = np.concatenate((picture, roughness(picture, mask)), axis=2)
    guide = np.zeros((*mask.shape, 0), np.float32)
    if like is not None:
        near = resize(like, mask.shape[1], mask.shape[0])
        guide = _GUIDE * _soft(np.where(mask[:, :, None], near, picture))
    sizes = _pyramid(whole, mask)
    level = Level(*sizes[-1], rng, _at(guide, sizes[-1]))
    level.peel(check)
    coarse, hole = sizes[-1]
    way = neighbourhood(coarse[:, :, :3], hole) if alike else None
    if way:
        level.transplant(*way)
    for number in range(len(sizes)):
        if number:
            size = sizes[-1 - number]
            level = level.finer(*size, _at(guide, size))
        rounds = _ROUNDS[min(number, len(_ROUNDS) - 1)]
        for left in reversed(range(rounds)):
            check()
            level.search(_SEARCHES if number or left < rounds - 1 else 3 * _SEARCHES)
            level.vote(sharp=left == 0)
    made, sources = np.ascontiguousarray(level.made[:, :, :3]), level.sources()
    shades = levelled(made, sources, mask, beside(made))
    return Patched(np.clip(made + shades, 0, 1), sources, shades)


def _soft(picture: np.ndarray) -> np.ndarray:
    """A picture (h w c) from afar: its means over about `_AROUND` pixels."""
    height, width = picture.shape[:2]
    return resize(resize(picture, -(-width // _AROUND), -(-height // _AROUND)), width, height)


def _at(guide: np.ndarray, size: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """A guide (h w d) at a size of the pyramid."""
    return resize(guide, *size[1].shape[::-1])


def roughness(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How much neighbours differ down and across (h w 2), around each pixel, by what is known."""
    height, width = mask.shape
    grey, known = picture.mean(2), (~mask).astype(np.float32)
    found = []
    for axis in (0, 1):
        both = np.minimum(known, np.roll(known, -1, axis))
        both[-1 if axis == 0 else slice(None), -1 if axis == 1 else slice(None)] = 0
        apart = np.abs(np.roll(grey, -1, axis) - grey) * both
        small = (max(1, -(-width // _AROUND)), max(1, -(-height // _AROUND)))
        sums, counts = (resize(resize(x, *small), width, height) for x in (apart, both))
        found.append(np.minimum(1, _ROUGH * sums / np.maximum(counts, 0.05)))
    return smoothest(np.stack(found, axis=2).astype(np.float32), ~mask, mask)


def enlarged(picture: np.ndarray, mask: np.ndarray, found: Patched) -> np.ndarray:
    """A larger picture (h w 3), its hole filled from where `fill` filled that of a smaller one.

    A pixel around the hole is made as well, as by `fill`.  Every pixel is a mean of what four
    neighbours of the smaller picture would copy, so that pieces overlap softly.

    Args:
        picture: (h w 3) float32.
        mask: (h w) bool.
        found: of the smaller one.
    """
    height, width = mask.shape
    sources, shades = found.sources, found.shades
    small = np.array(sources.shape[:2])
    factor = np.array(mask.shape) / small
    result, made = picture.copy(), grown(mask, 1)
    pieces, known = beside(picture), beside(~mask)
    for rows in _bands(height, width):
        place = np.argwhere(made[rows]) + (rows.start, 0)
        if not len(place):
            continue
        coarse = np.clip((place + 0.5) / factor - 0.5, 0, small - 1)
        corner = np.minimum(coarse.astype(int), small - 2)
        part = coarse - corner
        total = np.zeros((len(place), 3), np.float32)
        weights = np.full((len(place), 1), 1e-6, np.float32)
        shade = np.zeros_like(total)
        for down in (0, 1):
            for right in (0, 1):
                near = corner + (down, right)
                way = (sources[near[:, 0], near[:, 1]] - near) * factor
                y, x = np.clip(np.rint(place + way).astype(int), 0, (height - 1, 2 * width - 1)).T
                share = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
                weight = (share * known[y, x] + 1e-9).astype(np.float32)[:, None]
                total += weight * pieces[y, x]
                weights += weight
                shade += share[:, None].astype(np.float32) * shades[near[:, 0], near[:, 1]]
        result[place[:, 0], place[:, 1]] = np.clip(total / weights + shade, 0, 1)
    return result


def _bands(height: int, width: int) -> Iterator[slice]:
    """Rows, a quarter of a megapixel at a time."""
    rows = max(1, 2**18 // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _pyramid(picture: np.ndarray, mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures and masks, each half as large as the one before."""
    sizes = [(picture, mask)]
    while True:
        picture, mask = sizes[-1]
        height, width = (max(1, side // 2) for side in mask.shape)
        deep = int(depth(mask, _DEPTH + 1).max())
        if deep <= _DEPTH or min(height, width) < _LEAST:
            break
        known = (~mask).astype(np.float32)
        share = resize(known, width, height)
        seen = resize(picture * known[:, :, None], width, height)
        smaller = share < 0.5
        if not suits(smaller):
            break
        sizes.append((np.clip(seen / np.maximum(share, 0.25)[:, :, None], 0, 1), smaller))
    return sizes
