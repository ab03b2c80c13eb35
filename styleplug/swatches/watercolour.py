"""Watercolour: misty mountains, a lake and blossom, in wet washes on rough paper."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import (
    SIZE,
    Array,
    colour,
    finished,
    grid,
    noise,
    over,
    palette,
    ramp,
    shade,
    step,
)

# base line, height of the ridges, pigment above, pigment below, strength
_RIDGES = ((238, 95, "8fa8d0", "e0b8c8", 0.45), (268, 80, "6f8fc0", "b8a8d0", 0.5),
           (300, 62, "3f7f9f", "8fc0b8", 0.6), (326, 44, "2a5f6f", "6fa87f", 0.85))  # fmt: skip
# from x, y to x, y, thickness
_TWIGS = ((-10, 150, 120, 210, 7.0), (120, 210, 210, 196, 4.0), (60, 182, 120, 130, 3.4),
          (120, 130, 178, 108, 2.4), (160, 205, 200, 250, 2.4), (20, 165, 50, 250, 2.6),
          (210, 196, 262, 168, 2.2))  # fmt: skip


class _Sheet:
    """Paper: washes multiply, and are darker at their borders and in the grain."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.tooth = noise(rng, 130, 3)
        self.wet = noise(rng, 5, 5)
        self.ragged = 7 * (self.wet - 0.5) + 3.5 * (self.tooth - 0.5)
        self.pools = 0.55 + 0.9 * noise(rng, 4, 5)
        self.picture: Array = np.ones((SIZE, SIZE, 3), np.float32) * colour("fbf6ea")

    def wash(
        self, inside: Array, pigment: Array, strength: float | Array, soft: float = 1.4
    ) -> None:
        """Lay a wash where `inside`, a distance in pixels, is positive; pigment (…, 3)."""
        inside = inside + self.ragged
        rows, columns = (np.flatnonzero((inside > -soft).any(axis)) for axis in (1, 0))
        if not rows.size:
            return
        area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        inside = inside[area]
        body = step(-soft, soft, inside)
        rim = np.exp(-np.clip(inside, 0, None) / 2.2) * body if soft < 8 else 0.0
        grain = 1 + 0.55 * (0.5 - self.tooth[area])
        strength = np.broadcast_to(strength, (SIZE, SIZE))[area]
        share = np.clip(strength * body * self.pools[area] * grain + 0.5 * strength * rim, 0, 1.35)
        pigment = np.broadcast_to(pigment, (SIZE, SIZE, 3))[area]
        self.picture[area] *= np.exp(np.log(np.clip(pigment, 0.02, 1)) * share[..., None])
        self.pools = np.roll(self.pools, 171, 1)[::-1]  # the next wash is darker in other places

    def bloom(self, x: float, y: float, radius: float, rng: np.random.Generator) -> None:
        """A drop of clean water that has pushed the pigment into a ragged ring."""
        gx, gy = grid()
        away = np.hypot(gx - x, gy - y) / radius + 0.7 * (self.wet - 0.5) + 0.5 * (self.tooth - 0.5)
        lift = 0.5 * step(1, 0.2, away)
        ring = 0.16 * np.exp(-(((away - 1) / 0.09) ** 2))
        self.picture = np.clip(self.picture + (lift * 0.5)[..., None] * (0.98 - self.picture), 0, 1)
        self.picture = self.picture * (1 - ring[..., None])


def paint() -> Array:
    """From far and pale to near and strong; wet in wet above, wet on dry below."""
    rng = np.random.default_rng(14)
    x, y = grid()
    sheet = _Sheet(rng)
    everywhere = np.full_like(x, 99)
    sky = ramp(
        np.clip(y / 300 + 0.5 * (noise(rng, 3, 3) - 0.5), 0, 1), "5f9fd8 a8c8e8 f6d8c8 f8b890"
    )
    near = np.exp(-((np.hypot(x - 372, y - 98) / 78) ** 2))[..., None]
    sheet.wash(everywhere, sky + near * (colour("fff0b0") - sky), 0.62)
    sheet.wash(60 - np.hypot(x - 372, y - 98), colour("fbc04f"), 0.5, 26)
    sheet.wash(30 - np.hypot(x - 372, y - 98), colour("f2603f"), 0.75)
    for px, py in ((70.0, 70.0), (190.0, 40.0), (470.0, 60.0)):
        cloud = 40 - np.hypot((x - px) / 2.4, y - py) + 26 * (noise(rng, 8, 3) - 0.5)
        sheet.wash(cloud, colour("a890d0"), 0.3, 16)
    for index, (base, tall, upper, lower, strength) in enumerate(_RIDGES):
        profile = noise(rng, (4 + index, 1), 5)[256] * 1.7 - 0.35
        crest = base - tall * profile[None, :]
        depth = y - crest
        fade = np.clip(depth / 130, 0, 1)[..., None]
        pigment = colour(upper) * (1 - fade) + colour(lower) * fade
        mist = 1 - 0.75 * step(30, 110, depth)
        sheet.wash(np.minimum(depth, 352 - y), pigment, strength * mist)
    lake = ramp(np.clip((y - 350) / 130 + 0.4 * (noise(rng, (3, 12), 3) - 0.5), 0, 1),
                "c8d8d8 8fc0d0 4f90b8 2f5f98")  # fmt: skip
    sheet.wash(y - 352, lake, 0.55)
    for py in rng.uniform(362, 470, 16):
        px, reach = rng.uniform(0, 512), rng.uniform(30, 120)
        streak = (
            3.2 - np.abs(y - py - 2 * np.sin(x / 30)) - 4 * step(reach * 0.6, reach, np.abs(x - px))
        )
        sheet.wash(streak, colour("2f5f98"), 0.34)
    _bank(sheet, x, y)
    for px, py, radius in ((120, 130, 34), (420, 245, 26), (250, 430, 38), (60, 330, 22)):
        sheet.bloom(px, py, radius, rng)
    _branch(sheet, x, y)
    return finished(shade(sheet.picture, sheet.tooth, 0.24))


