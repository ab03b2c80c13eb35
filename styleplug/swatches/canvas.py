"""Tools of the painters: coordinates, noise, palettes, brushes.

Arrays are (SIZE, SIZE) or (SIZE, SIZE, 3) float32; lengths are in pixels; y points down.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from styleplug.imaging import resize

SIZE = 512
Array = NDArray[np.floating[Any]]


def grid(size: int = SIZE) -> tuple[Array, Array]:
    """Pixel centres x and y, (size, size), always spanning 0 … SIZE."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * (SIZE / size)
    x, y = np.meshgrid(line, line)
    return x, y


def colour(code: str) -> Array:
    """(3,) from "rrggbb"."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def palette(codes: str) -> Array:
    """(n, 3) from "rrggbb rrggbb …"."""
    return np.stack([colour(code) for code in codes.split()])


def ramp(t: Array, codes: str) -> Array:
    """Colours along an evenly spaced gradient; t in [0, 1] of any shape gains a last axis of 3."""
    stops = palette(codes)
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, at, stops[:, c]) for c in range(3)], axis=-1).astype(np.float32)


def step(low: float | Array, high: float | Array, t: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between; it falls if low > high."""
    s = np.clip((t - low) / (high - low), 0, 1)
    smooth: Array = s * s * (3 - 2 * s)
    return smooth


def over(below: Array, above: Array, mask: Array) -> Array:
    """`above` painted over `below` where the mask is 1."""
    mixed: Array = below + mask[..., None] * (above - below)
    return mixed


def noise(
    rng: np.random.Generator,
    cells: float | tuple[float, float],
    octaves: int = 4,
    size: int = SIZE,
) -> Array:
    """Fractal noise in about [0, 1], (size, size).

    Args:
        rng: random numbers.
        cells: number of bumps across and down in the coarsest octave.
        octaves: number of octaves; each is twice as fine and half as strong as the one before.
        size: side of the result.
    """
    across, down = cells if isinstance(cells, tuple) else (cells, cells)
    total, weight = np.zeros((size, size), np.float32), 0.0
    for octave in range(octaves):
        shape = [max(2, min(size, round(n * 2**octave))) + 3 for n in (down, across)]
        coarse = Image.fromarray(rng.random(shape, np.float32))
        # A margin of one cell is cut away, because interpolation is not exact at the border.
        box = (1.0, 1.0, shape[1] - 1.0, shape[0] - 1.0)
        fine = coarse.resize((size, size), Image.Resampling.BICUBIC, box=box)
        total += np.asarray(fine) * 0.5**octave
        weight += 0.5**octave
    contrasted: Array = np.clip((total / weight - 0.5) * 1.5 + 0.5, 0, 1)
    return contrasted


def sample(image: Array, x: Array, y: Array) -> Array:
    """Bilinear sampling at pixel positions; outside, the border is repeated."""
    limit = image.shape[0] - 1.001
    x, y = np.clip(x - 0.5, 0, limit), np.clip(y - 0.5, 0, limit)
    left, top = x.astype(np.intp), y.astype(np.intp)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    if image.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    upper: Array = image[top, left] * (1 - fx) + image[top, left + 1] * fx
    lower: Array = image[top + 1, left] * (1 - fx) + image[top + 1, left + 1] * fx
    between: Array = upper * (1 - fy) + lower * fy
    return between


def shade(picture: Array, height: Array, strength: float) -> Array:
    """Light a relief from the upper left."""
    slope_y, slope_x = np.gradient(height)
    light = np.asarray(1 - strength * (slope_x + slope_y))
    lit: Array = picture * np.clip(light, 0.55, 1.6)[..., None]
    return lit


def finished(picture: Array) -> Array:
    """The result of `paint`: clipped, float32, and reduced to SIZE if it was painted larger."""
    return resize(np.clip(picture, 0, 1).astype(np.float32), SIZE, SIZE)


class Easel:
    """A canvas for brush strokes, with the thickness of the paint.

    Args:
        ground: (SIZE, SIZE, 3) colour to start from.
        rng: random numbers.
        bristles: how visible single bristles are, 0 … 1.
    """

    def __init__(self, ground: Array, rng: np.random.Generator, bristles: float = 0.5) -> None:
        self.picture = ground.astype(np.float32).copy()
        self.height = np.zeros(ground.shape[:2], np.float32)
        self._rng = rng
        # Streaks: long along the stroke (axis 1), fine across it.
        self._streaks = bristles * (noise(rng, (3, 60), 2, 256) - 0.5)

    def stroke(
        self,
        x: float,
        y: float,
        angle: float,
        length: float,
        width: float,
        paint: Array,
        bend: float = 0.0,
    ) -> None:
        """Paint a stroke: centre, direction in radians, full length and width, colour (3,)."""
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        wide = width * (1 + abs(bend))
        reach_x = (abs(cos) * length + abs(sin) * wide) / 2 + 1
        reach_y = (abs(sin) * length + abs(cos) * wide) / 2 + 1
        top, bottom = max(0, int(y - reach_y)), min(SIZE, int(y + reach_y) + 1)
        left, right = max(0, int(x - reach_x)), min(SIZE, int(x + reach_x) + 1)
        if top >= bottom or left >= right:
            return
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
        dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
        u = (dx * cos + dy * sin) * np.float32(2 / length)  # -1 … 1 along
        v = (dy * cos - dx * sin) * np.float32(2 / width) - np.float32(bend) * (u * u - 0.4)
        row, column = self._rng.integers(0, 256, 2)
        rows = ((v + 1) * (width * 2)).astype(np.int32) + row & 255
        columns = ((u + 1) * 40).astype(np.int32) + column & 255
        streak = self._streaks[rows, columns]
        # The end of a stroke is ragged, because the bristles leave the canvas one by one.
        rim = 1 - u * u * u * u - v * v + streak * (1.2 + u)
        mask = np.clip(rim * 3, 0, 1)
        area = (slice(top, bottom), slice(left, right))
        tone = paint.astype(np.float32) + (streak * 0.55)[..., None]
        self.picture[area] += mask[..., None] * (tone - self.picture[area])
        self.height[area] += mask * (0.6 + streak * 2 - v * v * 0.3 - self.height[area] * 0.7)

    def dry(self, relief: float = 0.25) -> Array:
        """The painting, with the relief of the paint lit from the upper left."""
        return finished(shade(self.picture, self.height, relief))


def scatter(rng: np.random.Generator, spacing: float) -> Array:
    """(n, 2) points x, y about `spacing` apart, even but irregular, in random order."""
    count = int(np.ceil(SIZE / spacing)) + 1
    cells = np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2)
    points = (cells + rng.random(cells.shape) - 0.25) * spacing
    return rng.permutation(points)
