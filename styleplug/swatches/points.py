"""A pointillist afternoon by the water: pure colours side by side."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, colour, finished, grid, noise, over, ramp, sample, step

# spacing of the dots, their radius, variation of the hue
_LAYERS = ((9.0, 5.0, 0.10), (7.5, 3.6, 0.16), (6.4, 2.7, 0.2), (5.6, 2.2, 0.26), (5.6, 1.9, 0.26))


def paint() -> Array:
    """Layers of dots; each has a random colour near that of the scene, or near its opposite."""
    rng = np.random.default_rng(9)
    x, y = grid()
    scene = _scene(x, y, rng)
    picture = 0.35 * scene + 0.65 * np.array([0.93, 0.89, 0.78], np.float32)
    for index, (pitch, radius, stray) in enumerate(_LAYERS):
        turn = 0.4 + index * 1.1
        u = (x * np.cos(turn) + y * np.sin(turn)) / pitch
        v = (y * np.cos(turn) - x * np.sin(turn)) / pitch
        column, row = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
        place = (column * 7919 + row * 104729) % 8192
        chance = rng.random((8192, 6)).astype(np.float32)[place]
        # Centre of the dot of this cell, back in pixels.
        room = np.clip(0.5 - radius / pitch, 0, 0.5)
        cu = column + 0.5 + (chance[..., 0] * 2 - 1) * room
        cv = row + 0.5 + (chance[..., 1] * 2 - 1) * room
        cx = (cu * np.cos(turn) - cv * np.sin(turn)) * pitch
        cy = (cu * np.sin(turn) + cv * np.cos(turn)) * pitch
        tone = sample(scene, cx, cy)
        hue = (chance[..., 2:5] - 0.5) * 2 * stray
        tone = tone + hue - hue.mean(axis=-1, keepdims=True)
        strong = tone.mean(axis=-1, keepdims=True)
        tone = strong + (tone - strong) * 1.25  # more saturated than their mixture
        opposite = chance[..., 5] > 0.93
        tone = np.where(opposite[..., None], np.clip(strong * 2 - tone, 0, 1), tone)
        away = np.hypot(x - cx, y - cy) - radius * (0.8 + 0.2 * chance[..., 4])
        body = step(0.6, -0.6, away)
        dab = (
            tone
            * (1.05 - 0.12 * step(-radius, 0, away) - 0.05 * step(-1, 1, (x - cx) + (y - cy)))[
                ..., None
            ]
        )
        picture = over(picture, dab, body * 0.94)
    return finished(picture)


def _scene(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Sky, sea with sails, a sunny lawn and a shady tree."""
    cloud = noise(rng, (3, 7), 4)
    scene = ramp(np.clip(y / 190 + 0.25 * (cloud - 0.5), 0, 1), "6f9fd8 9cc0e6 cfdcea f6e6c8")
    scene = over(scene, colour("fbf3e6"), step(0.58, 0.75, cloud) * 0.8)
    coast = 176 + 12 * np.sin(x / 55) - 16 * step(250, 480, x)
    scene = over(
        scene, ramp(noise(rng, 20, 2), "4f6fa0 5f8f8f 86a86a b9b27c"), step(0, 2, y - coast)
    )
    swell = np.sin(y / 4 + 5 * noise(rng, (3, 14), 2)) * 0.5 + 0.5
    sea = ramp(
        np.clip(0.2 + 0.5 * swell + (y - 200) / 420, 0, 1), "274f9c 2f7fb4 58a9c4 9fd0d0 f3e9c2"
    )
    scene = over(scene, sea, step(0, 1.5, y - 200))
    for px, base, tall in ((96, 246, 74), (196, 226, 46), (300, 262, 92), (262, 216, 26)):
        up = (base - y) / tall
        sail = step(0, 0.03, up) * step(1, 0.97, up)
        right = sail * step(0, 2, x - px) * step(0, -2, x - px - 0.52 * tall * (1 - up))
        left = sail * step(0, 2, px - x) * step(0, -2, px - x - 0.3 * tall * (1 - up))
        scene = over(scene, colour("fdf6e0"), right)
        scene = over(scene, colour("f0a860"), left)
        hull = step(1, 0, np.abs(x - px - 4) / (0.5 * tall)) * step(0, 1, y - base)
        scene = over(scene, colour("7a2f3f"), hull * step(tall * 0.11, tall * 0.1, y - base) ** 0.5)
        mirror = step(0, 2, y - base - 0.11 * tall) * step(tall * 0.8, 0, y - base)
        scene = over(
            scene,
            colour("f6e2b4"),
            mirror * step(0.3 * tall, 0, np.abs(x - px - 6 * np.sin(y / 5))) * 0.6,
        )
    bank = y - 352 - 0.16 * (x - 256) + 16 * np.sin(x / 70)
    lawn = ramp(noise(rng, (14, 22), 3), "5f8f2f 86b23c b4cf4f dfe06a f2e27c")
    scene = over(scene, lawn, step(0, 3, bank))
    shadow = step(0.9, 0.5, np.hypot((x - 420) / 190, (y - 452) / 52) + 0.25 * noise(rng, 9, 2))
    scene = over(scene, ramp(noise(rng, 12, 2), "1f3f6f 2f5f5f 3f7f4a 4a3f86"), shadow)
    blooms = step(0.86, 0.92, noise(rng, 46, 1)) * step(20, 60, bank)
    petals = ramp(noise(rng, 12, 1), "e23a4f f28ab0 fff0e0 f0b429 d84fa0")
    scene = over(scene, petals, blooms)
    trunk = step(1, 0, np.abs(x - 430 - 12 * np.sin(y / 60)) - 12 - 10 * step(380, 460, y))
    scene = over(
        scene,
        ramp(np.clip((x - 414) / 34, 0, 1), "d08a4a 8a4a3a 3f2f5f"),
        trunk * step(455, 440, y),
    )
    lumps = noise(rng, 7, 3)
    crown = np.hypot((x - 420) / 150, (y - 96) / 124) + 0.75 * (lumps - 0.5)
    leaves = ramp(np.clip(noise(rng, 11, 3) + 0.4 - y / 420 - (x - 420) / 500, 0, 1),
                  "16305a 1f5a4f 3f8a3f 86b440 dcd860")  # fmt: skip
    return over(scene, leaves, step(0.98, 0.9, crown))
