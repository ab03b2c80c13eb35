"""A nautilus in cross hatching: sepia, sanguine and white chalk on toned paper."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, colour, finished, grid, noise, over, step

_SIZE = 768
_CENTRE = (304.0, 220.0)
_REACH = 152.0  # of the shell, to the right of its centre
_GROWTH = 0.165  # of the logarithmic spiral, per radian


def paint() -> Array:
    """Every tone consists of lines: along the form, then across it, then straight in the dark."""
    rng = np.random.default_rng(17)
    x, y = grid(_SIZE)
    paper = colour("d9c4a0") * (0.93 + 0.12 * noise(rng, 6, 5, _SIZE))[..., None]
    tooth = noise(rng, 170, 2, _SIZE)
    dx, dy = x - _CENTRE[0], y - _CENTRE[1]
    radius = np.hypot(dx, dy) + 1e-3
    mouth = 2.75 + 0.5 * np.sin(np.pi * np.clip((radius - 95) / 160, 0, 1))  # a curved lip
    angle = (np.arctan2(dy, dx) - mouth) % (2 * np.pi) - 2 * np.pi + mouth
    # Which whorl a pixel lies in, and where between its inner (0) and outer (1) wall.
    phase = np.log(radius / _REACH) / (2 * np.pi * _GROWTH) - angle / (2 * np.pi)
    whorl, across = np.floor(phase), phase - np.floor(phase)
    outer = whorl > -0.5
    shell = ~outer & (radius > 4)
    winding = 2 * np.pi * whorl + angle  # continuous along the spiral
    septa = winding / 0.36 + 0.9 * across - 0.5 * np.sin(np.pi * across)
    septum = np.abs(septa - np.round(septa)) * 0.36 * radius
    room = septa - np.floor(septa)
    chambered = shell & ((whorl < -1.5) | (angle < 1.0))

    round_ = np.sqrt(np.clip(1 - (2 * across - 0.86) ** 2, 0, 1))
    light = 0.5 + 0.5 * (np.cos(angle + 2.3) * (across - 0.45) * 1.6 + round_ * 0.45)
    light = np.where(chambered, light * (0.35 + 0.75 * room), light)
    light = np.where(shell, light, 0.9)
    # Around it: its shadow on the table, and darker corners.
    shadow = step(1.05, 0.3, np.hypot((x - 250) / 270, (y - 418) / 52))
    dusk = step(0.55, 1.25, np.hypot((x - 230) / 330, (y - 190) / 330))
    light = np.where(outer, 0.69 - 0.5 * shadow - 0.4 * dusk, light)
    light = light + 0.1 * (noise(rng, 8, 3, _SIZE) - 0.5)

    wobble = 3.4 * (noise(rng, 7, 3, _SIZE) - 0.5)
    along = np.where(shell, 21 * across * np.sqrt(radius / 60 + 0.6), (x + 0.35 * y) / 4.6)
    over_ = np.where(shell, winding * 26, (x - 0.9 * y) / 5.2)
    sepia, sanguine, dark = colour("3d2416"), colour("a8401f"), colour("21130d")
    slate = colour("2c4a66")
    picture = paper
    straight = ((0.85, 4.4), (-0.7, 4.6))
    picture = _hatch(picture, along + 0.2 * wobble, step(0.8, 0.25, light), tooth,
                     np.where(outer[..., None], slate, sepia))  # fmt: skip
    picture = _hatch(picture, over_ + 0.2 * wobble, step(0.66, 0.15, light), tooth,
                     np.where(outer[..., None], slate, sanguine))  # fmt: skip
    for (lean, pitch), bound, tone in zip(straight, (0.46, 0.32), (sepia, dark), strict=True):
        line = (x * np.cos(lean) + y * np.sin(lean)) / pitch + 0.25 * wobble
        picture = _hatch(picture, line, step(bound, bound - 0.3, light), tooth, tone)
    # White chalk on the lights of the shell, along the form.
    high = step(0.72, 0.95, light) * shell
    picture = _hatch(picture, along * 1.2 + 0.3, high, tooth, colour("fff8e8"))
    outline = np.minimum(across, 1 - across) * radius * 1.03
    press = 0.6 + 0.8 * noise(rng, 12, 2, _SIZE)
    ink = step(2.4, 0.8, outline / press) * (whorl < 0.5) * (radius > 7) * (~outer | (across < 0.5))
    lip = (mouth - angle) * radius
    ink = np.maximum(ink, step(2.6, 1.0, lip / press) * (whorl == -1))
    ink = np.maximum(ink, step(1.9, 0.6, septum / press) * chambered)
    picture = over(picture, dark, ink * step(0.1, 0.4, tooth + 0.15) * 0.92)
    return finished(picture)


def _hatch(picture: Array, line: Array, tone: Array, tooth: Array, ink: Array) -> Array:
    """Lines at whole numbers of `line`, wider and heavier with the tone (0 … 1)."""
    off = np.abs(line - np.round(line)) * 2  # 0 on a line, 1 between two
    wide = 0.12 + 0.5 * tone
    body = step(wide + 0.16, wide - 0.16, off) * step(0.02, 0.2, tone)
    grain = step(0.2, 0.62, tooth + 0.45 * tone)
    return over(picture, ink, body * grain * (0.55 + 0.35 * tone))
