"""One size of a picture with a hole, and the search for patches that fit it.

PatchMatch: Barnes, Shechtman, Finkelstein & Goldman 2009, "A Randomized Correspondence Algorithm
for Structural Image Editing"; all patches try at once what the paper lets them try in turn.  Used
by `styleplug.algorithms.inpainting.patches`, which says how.

Mirrored patches fit, too (as in Darabi et al. 2012, "Image Melding"): at the right of the picture
stands its mirror image, in which nothing is filled, but everything can be found.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from styleplug.imaging.picture import resize

RADIUS = 3
SIDE = 2 * RADIUS + 1
"""Patches have so many pixels a side."""
_COMPONENTS = 24  # of the 147 numbers of a patch
_SAMPLE = 8192  # patches that the principal components are taken of
_CHUNK = 16384  # patches laid out at once
_FADE = 1.3  # by how much a patch's vote weighs less a pixel deeper in the hole
_SOFT, _SHARP = 2.0, 100.0  # how much less a worse match counts than a pixel's best; at the end
_CHOICE = 0.2  # matches so much worse than the best may be drawn instead at the coarsest size
_TASTE = 0.5  # deviation, by chance, of what a source costs, as a share of the median distance
_NEAR = 3.0  # what a source a long side away costs, as a share of the same
_TURNED = 0.6  # what a mirrored source costs, as a share of the same
_PEEL = 3000  # patches compared with so many others at once, at the coarsest size


def depth(mask: np.ndarray, most: int) -> np.ndarray:
    """How many pixels (h w) of a mask's it is to what is known, up to `most`; 0 outside of it.

    Beyond the picture's border nothing is known.
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


def beside(part: np.ndarray) -> np.ndarray:
    """A picture or a mask (h w …), its mirror image at its right (h 2w …)."""
    return np.concatenate((part, part[:, ::-1]), axis=1)


def touched(mask: np.ndarray) -> np.ndarray:
    """Whether the patches (h-6 w-6) of a picture touch its mask (h w)."""
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE]
    return np.asarray(inside + sums[:-SIDE, :-SIDE] > 0)


