"""A swirling night sky over a village, in thick oil."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import (
    Array,
    Easel,
    grid,
    noise,
    palette,
    ramp,
    sample,
    scatter,
    step,
)

_STARS = ((88, 82, 30), (196, 52, 17), (300, 118, 20), (262, 214, 15), (60, 216, 18),
          (146, 168, 13), (352, 50, 13), (494, 214, 14))  # fmt: skip
_MOON = (432, 92, 46)
_EDDIES = ((212, 150, 92, 1.0), (330, 196, 62, -1.0), (92, 96, 60, 0.8), (432, 92, 84, 0.9))


def paint() -> Array:
    """Strokes follow the wind: to the right, and around eddies, stars and moon."""
    rng = np.random.default_rng(11)
    x, y = grid()
    flow_x, flow_y = np.full_like(x, 0.55), 0.28 * np.sin(x / 60 + 1)
    for cx, cy, radius, spin in (*_EDDIES, *((a, b, r * 2.0, 1.7) for a, b, r in _STARS)):
        dx, dy = (x - cx) / radius, (y - cy) / radius
        pull = spin * 1.9 * np.exp(-(dx * dx + dy * dy))
        flow_x, flow_y = flow_x - dy * pull, flow_y + dx * pull
    angle = np.arctan2(flow_y, flow_x)

    bands = noise(rng, 3, 3) * 0.5 + 0.26 * np.sin(y / 19 + 3 * noise(rng, 3, 2) + x / 140) + 0.26
    sky = ramp(bands - 0.1 + 0.2 * y / 512, "0b1440 14276b 1f4fa0 3f7fc0 86b4cf c9d9c0")
    near = np.zeros_like(x)
    for cx, cy, radius in (*_STARS, _MOON):
        distance = np.hypot(x - cx, y - cy) / radius
        rings = ramp(np.clip(distance / 2.6, 0, 1), "fff6c8 fbe06a f2b632 b9c36a 5d9bb5 2d62a8")
        near = np.maximum(near, step(3.2, 1.6, distance))
        glow = step(2.7, 1.0, distance)[..., None]
        sky = sky + glow * (rings - sky)
    dx, dy = x - _MOON[0] - 15, y - _MOON[1] + 6
    bite = step(36, 33, np.hypot(dx, dy))[..., None]
    sky = sky + bite * (np.array([0.98, 0.72, 0.2]) - sky) * 0.8

    ridge = 372 + 34 * np.sin(x / 83 + 2.1) - 26 * np.exp(-(((x - 400) / 70) ** 2))
    front = 428 + 14 * np.sin(x / 47)
    hills = ramp(noise(rng, 7, 2), "12244f 24457f 2f6b86 4b8f8a 1a3560")
    land = ramp(noise(rng, 12, 2), "0d1c33 18402f 2f6136 5d7c33 20324f 8b8a3c")
    scene = np.where((y > ridge)[..., None], hills, sky)
    scene = np.where((y > front)[..., None], land, scene)
    slope = np.where(y > front, 0.3 * np.cos(x / 47), 0.4 * np.cos(x / 83 + 2.1))
    angle = np.where(y > ridge, slope + 0.3 * (noise(rng, 9, 2) - 0.5), angle)

    easel = Easel(scene * 0.7, rng, 0.55)
    for spacing, length, width in ((19, 52, 16), (12, 36, 8), (10.5, 30, 5.5)):
        spots = scatter(rng, spacing)
        tones = sample(scene, *spots.T) + rng.normal(0, 0.045, (len(spots), 3))
        rows, columns = np.clip(spots[:, ::-1], 0, 511).astype(int).T
        reach = length * rng.uniform(0.7, 1.2, len(spots)) * (1 - 0.45 * near[rows, columns])
        for (px, py), tone, turn, long in zip(
            spots, tones, angle[rows, columns], reach, strict=True
        ):
            easel.stroke(px, py, turn, long, width, tone)
    _village(easel, rng)
    _cypress(easel, rng)
    return easel.dry(0.3)


def _village(easel: Easel, rng: np.random.Generator) -> None:
    """Houses with lit windows below the hills, and a steeple."""
    walls = palette("28406b 3a5a84 1c2c50 4d6a7a 6c6a58")
    roofs = palette("5a3328 7b4a2e 30304c 8a5a3a")
    for px in np.arange(168, 505, 23) + rng.uniform(-9, 9, 15):
        base, high = 448 + rng.uniform(-20, 16), rng.uniform(12, 27)
        wall, roof = rng.choice(walls), rng.choice(roofs)
        for k in range(4):
            easel.stroke(px + 5 * k - 8, base, np.pi / 2, high, 7, wall + rng.normal(0, 0.03, 3))
        easel.stroke(px - 6, base - high * 0.62, -0.7, 20, 6, roof)
        easel.stroke(px + 6, base - high * 0.62, 0.7, 20, 6, roof * 0.8)
        easel.stroke(px, base + 1, np.pi / 2, 8, 5, np.array([0.99, 0.8, 0.3]))
    for k, width in enumerate((11, 9, 6, 3)):
        easel.stroke(318, 436 - 19 * k, np.pi / 2, 32, width, walls[2] * (0.8 + 0.1 * k))


def _cypress(easel: Easel, rng: np.random.Generator) -> None:
    """A dark flame of a tree on the left."""
    greens = palette("0c1a1c 14301f 213f26 3a4f22 0a1226 4f4a26")
    for part in np.sort(rng.random(420))[::-1]:  # from the top down, foot last
        spread = 40 * np.sin(np.pi * min(1, (1 - part) * 0.62 + 0.02)) ** 0.9
        side = rng.uniform(-1, 1)
        px = 66 + 8 * np.sin(part * 7) + side * spread
        py = 520 - part * 385
        lean = -np.pi / 2 - side * 0.45 + 0.5 * np.sin(part * 14)
        easel.stroke(px, py, lean, rng.uniform(26, 48), rng.uniform(6, 9), rng.choice(greens),
                     bend=0.5 * side)  # fmt: skip
