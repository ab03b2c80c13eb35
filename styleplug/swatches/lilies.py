"""Water lilies: an impressionist pond in broad broken strokes."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, Easel, grid, noise, palette, ramp, sample, scatter

_PADS = ((120, 300, 62), (300, 262, 46), (410, 340, 74), (210, 400, 80), (60, 440, 60),
         (356, 462, 84), (470, 232, 40), (205, 226, 36), (500, 430, 52))  # x, y, width  # fmt: skip


def paint() -> Array:
    """Level strokes for the water, hanging ones for the willows, dabs for the flowers."""
    rng = np.random.default_rng(5)
    x, y = grid()
    light = np.exp(-(((x - 300) / 120) ** 2)) * (0.6 + 0.4 * np.sin(y / 26))
    tone = noise(rng, (2.5, 5), 3) * 0.75 + 0.4 * light
    water = ramp(tone, "22406a 2f6690 4f8aa8 7f9fc4 b9a7cf e8bfb6 f9dfb4")
    bank = ramp(noise(rng, (9, 4), 3), "17352c 2b5a36 4f8440 86a84a c4bf5c 5b4f86 2a3f66")
    scene = np.where((y < 128 + 22 * np.sin(x / 70))[..., None], bank, water)

    easel = Easel(scene, rng, 0.6)
    for spacing, length, width in ((24, 70, 24), (17, 52, 15), (13, 40, 9.5)):
        spots = scatter(rng, spacing)
        tones = sample(scene, *spots.T) + rng.normal(0, 0.05, (len(spots), 3))
        for (px, py), here in zip(spots, tones, strict=True):
            shore = 128 + 22 * np.sin(px / 70)
            turn = rng.normal(0, 0.12) if py > shore else rng.normal(1.45, 0.35)
            if rng.random() < 0.05:  # a spark of the complementary colour
                here = here[::-1] * 1.05
            easel.stroke(px, py, turn, length * rng.uniform(0.6, 1.2), width, here,
                         bend=rng.normal(0, 0.3))  # fmt: skip
    _willow(easel, rng)
    for pad in sorted(_PADS, key=lambda pad: pad[1]):
        _pad(easel, rng, *pad)
    return easel.dry(0.28)


def _willow(easel: Easel, rng: np.random.Generator) -> None:
    """Branches hanging in from above, and their broken reflections."""
    greens = palette("8fae4a 5f8a3d c9c667 3f6f46 2f5560")
    for start in rng.uniform(0, 512, 34):
        reach = rng.uniform(60, 185)
        for part in np.arange(0, reach, 13):
            px = start + 9 * np.sin(part / 34 + start) + rng.normal(0, 2.5)
            easel.stroke(px, part, 1.5 + rng.normal(0, 0.18), 25, 4.6,
                         rng.choice(greens) + rng.normal(0, 0.04, 3))  # fmt: skip


def _pad(easel: Easel, rng: np.random.Generator, px: float, py: float, width: float) -> None:
    """A raft of leaves with a shadow under and flowers on it."""
    greens = palette("3f7f58 5fa064 93bd6c b9cf86 4a8d84 7d8fb0")
    for _ in range(9):
        easel.stroke(px + rng.normal(0, width * 0.33), py + 9 + rng.normal(0, 4), 0.03,
                     width * 0.5, 7, palette("1d3a5c 27335f 1f4f58")[rng.integers(3)])  # fmt: skip
    for _ in range(int(width * 0.55)):
        angle, out = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
        lx, ly = px + 0.55 * width * out * np.cos(angle), py + 0.2 * width * out * np.sin(angle)
        easel.stroke(lx, ly, rng.normal(0, 0.25), rng.uniform(14, 24), 6,
                     rng.choice(greens) + rng.normal(0, 0.04, 3))  # fmt: skip
    petals = palette("f7d5dd f0a3b8 fff3ea e2708f fbe6b0")
    for _ in range(1 + int(width > 55)):
        fx, fy = px + rng.normal(0, width * 0.25), py - 5 + rng.normal(0, 4)
        for turn in np.linspace(-2.9, -0.25, 8):
            easel.stroke(fx + 7 * np.cos(turn), fy + 6 * np.sin(turn), turn, 16, 6.5,
                         rng.choice(petals) + rng.normal(0, 0.03, 3))  # fmt: skip
        easel.stroke(fx, fy - 2, 0, 8, 5, np.array([0.98, 0.8, 0.35]))