class Level:
    """One size: its picture, the patches that touch the hole, and the match of each.

    Places are numbers: row · width + column, of a patch's middle, in the picture and its mirror
    image beside it.

    Args:
        picture: (h w c) float32.
        mask: (h w) bool, True in the hole.
        rng: decides what is tried.
        guide: (h w d) float32, what the middle of a patch should be like, in the hole as well.
    """

    def __init__(
        self, picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator, guide: np.ndarray
    ):
        self.picture, self.rng = beside(picture), rng
        self.height, self.half = mask.shape
        self.width = 2 * self.half
        self.mask = np.pad(mask, ((0, 0), (0, self.half)))  # what is to be filled
        self.guide = beside(guide).reshape(self.height * self.width, guide.shape[2])
        touches = touched(mask)
        between = np.zeros((len(touches), SIDE - 1), bool)  # patches that have a part of both
        known = np.concatenate((~touches, between, ~touches[:, ::-1]), axis=1)
        self.targets, self.known = (
            self._places(np.argwhere(part) + RADIUS) for part in (touches, known)
        )
        self.row = np.full(self.height * self.width, -1, np.int32)  # place -> row of `features`
        self.row[self.known] = np.arange(len(self.known))
        self.number = np.full(self.height * self.width, -1, np.int32)  # place -> target
        self.number[self.targets] = np.arange(len(self.targets))
        self._components()
        self.features = self._described(self.known)
        deep = depth(mask, 20)[self.targets // self.width, self.targets % self.width]
        self.trust = (_FADE ** -deep.astype(np.float32)).astype(np.float32)
        self.match = self.known[rng.integers(len(self.known), size=len(self.targets))]
        self.distance = np.full(len(self.targets), np.inf, np.float32)
        self.cost = np.zeros(len(self.known), np.float32)  # but at the coarsest size
        self.near = 0.0  # cost of a source by the square of how far it is, in long sides
        where = beside(np.stack(tuple(np.mgrid[: self.height, : self.half]), axis=2))
        self.where = (where / max(mask.shape)).reshape(-1, 2).astype(np.float32)

    def _places(self, where: np.ndarray) -> np.ndarray:
        return np.asarray(where[:, 0] * self.width + where[:, 1])

    def _patches(self, places: np.ndarray) -> np.ndarray:
        """All numbers (n 147) of patches."""
        windows = np.lib.stride_tricks.sliding_window_view(self.picture, (SIDE, SIDE), (0, 1))
        y, x = places // self.width - RADIUS, places % self.width - RADIUS
        return np.asarray(windows[y, x].reshape(len(places), -1))

    def _components(self) -> None:
        some = self._patches(self.known[:: max(1, len(self.known) // _SAMPLE)])
        self.mean = some.mean(0)
        centred = some - self.mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        self.basis = np.ascontiguousarray(vectors[:, -_COMPONENTS:])

    def _described(self, places: np.ndarray) -> np.ndarray:
        """Principal components of patches and what guides them (n 24+d)."""
        parts = [
            (self._patches(places[i : i + _CHUNK]) - self.mean) @ self.basis
            for i in range(0, len(places), _CHUNK)
        ]
        guides = SIDE * self.guide[places]  # as if each pixel of the patch had it
        return np.concatenate((np.concatenate(parts), guides), axis=1).astype(np.float32)

    def peel(self, check: Callable[[], None]) -> None:
        """Fill the hole from its border inwards."""
        some = self.known
        if len(some) > _PEEL:
            some = np.sort(self.rng.choice(some, _PEEL, replace=False))
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
            front = np.argwhere(seen >= max(1, 0.7 * seen.max()))[:_PEEL]
            padded = np.pad(self.picture, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
            patches = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), (0, 1))
            weight = np.broadcast_to(
                windows[front[:, 0], front[:, 1]][:, None],
                (len(front), self.picture.shape[2], SIDE, SIDE),
            ).reshape(len(front), -1)
            wanted = patches[front[:, 0], front[:, 1]].reshape(len(front), -1) * weight
            weight = weight.astype(np.float32)
            apart = weight @ squares.T - 2 * wanted @ sources.T
            apart += (wanted**2).sum(1, keepdims=True)
            apart = np.maximum(apart, 0) / weight.sum(1, keepdims=True)
            wished = self.guide[front[:, 0] * self.width + front[:, 1]]
            apart += ((wished[:, None] - self.guide[some]) ** 2).mean(2) if wished.size else 0
            chosen = self._drawn(apart)
            self.picture[front[:, 0], front[:, 1]] = middles[chosen]
            empty[front[:, 0], front[:, 1]] = False
            inside = self.number[front[:, 0] * self.width + front[:, 1]]
            self.match[inside[inside >= 0]] = some[chosen[inside >= 0]]
        self._acquire_taste()

    def transplant(self, down: int, right: int) -> None:
        """Begin with the hole of another neighbourhood, so many rows and columns away."""
        places = self.targets + down * self.width + right
        known = self.row[np.clip(places, 0, len(self.row) - 1)] >= 0
        self.match = np.where(known, places, self.match)
        self.cost[:], self.near = 0, 0.0  # or it would be taken to pieces again
        self.vote(sharp=False)

    def _drawn(self, apart: np.ndarray) -> np.ndarray:
        """For each row one of the columns that are about the least, by chance."""
        least = apart.min(1, keepdims=True)
        good = apart <= least * (1 + _CHOICE) + 1e-4
        return np.asarray(np.where(good, self.rng.random(apart.shape), -1.0).argmax(1))

    def _acquire_taste(self) -> None:
        """Let sources cost differently, by chance, smoothly over the picture."""
        self._measure()
        rows, columns = (max(2, side // 16) for side in (self.height, self.width))
        noise = self.rng.random((rows, columns), np.float32)
        smooth = resize(noise, self.width, self.height).ravel()[self.known]
        usual = float(np.median(self.distance))
        turned = self.known % self.width >= self.half
        self.cost = usual * (_TASTE * smooth + _TURNED * turned).astype(np.float32)
        self.near = _NEAR * usual

    def _measure(self) -> None:
        """Describe the targets anew, and how far they are from their matches."""
        self.wanted = self._described(self.targets)
        self.distance = self._apart(np.arange(len(self.targets)), self.row[self.match])

    def _apart(self, targets: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Squared distances (n), and what the sources cost."""
        away = self.wanted[targets] - self.features[rows]
        apart = np.einsum("nc,nc->n", away, away) + self.cost[rows]
        if self.near:
            way = self.where[self.targets[targets]] - self.where[self.known[rows]]
            apart += self.near * np.einsum("nc,nc->n", way, way)
        return np.asarray(apart)

    def search(self, rounds: int) -> None:
        """PatchMatch: better matches for all targets."""
        self._measure()
        for _ in range(rounds):
            for step in (1, -1, self.width, -self.width):
                neighbour = self.number[self.targets - step]
                self._try(np.where(neighbour >= 0, self.match[neighbour] + step, -1))
            y, x = np.divmod(self.match, self.width)
            self._try(y * self.width + self.width - 1 - x)
            reach = max(self.height, self.half)
            while reach >= 1:
                way = self.rng.uniform(-reach, reach, (2, len(self.match)))
                y = self.match // self.width + np.rint(way[0]).astype(int)
                x = self.match % self.width + np.rint(way[1]).astype(int)
                fits = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
                self._try(np.where(fits, y * self.width + x, -1))
                reach //= 3

    def _try(self, places: np.ndarray) -> None:
        """Take other matches where they are nearer; -1 and what is not known is none."""
        rows = np.where(
            (places >= 0) & (places < len(self.row)), self.row[places % len(self.row)], -1
        )
        some = np.flatnonzero(rows >= 0)
        apart = self._apart(some, rows[some])
        better = apart < self.distance[some]
        found = some[better]
        self.match[found], self.distance[found] = places[found], apart[better]

    def vote(self, *, sharp: bool) -> None:
        """Let the hole become what the matches say."""
        scale = np.percentile(self.distance, 75) + 1e-6
        doubt = self.distance / scale * (_SHARP if sharp else _SOFT) - np.log(self.trust)
        ways = [
            down * self.width + right
            for down in range(-RADIUS, RADIUS + 1)
            for right in range(-RADIUS, RADIUS + 1)
        ]
        pixels = self.picture.reshape(-1, self.picture.shape[2])
        least = np.full(len(pixels), np.inf, np.float32)
        self.source = np.arange(len(pixels))  # of each pixel, the place that its best match says
        for way in ways:
            better = doubt < least[self.targets + way]
            place = self.targets[better] + way
            least[place], self.source[place] = doubt[better], self.match[better] + way
        total = np.zeros((len(pixels), pixels.shape[1] + 1), np.float32)
        values = np.concatenate((pixels, np.ones_like(pixels[:, :1])), axis=1)
        for way in ways:
            weight = np.exp(least[self.targets + way] - doubt)
            total[self.targets + way] += weight[:, None] * values[self.match + way]
        seen, hole = total[:, -1] > 0, self.mask.ravel()
        made = pixels.copy()
        made[seen] = total[seen, :-1] / total[seen, -1:]
        pixels[hole] = made[hole]
        self.made = made.reshape(self.picture.shape)[:, : self.half]

    def finer(self, picture: np.ndarray, mask: np.ndarray, guide: np.ndarray) -> Level:
        """The next level, its matches and so its picture following this one's."""
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

    def sources(self) -> np.ndarray:
        """Row and column (h w 2) of where each pixel was taken from, by the last vote.

        Columns from w on are of the mirror image.
        """
        places = np.stack(np.divmod(self.source, self.width), axis=1)
        return np.asarray(places.reshape(self.height, self.width, 2)[:, : self.half])