def _bank(sheet: _Sheet, x: Array, y: Array) -> None:
    """Reeds and grass in the corner, with their drips."""
    rng = sheet.rng
    land = y - 470 - 40 * np.sin(x / 130 + 2.4)
    sheet.wash(land, ramp(noise(rng, 5, 3), "a8c04f d8c84f 7fa04f c8904f"), 0.6)
    sheet.wash(land - 24, ramp(noise(rng, 6, 3), "4f8f4f 7f9f3f a8703f"), 0.6)
    blades = np.full_like(x, -9)
    for px in rng.uniform(-10, 522, 70):
        foot = 492 + 40 * np.sin(px / 130 + 2.4)
        tall, lean = rng.uniform(30, 95), rng.normal(0, 0.35)
        here = np.s_[340:, max(0, int(px) - 70) : max(0, int(px) + 70)]
        up = (foot - y[here]) / tall
        width = 2.4 * np.clip(1 - up, 0, 1) - 9 * step(0.98, 1.05, up) - 9 * step(0, -0.1, up)
        blade = width - np.abs(x[here] - px - lean * tall * up * up)
        blades[here] = np.maximum(blades[here], blade - 0.4)
    body = step(-0.5, 0.6, blades)
    tone = ramp(noise(rng, 14, 2), "3f6f3f 5f7f2f 2f4f4f")
    sheet.picture = sheet.picture * np.power(
        tone, (0.9 * body * (0.7 + 0.6 * sheet.wet))[..., None]
    )


def _branch(sheet: _Sheet, x: Array, y: Array) -> None:
    """A branch in blossom, leaning in from the upper left."""
    rng = sheet.rng
    wood = np.full_like(x, -9)
    tips = []
    for x0, y0, x1, y1, w in _TWIGS:
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        wood = np.maximum(
            wood, w * (1 - 0.4 * t) - np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
        )
        tips += [(x0 + (x1 - x0) * s, y0 + (y1 - y0) * s) for s in (0.4, 0.75, 1.0)]
    sheet.wash(wood + 1.5, colour("5a3f3f"), 1.1)
    petals, hearts = np.full_like(x, -9), np.full_like(x, -9)
    tones = np.zeros((SIZE, SIZE, 3), np.float32)
    for px, py in np.array(tips) + rng.normal(0, 9, (len(tips), 2)):
        turn, radius = rng.uniform(0, 6.3), rng.uniform(13, 23)
        here = np.s_[
            max(0, int(py) - 32) : int(py) + 32, max(0, int(px) - 32) : max(0, int(px) + 32)
        ]
        away = np.hypot(x[here] - px, y[here] - py)
        angle = np.arctan2(y[here] - py, x[here] - px) + turn
        petal = radius * (0.62 + 0.38 * np.abs(np.cos(angle * 2.5))) - away
        tone = rng.choice(palette("f0708f e84f7f f8a0b0 d83f6f"))
        tones[here] = np.where((petal > petals[here])[..., None], tone, tones[here])
        petals[here] = np.maximum(petals[here], petal)
        hearts[here] = np.maximum(hearts[here], radius * 0.34 - away)
    # Opaque white under the petals, so that the branch does not show through.
    sheet.picture = over(sheet.picture, colour("fbf3ee"), 0.75 * step(-1, 1, petals))
    sheet.wash(petals, tones, 0.55)
    sheet.wash(hearts, colour("b02050"), 0.8)
