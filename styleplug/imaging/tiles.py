"""Process pictures of any size in bounded memory, tile by tile, without visible seams.

A tile consists of a core and a margin around it.  If the margin covers the receptive field of the
net, the cores fit together as if the whole picture had been processed at once.  Tiles are aligned
to the strides of the net, and the picture is mirrored beyond its border.  Statistics of the whole
picture are measured once, on a small copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from styleplug.core.array import Floats, Indices, Pixels

SIDE = 1024
"""Longest side of the core of a tile.  Larger cores waste less on margins, but need more memory."""


def by_tiles(
    picture: Pixels,
    apply: Callable[[Pixels], Floats],
    *,
    multiple: int,
    margin: int,
    check: Callable[[], None],
    side: int | None = None,
) -> Iterator[tuple[int, int, Floats]]:
    """Process a picture tile by tile.

    All tiles of a picture have one shape, because ONNX Runtime plans again for each new shape.

    Args:
        picture: (h w c) float32; a picture, a picture with further channels, or a latent.
        apply: processes a tile: (1 c h' w') to (1 3 h' w'), or to (1 d sh' sw') for encoders and
            decoders.
        multiple: sides and positions of tiles are multiples of this.
        margin: pixels around a core that affect it; rounded up to `multiple`.
        check: called before each tile; raises to stop.
        side: longest side of a core (`SIDE`), rounded down to `multiple`.

    Yields:
        Tiles done, number of tiles, and the result so far (h w 3).  It is the same array each time;
        unfinished parts show the picture.  A result of another size (sh sw d) is zero there; if s
        is below 1, its sides are rounded up to `multiple`.
    """
    margin += -margin % multiple
    side = max(multiple, (side or SIDE) // multiple * multiple)
    height, width = picture.shape[:2]
    rows, columns = (cores(length, side, multiple) for length in (height, width))
    result: Pixels | None = None
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


def _blank(picture: Pixels, planes: int, times: Fraction, multiple: int) -> Floats:
    """The result of `by_tiles` before the first tile."""
    if times == 1 and planes == 3:
        return np.array(picture[:, :, :3], np.float32)
    unit = multiple if times < 1 else 1
    height, width = (int(times * (n + -n % unit)) for n in picture.shape[:2])
    return np.zeros((height, width, planes), np.float32)


def cores(length: int, side: int, multiple: int) -> range:
    """Start positions of the cores along a side; the step is their length.

    Args:
        side: largest length of a core.
        multiple: the length of a core is a multiple of this.
    """
    count = -(-length // side)
    return range(0, length, -(-length // (count * multiple)) * multiple)


def _mirrored(start: int, stop: int, length: int) -> Indices:
    """Indices from start to stop, reflected into 0 … length - 1 as often as needed."""
    period = max(1, 2 * (length - 1))  # the end pixels are not repeated, as in `pad_to_multiple`
    places = np.arange(start, stop) % period
    return np.asarray(np.minimum(places, period - places)) if length > 1 else places * 0
