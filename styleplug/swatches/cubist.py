"""A cubist still life: guitar, bottle and glass, seen from several sides at once."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import (
    SIZE,
    Array,
    Easel,
    colour,
    finished,
    grid,
    noise,
    over,
    palette,
    ramp,
    sample,
    scatter,
    step,
)

_PLANES = palette(
    "d09a4b 8a4f2c ead29c 3f6f98 22364e bd5a2e 8fa8a6 f2e4c0 7a3a34 2f6472 e2ae4c b03c2c"
)


def paint() -> Array:
    """Cuts divide the scene into facets; each shows it shifted, rotated, and in other colours."""
    rng = np.random.default_rng(21)
    x, y = grid()
    scene = _still_life(x, y, rng)
    code = np.zeros((SIZE, SIZE), np.int64)
    edge = np.full((SIZE, SIZE), 99, np.float32)
    depth = np.zeros((SIZE, SIZE), np.float32)
    angles = np.concatenate(
        [rng.normal(0.95, 0.22, 6), rng.normal(-0.85, 0.22, 6), rng.normal(1.6, 0.1, 3)]
    )
    for index, angle in enumerate(angles):
        px, py = rng.uniform(70, 442, 2)
        across = (x - px) * np.cos(angle) + (y - py) * np.sin(angle)
        along = (y - py) * np.cos(angle) - (x - px) * np.sin(angle)
        here = np.abs(along - rng.normal(0, 60)) < rng.uniform(
            110, 330
        )  # a cut has a limited length
        side = (across > 0) & here
        code += side * (1 << index)
        depth += np.where(here, np.where(side, 1, -0.6) * np.exp(-np.abs(across) / 34), 0)
        edge = np.minimum(edge, np.where(here, np.abs(across), 99))
    facet = code * 2654435761 % 65537
    chance = rng.random((65537, 6)).astype(np.float32)[facet]
    turn = (chance[..., 0] - 0.5) * 0.36
    dx, dy = x - 256, y - 256
    zoom = 0.86 + 0.26 * chance[..., 1]
    sx = 256 + (dx * np.cos(turn) - dy * np.sin(turn)) * zoom + (chance[..., 2] - 0.5) * 46
    sy = 256 + (dx * np.sin(turn) + dy * np.cos(turn)) * zoom + (chance[..., 3] - 0.5) * 46
    seen = sample(scene, sx, sy)
    key = _PLANES[(chance[..., 4] * len(_PLANES)).astype(int)]
    share = 0.06 + 0.62 * chance[..., 5] ** 2
    picture = seen + share[..., None] * (key - seen)
    picture = picture * (1 + 0.42 * np.clip(depth, -1.4, 1.2))[..., None]
    # Dabs of a flat brush, with one direction per facet.
    easel = Easel(picture, rng, 0.5)
    spots = scatter(rng, 8.5)
    rows, columns = np.clip(spots[:, ::-1], 0, SIZE - 1).astype(int).T
    tones = picture[rows, columns] * rng.normal(1, 0.1, (len(spots), 1))
    leans = chance[rows, columns, 0] * np.pi
    for (px, py), tone, lean in zip(spots, tones, leans, strict=True):
        easel.stroke(px, py, lean, 17, 8, tone)
    picture = 0.45 * picture + 0.55 * easel.dry(0.3)  # keeps fine lines
    line = step(2.3, 0.7, edge + 1.3 * noise(rng, 24, 2) - 0.4) * step(0.2, 0.45, noise(rng, 7, 2))
    picture = over(picture, colour("1d1712"), line * 0.9)
    return finished(picture)


def _still_life(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """The scene before it is cut."""
    scene = ramp(
        np.clip(y / 300 + 0.3 * (noise(rng, 4, 2) - 0.5), 0, 1), "3c4c5a 5f7480 8fa09c c9b98c"
    )
    scene = over(
        scene, ramp(np.clip((y - 330) / 180, 0, 1), "7a4a2c a8683a d29a58"), step(0, 2, y - 330)
    )
    paper = step(2, 0, np.maximum(np.abs(x + 0.3 * y - 250) - 74, np.abs(y - 0.2 * x - 330) - 60))
    scene = over(scene, colour("efe4c8"), paper)
    print_ = step(0.0, 0.3, np.sin(y * 1.05 - 0.2 * x)) * step(0.42, 0.5, noise(rng, (60, 40), 1))
    scene = over(scene, colour("3a332c"), paper * print_ * 0.8)
    # Guitar: two bouts and a waist, a neck with frets, a sound hole and strings.
    u, v = (x - 262) * 0.8 + (y - 300) * 0.6, (y - 300) * 0.8 - (x - 262) * 0.6
    half = 74 + 22 * np.cos(v / 34) + 14 * step(-20, 90, v)
    body = step(2, 0, np.abs(u) - half * np.sqrt(np.clip(1 - (v / 128) ** 4, 0, 1)))
    wood = ramp(
        np.clip(0.5 + u / 200 + 0.25 * np.sin(u / 3 + 4 * noise(rng, 5, 2)), 0, 1),
        "7a3f1c b8702c e0a450 f3d08a",
    )
    scene = over(scene, wood, body)
    rim = np.abs(np.abs(u) - half * np.sqrt(np.clip(1 - (v / 128) ** 4, 0, 1)))
    scene = over(scene, colour("2a1a10"), step(4, 2, rim) * step(130, 126, np.abs(v)))
    hole = np.hypot(u, v + 22)
    scene = over(scene, colour("1a1210"), step(27, 25, hole))
    scene = over(scene, colour("f0e0b0"), step(2.5, 1.5, np.abs(hole - 31)))
    neck = step(1, 0, np.abs(u) - 14) * step(-40, -44, v)
    scene = over(scene, colour("33241c"), neck)
    scene = over(scene, colour("d8c090"), neck * step(0.9, 0.97, np.cos(v / 3.4)))
    strings = step(0.85, 0.97, np.cos(u * 1.25)) * step(13, 12, np.abs(u)) * step(96, 94, v)
    scene = over(scene, colour("f6ecd0"), strings * 0.9)
    for cx, wide, top, code in (
        (412, 38, 120, "2f5a4a 7fa890 dcead0 1f3a34"),
        (112, 32, 300, "6f90a4 dfe8e6 a8bcc0 5a7484"),
    ):
        slim = (
            wide * (0.36 + 0.64 * step(top + 40, top + 110, y))
            if top < 200
            else wide * (1 - 0.16 * step(300, 430, y))
        )
        vessel = step(1, 0, np.abs(x - cx) - slim) * step(0, 2, y - top) * step(2, 0, y - 432)
        scene = over(scene, ramp(np.clip((x - cx) / (2 * wide) + 0.5, 0, 1), code), vessel * 0.92)
        scene = over(
            scene,
            colour("1d1712"),
            step(2.6, 1.2, np.abs(np.abs(x - cx) - slim))
            * step(0, 2, y - top)
            * step(2, 0, y - 432),
        )
    label = step(1, 0, np.abs(x - 412) - 34) * step(1, 0, np.abs(y - 330) - 40)
    return over(scene, ramp(noise(rng, 30, 2), "e8d8b0 c8402c e8d8b0"), label)
