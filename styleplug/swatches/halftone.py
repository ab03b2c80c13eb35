"""Pop-art fruit in halftone dots under heavy black outlines."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, colour, finished, grid, noise, over, step

_SIZE = 768
_INKS = {"c": ("00a5dc", 15), "m": ("e6237e", 75), "y": ("ffe11a", 0), "k": ("1c1620", 45)}
_PITCH = 7.0


def paint() -> Array:
    """Each ink is a screen of dots at its own angle; the dots grow with its share of the colour."""
    rng = np.random.default_rng(2)
    x, y = grid(_SIZE)
    scene, ink = _still_life(x, y)
    key = 0.75 * (1 - scene.max(axis=2))
    shares = dict(zip("cmyk", (*np.moveaxis(1 - scene - key[..., None], 2, 0), key), strict=True))
    paper = 0.97 - 0.05 * noise(rng, 90, 3, _SIZE)
    picture = paper[..., None] * np.array([1, 0.97, 0.9], np.float32)
    for name, (code, degrees) in _INKS.items():
        turn = np.deg2rad(degrees)
        u = (x * np.cos(turn) + y * np.sin(turn)) / _PITCH
        v = (y * np.cos(turn) - x * np.sin(turn)) / _PITCH
        screen = np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v)  # -2 … 2, peaks at dot centres
        share = np.clip(shares[name] * 1.08, 0, 1)
        # The threshold whose level set covers about this share of a cell.
        dots = step(-0.22, 0.22, screen - 2 * np.cos(np.pi * np.sqrt(share) * 0.96))
        slip = 0.93 + 0.07 * noise(rng, 60, 2, _SIZE)
        picture = picture * (1 - (dots * slip)[..., None] * (1 - colour(code)))
    picture = over(picture, colour("17121a"), ink)
    return finished(picture)


def _still_life(x: Array, y: Array) -> tuple[Array, Array]:
    """The colours, and the mask of the black lines."""
    angle = np.arctan2(y - 215, x - 262)
    rays = step(-0.1, 0.1, np.sin(angle * 14))
    scene = over(np.ones((*x.shape, 3), np.float32) * colour("ffd42a"),
                 np.ones((*x.shape, 3), np.float32) * colour("ff7a3c"), rays)  # fmt: skip
    fade = np.clip(np.hypot(x - 262, y - 215) / 330, 0, 1)[..., None]
    scene = scene * (1 - 0.25 * fade) + 0.2 * (1 - fade)
    ink = np.zeros_like(x)
    table = y - 382 - 10 * np.sin(x / 120)
    scene = over(scene, _shaded("36a9e0", np.clip((512 - y) / 160, 0, 1)), step(0, 1, table))
    stripe = step(-0.1, 0.1, np.sin((x + 0.6 * (y - 382)) / 9)) * step(0, 1, table)
    scene = over(scene, _shaded("f2f6fa", np.clip((540 - y) / 160, 0, 1)), stripe * 0.85)
    ink = np.maximum(ink, step(3, 2, np.abs(table)))
    # x, y, radii, how the outline deviates from the ellipse, colour
    for cx, cy, rx, ry, kind, code in (
        (330, 262, 92, 150, "pear", "b5d334"), (148, 330, 88, 84, "apple", "e8262c"),
        (262, 400, 70, 66, "orange", "ff8a1e"), (414, 398, 56, 58, "plum", "7a3fa0"),
    ):  # fmt: skip
        u, v = (x - cx) / rx, (y - cy) / ry
        if kind == "pear":
            u = u / (1 - 0.47 * step(0.25, -0.9, v))
        if kind == "apple":
            v = v + 0.22 * np.exp(-((u / 0.35) ** 2)) * np.where(v < 0, -1, 0.5)
        radius = np.hypot(u, v)
        ground = np.hypot((x - cx - 30) / (rx * 1.1), (y - cy - ry * 0.9) / 22)
        scene = over(scene, scene * 0.35, step(1.1, 0.8, ground))
        dome = np.sqrt(np.clip(1 - radius * radius, 0, 1))
        light = np.clip(0.25 + 0.75 * (dome * 0.62 - u * 0.5 - v * 0.55), 0, 1)
        body = step(1.01, 0.99, radius)
        scene = over(scene, _shaded(code, light), body)
        glint = step(0.22, 0.16, np.hypot((u + 0.38) * 1.3, v + 0.42))
        scene = over(scene, np.ones_like(scene), glint * body)
        rim = (radius - 1) * min(rx, ry)
        heavy = 2.2 + 3.2 * step(-0.3, 0.8, u + v)
        ink = np.maximum(ink * (1 - body), step(0.8, -0.3, np.abs(rim) - heavy))
        stem = np.abs(x - cx - 0.004 * (y - cy + ry) ** 2 - 2) - 3.4
        tall = step(1, 0, np.abs(y - cy + ry * 0.98 + 9) - 19)
        ink = np.maximum(ink, step(0.8, -0.3, stem) * tall)
        u2, v2 = (x - cx - 26), (y - cy + ry + 16 - 0.3 * (x - cx))
        leaf = np.abs(v2) - 11 * np.clip(1 - (u2 / 25) ** 2, 0, 1)
        inside = step(0.5, -0.5, leaf) * step(26, 25, np.abs(u2))
        vein = step(1.4, 0.7, np.abs(v2)) * inside
        scene = over(scene, _shaded("3fae49", np.clip(0.6 - v2 / 30, 0, 1)), inside)
        edge = step(2.6, 1.6, np.abs(leaf)) * step(28, 27, np.abs(u2))
        ink = np.maximum(ink * (1 - inside), np.maximum(edge, vein))
    return np.clip(scene, 0, 1), ink


def _shaded(code: str, light: Array) -> Array:
    """A colour, shaded from dark to white."""
    tone = colour(code)
    t = light[..., None]
    return np.where(t < 0.5, tone * (0.3 + 1.4 * t), tone + (1 - tone) * (t - 0.5) * 1.1)
