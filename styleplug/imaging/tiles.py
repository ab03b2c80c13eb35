"""Pictures of any size in bounded memory: painted tile by tile, so that no seam shows.

A tile is its core and a margin around it.  Where the margin covers what a net sees around a
pixel, the cores fit together as if the whole picture had been painted at once: tiles lie on the
grid of the net's strides, and beyond its border the picture is mirrored.  Whatever a net needs to
know of the whole picture is measured once, on its `thumbnail`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from styleplug.imaging.picture import fitted, resize

SIDE = 1024
"""Longest side of a tile's core.  Larger ones spend less on margins, and take more memory."""


def by_tiles(
    picture: np.ndarray,
    apply: Callable[[np.ndarray], np.ndarray],
    *,
    multiple: int,
    margin: int,
    check: Callable[[], None],
    side: int | None = None,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Paint a picture tile by tile.

    All tiles of a picture are of one shape, since ONNX Runtime plans anew for each.

    Args:
        picture: (h w c) float32; c is 3, or more where further planes lie under the picture; or
            a latent, which a net paints from.
        apply: what paints: (1 c h' w') to (1 3 h' w'); or en- or decodes: to (1 d sh' sw').
        multiple: sides h' and w' are multiples of it, and so is where a tile begins.
        margin: pixels around a core of which the result may depend; rounded up to `multiple`.
        check: called before each tile; what it raises ends the painting.
        side: longest side of a core (`SIDE`), rounded down to `multiple`.

    Yields:
        Tiles done, tiles in all, and the result so far (h w 3): the same array each time, the
        picture itself where no tile is done yet.  Of other sizes (sh sw d), zero there; where s
        is below 1, it covers sides that are rounded up to `multiple`.
    """
    margin += -margin % multiple
    side = max(multiple, (side or SIDE) // multiple * multiple)
    height, width = picture.shape[:2]
    rows, columns = (cores(length, side, multiple) for length in (height, width))
    result: np.ndarray | None = None
    places = [(top, left) for top in rows for left in columns]
    for done, (top, left) in enumerate(places, 1):
        check()
        down = _mirrored(top - margin, top + rows.step + margin, height)
        across = _mirrored(left - margin, left + columns.step + margin, width)
        canvas = np.ascontiguousarray(
            picture[down[:, None], across].transpose(2, 0, 1)[None], dtype=np.float32
        )
        painted = apply(canvas)
        times = Fraction(painted.shape[2], canvas.shape[2])
        if result is None:
            result = _blank(picture, painted.shape[1], times, multiple)
        bounds = (margin, margin + rows.step, margin + columns.step, top, left)
        start, down_to, across_to, y, x = (int(times * bound) for bound in bounds)
        place = result[y : y + down_to - start, x : x + across_to - start]
        core = painted[0, :, start:down_to, start:across_to]
        place[:] = core[:, : place.shape[0], : place.shape[1]].transpose(1, 2, 0)
        yield done, len(places), result


def _blank(picture: np.ndarray, planes: int, times: Fraction, multiple: int) -> np.ndarray:
    """What the result of `by_tiles` is before any tile is done."""
    if times == 1 and planes == 3:
        return np.array(picture[:, :, :3], np.float32)
    unit = multiple if times < 1 else 1
    height, width = (int(times * (n + -n % unit)) for n in picture.shape[:2])
    return np.zeros((height, width, planes), np.float32)


def thumbnail(picture: np.ndarray, longest: int) -> np.ndarray:
    """The picture (h w 3) reduced to a long side of `longest`; itself where it is no larger."""
    height, width = picture.shape[:2]
    if max(height, width) <= longest:
        return picture
    return resize(picture, *fitted(width, height, longest))


def cores(length: int, side: int, multiple: int) -> range:
    """Where the cores along a side begin; the step is their length, and the last hangs over.

    Args:
        length: of the side.
        side: longest that a core may be.
        multiple: of which their length is a multiple.
    """
    count = -(-length // side)
    return range(0, length, -(-length // (count * multiple)) * multiple)


def _mirrored(start: int, stop: int, length: int) -> np.ndarray:
    """Indices from start to stop, reflected at both ends of 0 … length - 1 as often as needed."""
    period = max(1, 2 * (length - 1))  # the end pixels are not repeated, as in `pad_to_multiple`
    places = np.arange(start, stop) % period
    return np.asarray(np.minimum(places, period - places)) if length > 1 else places * 0
