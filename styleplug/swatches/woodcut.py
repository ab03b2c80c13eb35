"""A woodcut in three blocks: a pine before a low sun, all in gouged lines."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, colour, finished, grid, noise, over, step

_SIZE = 768
_SUN = (330.0, 190.0)
# of needles: x, y, radii
_CUSHIONS = ((120, 84, 96, 34), (214, 138, 66, 24), (44, 164, 70, 26), (196, 214, 60, 20),
             (70, 246, 60, 22), (150, 40, 60, 24))  # fmt: skip


def paint() -> Array:
    """A gouge makes a light line; in dark tones, the lines are thin and far apart."""
    rng = np.random.default_rng(19)
    x, y = grid(_SIZE)
    wood = noise(rng, (150, 3), 3, _SIZE)
    chip = 1.6 * (noise(rng, 60, 2, _SIZE) - 0.5) + 3 * (noise(rng, 9, 3, _SIZE) - 0.5)
    full = np.ones((_SIZE, _SIZE, 3), np.float32)
    picture = colour("efe2c4") * (0.95 + 0.08 * noise(rng, 80, 3, _SIZE))[..., None]
    dx, dy = x - _SUN[0], y - _SUN[1]
    away, angle = np.hypot(dx, dy), np.arctan2(dy, dx)

    far = 300 - 70 * np.abs(np.sin(x / 95 + 0.4)) - 14 * np.sin(x / 23)
    near = 352 - 40 * np.abs(np.sin(x / 140 + 2.2)) - 8 * np.sin(x / 17)
    lake, shore = 372.0, 446 - 34 * np.sin(x / 150 + 0.5)
    sky, hills = y < far, (y >= far) & (y < near)
    woods, water = (y >= near) & (y < lake), (y >= lake) & (y < shore)
    land = y >= shore

    # Second and third block: flat colours, printed a little out of register.
    tint = full * colour("e9a23b")
    tint = np.where((sky & (away > 150 + chip))[..., None], colour("d9683a"), tint)
    tint = np.where((sky & (away > 300 + chip))[..., None], colour("a8323a"), tint)
    tint = np.where(hills[..., None], colour("5f8f9a"), tint)
    tint = np.where(woods[..., None], colour("2f6f6a"), tint)
    tint = np.where(water[..., None], colour("7fb0ae"), tint)
    glitter = water & (np.abs(dx + 5 * np.sin(y / 4)) < 40 + (y - lake) * 0.3)
    tint = np.where(glitter[..., None], colour("eda84a"), tint)
    tint = np.where(land[..., None], colour("8a8f3a"), tint)
    tint = np.where((away < 62 + chip)[..., None] & sky[..., None], colour("f6e7b0"), tint)
    tint = np.roll(tint, (2, 3), (0, 1))
    cover = 0.86 + 0.2 * (wood - 0.5) + 0.16 * (noise(rng, 200, 1, _SIZE) - 0.5)
    picture = over(picture, tint, np.clip(cover, 0, 1))

    # The key block: phase of the gouged lines, and how dark it is there.
    rays = angle * 26 / np.pi * 2
    doubled = np.where(away > 190, rays * 2, rays)
    phase = np.where(sky, doubled, 0) + 0.0
    dark = np.where(sky, 0.18 + 0.5 * step(70, 420, away) + 0.12 * np.sin(away / 16), 0)
    phase = np.where(hills, (y - far + 0.9 * np.abs(((x / 48) % 2) - 1) * 48) / 7.5, phase)
    dark = np.where(hills, 0.32 + 0.4 * step(0.2, 0.8, ((x / 48 + 0.3) % 2) / 2), dark)
    phase = np.where(woods, x / 6.5 + 0.7 * np.sin(y / 7), phase)
    dark = np.where(woods, 0.74 - 0.3 * step(20, 0, y - near), dark)
    phase = np.where(water, (y + 2.4 * np.sin(x / 21 + y / 5)) / 7, phase)
    dark = np.where(water, 0.3 + 0.3 * step(40, 170, np.abs(dx)), dark)
    furrow = (y - shore) / 9 + 1.4 * np.sin(x / 40 + (y - shore) / 30)
    phase = np.where(land, furrow, phase)
    dark = np.where(land, 0.5 + 0.3 * step(0, 90, y - shore), dark)
    dark = np.clip(dark + 0.25 * (noise(rng, 14, 3, _SIZE) - 0.5), 0, 0.95)
    dark = np.where((away < 62) & sky, 0.0, dark)
    off = np.abs((phase + 0.16 * chip) % 1 - 0.5) * 2
    key: Array = step(-0.1, 0.1, off - (1 - dark)) * step(0.02, 0.08, dark)
    for line in (y - far, y - near, y - lake, y - shore):
        key = np.maximum(key, step(2.4, 1.4, np.abs(line + 0.5 * chip)))
    key = np.maximum(key, step(2.2, 1.4, np.abs(away - 62 - chip)) * sky)
    key = _pine(key, x, y, chip)
    worn = step(0.1, 0.25, noise(rng, 120, 2, _SIZE) + 0.25 * wood)
    picture = over(picture, colour("1b1a22"), key * (0.8 + 0.2 * worn) * worn)
    return finished(picture)


def _pine(key: Array, x: Array, y: Array, chip: Array) -> Array:
    """A crooked pine: black trunk with light bark lines, needles in flat cushions."""
    lean = 118 + 34 * np.sin((y - 90) / 92)
    wide = 9 + 22 * step(300, 520, y) + 2 * np.sin(y / 9)
    trunk = (np.abs(x - lean) < wide + chip) & (y > 92)
    bark = np.abs(((x - lean) / 6.5 + 0.8 * np.sin(y / 13)) % 1 - 0.5) * 2
    key = np.where(trunk, step(0.2, 0.45, bark + 0.1), key)
    key = np.where((np.abs(np.abs(x - lean) - wide - chip) < 2.2) & (y > 92), 1, key)
    for cx, cy, rx, ry in _CUSHIONS:
        u, v = (x - cx) / rx, (y - cy) / ry
        angle = np.arctan2(v, u)
        radius = np.hypot(u, v) + 0.09 * np.abs(np.sin(angle * 13 + cx)) + chip / 60
        needles = np.abs((angle * 19 + 2 * np.sin(radius * 5)) % 1 - 0.5) * 2
        lit = step(0.75, 0.45, needles + 0.5 * step(-0.2, 0.8, v)) * step(0.3, 0.5, radius)
        key = np.where(radius < 1, 1 - lit * (radius < 0.94), key)
    return key
