"""Marbled paper: drops of ink on water, drawn with a comb."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, finished, grid, noise, palette, scatter

_SIZE = 768
_INKS = palette(
    "14213d b3202c f2e3c6 1f6f8b e39a2d f2e3c6 0f4c4a d9603b 2a3f7a f6d7a0 7a1f3d 7fb3a6"
)


def paint() -> Array:
    """Trace each pixel back to the place that its ink came from, starting with the last move.

    A drop of radius r at c pushes a point p outward to c + (p - c) √(1 + r² / |p - c|²), so
    areas stay the same.  A tooth of the comb drags the ink along its line, less with distance.
    """
    rng = np.random.default_rng(6)
    x, y = grid(_SIZE)
    x = x + 5 * (noise(rng, 7, 2, _SIZE) - 0.5)
    y = y + 5 * (noise(rng, 7, 2, _SIZE) - 0.5)
    # Two curls of a stylus over the finished pattern.
    for cx, cy, radius, turn in ((150.0, 170.0, 95.0, 2.6), (360.0, 350.0, 120.0, -2.9)):
        dx, dy = x - cx, y - cy
        spin = turn * np.exp(-((np.hypot(dx, dy) / radius) ** 2) * 1.6)
        cos, sin = np.cos(spin), np.sin(spin)
        x, y = cx + dx * cos - dy * sin, cy + dx * sin + dy * cos
    # A fine comb downward, then a coarse one to and fro across.
    x, y = _comb(x, y, 42, 40, 8, vertical=True)
    x, y = _comb(x, y, 84, -70, 15, vertical=False)

    ink = np.full(x.shape, -1)
    drops: list[tuple[float, float, float]] = []
    for cx, cy in rng.permutation(scatter(rng, 104)):
        for radius in (rng.uniform(56, 76), 46, 32, 18)[: rng.integers(2, 5)]:
            drops.append((cx + rng.normal(0, 4), cy + rng.normal(0, 4), radius))
    for index in range(len(drops) - 1, -1, -1):
        cx, cy, radius = drops[index]
        dx, dy = x - cx, y - cy
        ratio = radius * radius / (dx * dx + dy * dy + 1e-3)
        ink = np.where((ratio > 1) & (ink < 0), index, ink)
        pull = np.sqrt(np.clip(1 - ratio, 0, 1))
        x, y = cx + dx * pull, cy + dy * pull
    fine = noise(rng, 200, 2, _SIZE)
    picture = np.where((ink < 0)[..., None], _INKS[0], _INKS[ink * 5 % len(_INKS)])
    veins = noise(rng, 26, 4, _SIZE)
    density = 0.9 + 0.14 * veins + 0.1 * (fine - 0.5)
    picture = picture * density[..., None]
    return finished(picture)


def _comb(x: Array, y: Array, pitch: float, pull: float, soft: float, *, vertical: bool) -> tuple[
    Array, Array
]:  # fmt: skip
    """Undo a stroke of a comb with teeth `pitch` apart that drag by `pull`."""
    across = x if vertical else y
    tooth = np.floor(across / pitch)
    away = np.abs(across - (tooth + 0.5) * pitch)
    # The drag is zero half-way to the next tooth, which moves in the opposite direction.
    drag = pull * (np.exp(-away / soft) - np.exp(-pitch / 2 / soft))
    drag = np.where(tooth % 2 == 0, drag, -drag)
    return (x, y - drag) if vertical else (x - drag, y)
