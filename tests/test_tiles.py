"""Tiles fit together as if the picture had been painted at once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from conftest import make_photo

from styleplug.core.errors import Cancelled
from styleplug.imaging.picture import reduce_pixels
from styleplug.imaging.tiles import SIDE, by_tiles

RADIUS = 5
SIZES = [(16, 16), (1, 1), (1, 40), (3, 2), (31, 57), (64, 64), (65, 64), (97, 203), (200, 130)]


def blur(canvas: np.ndarray) -> np.ndarray:
    """Box blur (1 c h w) of RADIUS, with the zero padding that nets have at their border."""
    for axis in (2, 3):
        ends = [(0, 0)] * 4
        ends[axis] = (RADIUS + 1, RADIUS)
        total = np.cumsum(np.pad(canvas, ends), axis=axis, dtype=np.float64)
        length = 2 * RADIUS + 1
        ahead, behind = (slice(length, None), slice(None, -length))
        cut = [slice(None)] * 4
        cut[axis] = ahead
        upper = total[tuple(cut)]
        cut[axis] = behind
        canvas = (upper - total[tuple(cut)]) / length
    return canvas.astype(np.float32)[:, :3]


def strided(canvas: np.ndarray) -> np.ndarray:
    """What a net with a stride of 8 does: means of blocks, spread over them again."""
    b, c, h, w = canvas.shape
    means = canvas.reshape(b, c, h // 8, 8, w // 8, 8).mean(axis=(3, 5))
    return means.repeat(8, axis=2).repeat(8, axis=3)


def picture_of(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).random((height, width, 3), np.float32)


def painted(picture, apply, **options):
    given = {"multiple": 8, "margin": RADIUS, "check": lambda: None, "side": 32, **options}
    *_, (done, tiles, result) = by_tiles(picture, apply, **given)
    assert done == tiles
    return result


def whole(picture, apply):
    """The picture painted at once, mirrored far beyond its border."""
    height, width = picture.shape[:2]
    pads = [(16, 16 + -side % 8) for side in (height, width)]
    canvas = np.pad(picture, (*pads, (0, 0)), mode="reflect").transpose(2, 0, 1)[None]
    return apply(canvas)[0, :, 16 : 16 + height, 16 : 16 + width].transpose(1, 2, 0)


@pytest.mark.parametrize("apply", [blur, strided])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [8, 40, 64, None])
def test_tiles_equal_untiled_picture(size, side, apply):
    picture = picture_of(*size)
    result = painted(picture, apply, side=side)
    assert result.shape == picture.shape and result.dtype == np.float32
    assert np.abs(result - whole(picture, apply)).max() < 1e-6


def test_tiles_margin_too_narrow_differs():
    """The comparison above can fail."""
    picture = picture_of(65, 97)
    narrow = painted(picture, blur, multiple=1, margin=RADIUS - 1)
    assert np.abs(narrow - whole(picture, blur)).max() > 1e-3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("multiple", [1, 4, 8, 48])
def test_tiles_one_shape_multiple_of_net(size, multiple):
    shapes = []

    def apply(canvas):
        assert canvas.dtype == np.float32 and canvas.flags.c_contiguous
        shapes.append(canvas.shape)
        return canvas

    picture = picture_of(*size)
    result = painted(picture, apply, multiple=multiple)
    assert np.array_equal(result, picture)
    ((batch, channels, height, width),) = set(shapes)
    assert (batch, channels) == (1, 3) and height % multiple == 0 == width % multiple
    margin = RADIUS + -RADIUS % multiple
    core = max(multiple, 32)
    assert max(height, width) <= core + 2 * margin
    cores = len(shapes) * (height - 2 * margin) * (width - 2 * margin)
    rows, columns = (-(-side // multiple) * multiple for side in size)
    assert cores <= rows * columns * (1 + multiple / core) ** 2 * 2, "tiles that nobody needs"


def test_tiles_report_count_and_partial_picture():
    picture = picture_of(64, 96)
    seen = [
        (done, tiles, float((result == 0).mean()))
        for done, tiles, result in by_tiles(
            picture, np.zeros_like, multiple=8, margin=8, check=lambda: None, side=32
        )
    ]
    assert [(done, tiles) for done, tiles, _ in seen] == [(n, 6) for n in range(1, 7)]
    assert [share for *_, share in seen] == pytest.approx([n / 6 for n in range(1, 7)], abs=1e-3)


def test_tiles_check_before_each():
    events = []

    def check():
        events.append("check")
        if len(events) > 4:
            raise Cancelled("stopped")

    def apply(canvas):
        events.append("tile")
        return canvas

    tiles = by_tiles(picture_of(64, 96), apply, multiple=8, margin=8, check=check, side=32)
    assert next(tiles)[:2] == (1, 6) and next(tiles)[:2] == (2, 6)
    with pytest.raises(Cancelled):
        next(tiles)
    assert events == ["check", "tile", "check", "tile", "check"]


def test_tiles_further_planes_align():
    picture, under = picture_of(50, 70), picture_of(70, 50).transpose(1, 0, 2)
    both = np.concatenate([picture, under], axis=2)
    mixed = painted(both, lambda canvas: (canvas[:, :3] + canvas[:, 3:]) / 2)
    assert np.allclose(mixed, (picture + under) / 2)


def test_tiles_leave_input_unchanged():
    picture = picture_of(50, 70)
    picture.setflags(write=False)
    assert not np.array_equal(painted(picture, lambda canvas: 1 - canvas), picture)


def test_tiles_memory_bounded():
    picture = picture_of(1000, 1500)
    tile = (128 + 2 * 8) ** 2 * 3 * 4
    tracemalloc.start()
    painted(picture, lambda canvas: canvas, side=128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < picture.nbytes + 5 * tile


def test_tiles_small_picture_is_one_tile():
    tiles = by_tiles(
        picture_of(SIDE, 40), lambda canvas: canvas, multiple=8, margin=8, check=lambda: None
    )
    assert [tile[:2] for tile in tiles] == [(1, 1)]


def test_reduce_pixels_is_same_or_smaller():
    picture = make_photo(90, 60).pixels
    assert reduce_pixels(picture, 90) is picture
    small = reduce_pixels(picture, 45)
    assert small.shape == (30, 45, 3) and small.dtype == np.float32
    assert np.allclose(small.mean((0, 1)), picture.mean((0, 1)), atol=0.01)
    assert reduce_pixels(picture[:1], 9).shape == (1, 9, 3)
