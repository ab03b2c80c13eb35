"""One level of the pyramid of a picture with a hole, and the search for matching patches.

PatchMatch: Barnes, Shechtman, Finkelstein & Goldman 2009, "A Randomized Correspondence Algorithm
for Structural Image Editing".  The paper updates one patch after another; here all patches are
updated at once.  `styleplug.algorithms.inpainting.patches` describes how this is used.

Mirrored patches are allowed (as in Darabi et al. 2012, "Image Melding"): the mirror image is
placed at the right of the picture.  It is only searched, never filled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from styleplug.core.array import Floats, Indices, Mask
from styleplug.imaging.picture import resize

S = TypeVar("S", bound=np.generic)
RADIUS = 3
SIDE = 2 * RADIUS + 1
"""Side of a patch in pixels."""
_COMPONENTS = 24  # of the 147 numbers of a patch
_SAMPLE = 8192  # patches from which the principal components are computed
_CHUNK = 16384  # patches held in memory at once
_TRUST_FADE = 1.3  # a patch one pixel deeper in the hole has its weight divided by this
_SOFT, _SHARP = 2.0, 100.0  # how fast weights fall with the distance; in the last round
_CHOICE = 0.2  # at the coarsest size, matches up to 20 % worse than the best may be chosen
_COST_NOISE = 0.5  # random part of a source's cost, as a share of the median distance
_COST_DISTANCE = 3.0  # cost of a source one long side away, as a share of the same
_COST_MIRRORED = 0.6  # cost of a mirrored source, as a share of the same
_MOST_COMPARED = 3000  # patches on each side of a comparison, at the coarsest size


def depth(mask: Mask, most: int) -> Indices:
    """Distance in pixels (h w) from each masked pixel to the known ones, at most `most`.

    It is 0 outside the mask.  Pixels beyond the border of the picture count as unknown.
    """
    found = np.zeros(mask.shape, np.int32)
    inner = mask
    for _ in range(most):
        if not inner.any():
            break
        found += inner
        padded = np.pad(inner, 1, constant_values=True)
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return found


def with_mirror(part: NDArray[S]) -> NDArray[S]:
    """A picture or a mask (h w …) with its mirror image at its right (h 2w …)."""
    return np.concatenate((part, part[:, ::-1]), axis=1)


def touches_mask(mask: Mask) -> Mask:
    """Whether each patch (h-6 w-6) of a picture touches its mask (h w)."""
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE]
    return np.asarray(inside + sums[:-SIDE, :-SIDE] > 0)


class Level:
    """One level: its picture, the patches that touch the hole, and the match of each.

    A place is a number, row · width + column, of the middle of a patch.  It counts in the picture
    with its mirror image at its right.

    Args:
        picture: (h w c) float32.
        mask: (h w) bool, True in the hole.
        rng: makes the random choices of the search.
        guide: (h w d) float32: further values that the middle of a patch is compared by.
    """

    def __init__(self, picture: Floats, mask: Mask, rng: np.random.Generator, guide: Floats):
        self.picture, self.rng = with_mirror(picture), rng
        self.height, self.half = mask.shape
        self.width = 2 * self.half
        self.mask = np.pad(mask, ((0, 0), (0, self.half)))  # the pixels to fill
        self.guide = with_mirror(guide).reshape(self.height * self.width, guide.shape[2])
        touches = touches_mask(mask)
        between = np.zeros((len(touches), SIDE - 1), bool)  # patches across the picture and mirror
        known = np.concatenate((~touches, between, ~touches[:, ::-1]), axis=1)
        self.targets, self.known = (
            self._places(np.argwhere(part) + RADIUS) for part in (touches, known)
        )
        self.row = np.full(self.height * self.width, -1, np.int32)  # place -> row of `features`
        self.row[self.known] = np.arange(len(self.known))
        self.number = np.full(self.height * self.width, -1, np.int32)  # place -> target
        self.number[self.targets] = np.arange(len(self.targets))
        self._components()
        self.features = self._features(self.known)
        deep = depth(mask, 20)[self.targets // self.width, self.targets % self.width]
        self.trust = (_TRUST_FADE ** -deep.astype(np.float32)).astype(np.float32)
        self.match = self.known[rng.integers(len(self.known), size=len(self.targets))]
        self.distance = np.full(len(self.targets), np.inf, np.float32)
        self.cost = np.zeros(len(self.known), np.float32)  # changed at the coarsest size only
        self.near = 0.0  # cost of a source by its squared distance, in long sides
        where = with_mirror(np.stack(tuple(np.mgrid[: self.height, : self.half]), axis=2))
        self.where = (where / max(mask.shape)).reshape(-1, 2).astype(np.float32)

    def _places(self, where: Indices) -> Indices:
        return np.asarray(where[:, 0] * self.width + where[:, 1])

    def _patches(self, places: Indices) -> Floats:
        """The values of patches, flattened (n 147)."""
        windows = np.lib.stride_tricks.sliding_window_view(self.picture, (SIDE, SIDE), (0, 1))
        y, x = places // self.width - RADIUS, places % self.width - RADIUS
        return np.asarray(windows[y, x].reshape(len(places), -1))

    def _components(self) -> None:
        some = self._patches(self.known[:: max(1, len(self.known) // _SAMPLE)])
        self.mean = some.mean(0)
        centred = some - self.mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        self.basis = np.ascontiguousarray(vectors[:, -_COMPONENTS:])

    def _features(self, places: Indices) -> Floats:
        """Principal components of patches, followed by their guide values (n 24+d)."""
        parts = [
            (self._patches(places[i : i + _CHUNK]) - self.mean) @ self.basis
            for i in range(0, len(places), _CHUNK)
        ]
        guides = SIDE * self.guide[places]  # weighted as if each pixel of the patch had them
        return np.concatenate((np.concatenate(parts), guides), axis=1).astype(np.float32)

    def fill_from_border(self, check: Callable[[], None]) -> None:
        """Fill the hole from its border inwards."""
        some = self.known
        if len(some) > _MOST_COMPARED:
            some = np.sort(self.rng.choice(some, _MOST_COMPARED, replace=False))
        sources = self._patches(some)
        middles = self.picture.reshape(-1, self.picture.shape[2])[some]
        squares = sources**2
        empty = self.mask.copy()
        outside = np.arange(self.width) >= self.half
        while empty.any():
            check()
            known = np.pad(~(empty | outside), RADIUS)
            windows = np.lib.stride_tricks.sliding_window_view(known, (SIDE, SIDE))
            seen = windows.sum((2, 3)) * empty
            front = np.argwhere(seen >= max(1, 0.7 * seen.max()))[:_MOST_COMPARED]
            padded = np.pad(self.picture, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
            patches = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), (0, 1))
            weight = np.broadcast_to(
                windows[front[:, 0], front[:, 1]][:, None],
                (len(front), self.picture.shape[2], SIDE, SIDE),
            ).reshape(len(front), -1)
            wanted = patches[front[:, 0], front[:, 1]].reshape(len(front), -1) * weight
            weight = weight.astype(np.float32)
            distances = weight @ squares.T - 2 * wanted @ sources.T
            distances += (wanted**2).sum(1, keepdims=True)
            distances = np.maximum(distances, 0) / weight.sum(1, keepdims=True)
            wished = self.guide[front[:, 0] * self.width + front[:, 1]]
            distances += ((wished[:, None] - self.guide[some]) ** 2).mean(2) if wished.size else 0
            chosen = self._choose(distances)
            self.picture[front[:, 0], front[:, 1]] = middles[chosen]
            empty[front[:, 0], front[:, 1]] = False
            inside = self.number[front[:, 0] * self.width + front[:, 1]]
            self.match[inside[inside >= 0]] = some[chosen[inside >= 0]]
        self._set_source_costs()

    def start_from_offset(self, down: int, right: int) -> None:
        """Start with a copy of another place, given by its offset from the hole."""
        places = self.targets + down * self.width + right
        known = self.row[np.clip(places, 0, len(self.row) - 1)] >= 0
        self.match = np.where(known, places, self.match)
        self.cost[:], self.near = 0, 0.0  # with costs, the copy would be split up again
        self.vote(sharp=False)

    def _choose(self, distances: Floats) -> Indices:
        """For each row, a random one of the columns that are close to the smallest value."""
        least = distances.min(1, keepdims=True)
        good = distances <= least * (1 + _CHOICE) + 1e-4
        return np.asarray(np.where(good, self.rng.random(distances.shape), -1.0).argmax(1))

    def _set_source_costs(self) -> None:
        """Give each source a random cost that changes smoothly over the picture."""
        self._update_distances()
        rows, columns = (max(2, side // 16) for side in (self.height, self.width))
        noise = self.rng.random((rows, columns), np.float32)
        smooth = resize(noise, self.width, self.height).ravel()[self.known]
        usual = float(np.median(self.distance))
        mirrored = self.known % self.width >= self.half
        self.cost = usual * (_COST_NOISE * smooth + _COST_MIRRORED * mirrored).astype(np.float32)
        self.near = _COST_DISTANCE * usual

    def _update_distances(self) -> None:
        """Compute the targets' features again, and the distances to their matches."""
        self.wanted = self._features(self.targets)
        self.distance = self._distances(np.arange(len(self.targets)), self.row[self.match])

    def _distances(self, targets: Indices, rows: Indices) -> Floats:
        """Squared distances (n) plus the costs of the sources."""
        difference = self.wanted[targets] - self.features[rows]
        distance = np.einsum("nc,nc->n", difference, difference) + self.cost[rows]
        if self.near:
            offset = self.where[self.targets[targets]] - self.where[self.known[rows]]
            distance += self.near * np.einsum("nc,nc->n", offset, offset)
        return np.asarray(distance)

    def search(self, rounds: int) -> None:
        """PatchMatch: improve the matches of all targets."""
        self._update_distances()
        for _ in range(rounds):
            for step in (1, -1, self.width, -self.width):
                neighbour = self.number[self.targets - step]
                self._keep_better(np.where(neighbour >= 0, self.match[neighbour] + step, -1))
            y, x = np.divmod(self.match, self.width)
            self._keep_better(y * self.width + self.width - 1 - x)
            reach = max(self.height, self.half)
            while reach >= 1:
                offset = self.rng.uniform(-reach, reach, (2, len(self.match)))
                y = self.match // self.width + np.rint(offset[0]).astype(int)
                x = self.match % self.width + np.rint(offset[1]).astype(int)
                fits = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
                self._keep_better(np.where(fits, y * self.width + x, -1))
                reach //= 3

    def _keep_better(self, places: Indices) -> None:
        """Replace matches by these places where they are better; -1 stands for no place."""
        rows = np.where(
            (places >= 0) & (places < len(self.row)), self.row[places % len(self.row)], -1
        )
        some = np.flatnonzero(rows >= 0)
        distance = self._distances(some, rows[some])
        better = distance < self.distance[some]
        found = some[better]
        self.match[found], self.distance[found] = places[found], distance[better]

    def vote(self, *, sharp: bool) -> None:
        """Set the pixels of the hole to the weighted mean of what the matches propose."""
        scale = np.percentile(self.distance, 75) + 1e-6
        doubt = self.distance / scale * (_SHARP if sharp else _SOFT) - np.log(self.trust)
        offsets = [
            down * self.width + right
            for down in range(-RADIUS, RADIUS + 1)
            for right in range(-RADIUS, RADIUS + 1)
        ]
        pixels = self.picture.reshape(-1, self.picture.shape[2])
        least = np.full(len(pixels), np.inf, np.float32)
        self.source = np.arange(len(pixels))  # of each pixel, the place in its best match
        for offset in offsets:
            better = doubt < least[self.targets + offset]
            place = self.targets[better] + offset
            least[place], self.source[place] = doubt[better], self.match[better] + offset
        total = np.zeros((len(pixels), pixels.shape[1] + 1), np.float32)
        values = np.concatenate((pixels, np.ones_like(pixels[:, :1])), axis=1)
        for offset in offsets:
            weight = np.exp(least[self.targets + offset] - doubt)
            total[self.targets + offset] += weight[:, None] * values[self.match + offset]
        seen, hole = total[:, -1] > 0, self.mask.ravel()
        made = pixels.copy()
        made[seen] = total[seen, :-1] / total[seen, -1:]
        pixels[hole] = made[hole]
        self.made = made.reshape(self.picture.shape)[:, : self.half]

    def finer(self, picture: Floats, mask: Mask, guide: Floats) -> Level:
        """The next finer level; its matches start from those of this one."""
        level = Level(picture, mask, self.rng, guide)
        y, x = level.targets // level.width, level.targets % level.width
        ends = self.height - RADIUS - 1, self.half - RADIUS - 1
        above = np.clip(y // 2, RADIUS, ends[0]) * self.width + np.clip(x // 2, RADIUS, ends[1])
        number = self.number[above]
        match = self.match[number]
        down = 2 * (match // self.width) + y % 2
        right = 2 * (match % self.width) + x % 2
        fits = (number >= 0) & (down < level.height) & (right < level.width)
        place = np.where(fits, down * level.width + right, 0)
        fits &= level.row[place] >= 0
        level.match = np.where(fits, place, level.match)
        level.near = self.near
        level.distance[:] = 1.0
        level.vote(sharp=False)
        return level

    def sources(self) -> Indices:
        """Row and column (h w 2) that each pixel was copied from in the last vote.

        Columns from w on are in the mirror image.
        """
        places = np.stack(np.divmod(self.source, self.width), axis=1)
        return np.asarray(places.reshape(self.height, self.width, 2)[:, : self.half])
