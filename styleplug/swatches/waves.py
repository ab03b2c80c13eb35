"""Great waves in the manner of a colour woodblock print."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, colour, finished, grid, noise, over, ramp, step

_SIZE = 768
_INK = colour("14264a")
_FOAM = colour("f4eedd")
# of each wave: x of the peak, height, width, lean; y of the trough
_WAVES = ((140, 150, 120, 60, 330), (420, 105, 110, 50, 372), (250, 120, 150, 70, 420),
          (60, 105, 110, 60, 470), (430, 120, 140, 60, 492), (210, 70, 130, 50, 520))  # fmt: skip


def paint() -> Array:
    """From back to front: sky, mountain, and the waves, each with ink along its crest."""
    rng = np.random.default_rng(8)
    x, y = grid(_SIZE)
    wood = noise(rng, (2, 70), 2, _SIZE) * 0.6 + noise(rng, (4, 220), 1, _SIZE) * 0.4
    picture = ramp(
        np.clip(y / 330 + 0.1 * (wood - 0.5), 0, 1), "8fa3a8 d9cfae efdfb8 f3d9b0 eebf98"
    )
    sun = np.hypot(x - 398, y - 92)
    picture = over(picture, colour("cf4a32"), step(45, 44, sun))
    cloud = np.abs(y - 150 - 7 * np.sin(x / 50)) - 7 * np.clip(np.sin(x / 90 + 1), 0, 1)
    picture = over(picture, colour("f6ecd6"), step(1, 0, cloud))
    picture = _mountain(picture, x, y, rng)
    for index, wave in enumerate(_WAVES):
        picture = _wave(picture, x, y, rng, index, *wave)
    grain = 0.94 + 0.1 * wood + 0.06 * (noise(rng, 300, 1, _SIZE) - 0.5)
    return finished(picture * grain[..., None])


def _mountain(picture: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """A far volcano with snow running down its flanks."""
    slope = 214 + 118 * (1 - np.exp(-np.abs(x - 268) / 110)) * 1.25
    body = step(0, 1.5, y - slope)
    picture = over(
        picture, ramp(np.clip((y - 214) / 130, 0, 1), "3d5a80 52779a 8aa6a6 d6cfae"), body
    )
    teeth = 246 + 15 * np.abs(((x / 15) % 2) - 1) + 8 * noise(rng, 30, 1, _SIZE)
    return over(picture, _FOAM, body * step(1, -0.5, y - teeth))


def _wave(picture: Array, x: Array, y: Array, rng: np.random.Generator, index: int,
          peak: float, tall: float, wide: float, lean: float, trough: float) -> Array:  # fmt: skip
    """One wave: a leaning hump with striped flanks, a scalloped rim of foam and spray."""
    # The higher a place, the further left it is looked up, so that the wave leans.
    lift = np.clip((trough - y) / tall, 0, 1.3)
    at = x - peak - lean * lift * lift
    crest = trough - tall * np.exp(-((at / wide) ** 2)) - 9 * np.sin(x / 38 + index * 2)
    depth = y - crest
    body = step(-0.5, 0.8, depth)
    # Stripes follow the crest and get wider downwards.
    stripes = np.sin(2.9 * np.sqrt(np.clip(depth, 0, None) + 4) + at / 42 + index)
    blues = ("16336b 23549a 5c93bd b9d2cf", "1a3d74 2f6cab 86b4c8 d8e2d2")[index % 2]
    water = ramp(np.clip(0.5 + 0.62 * stripes, 0, 1) * 0.85 + 0.1 * noise(rng, 8, 2, _SIZE), blues)
    picture = over(picture, water, body)
    lines = step(0.16, 0.05, np.abs(stripes + 0.25)) * step(5, 12, depth)
    picture = over(picture, _INK, lines * body * 0.8)
    # Foam: scallops of growing radius along the rim, fullest where the wave breaks.
    full = 4 + 17 * np.exp(-(((at - 0.1 * wide) / (0.8 * wide)) ** 2))
    curl = np.abs(np.sin(x / 7 + 1.7 * noise(rng, 20, 2, _SIZE) + index)) ** 0.6
    claws = np.abs(np.sin(x / 17.3 + 5 * noise(rng, 10, 2, _SIZE) + y / 40)) ** 1.5
    rim = depth - full * (0.25 + 0.6 * curl + 0.9 * claws)
    picture = over(picture, _FOAM, body * step(1, -0.5, rim))
    picture = over(picture, _INK, body * step(1.7, 0.7, np.abs(rim)))
    inner = np.abs(rim + 5 + 2 * curl)
    shade = colour("9dbecb")
    picture = over(picture, shade, body * step(1.4, 0.5, inner) * step(8, 10, full))
    picture = over(picture, _INK, step(1.8, 0.8, np.abs(depth)))
    for _ in range(46):  # spray
        px = peak + lean + rng.normal(10, wide * 0.6)
        py = trough - tall - rng.exponential(16) + 14 + 0.4 * abs(px - peak - lean)
        drop = np.s_[max(0, int(1.5 * py) - 8) : max(0, int(1.5 * py) + 8),
                     max(0, int(1.5 * px) - 8) : max(0, int(1.5 * px) + 8)]  # fmt: skip
        size = rng.uniform(0.8, 2.6)
        dot = step(size, size - 0.7, np.hypot(x[drop] - px, y[drop] - py))
        picture[drop] = over(picture[drop], _FOAM, dot)
    return picture
