"""A stained glass window: a sun over hills and water, in leaded panes."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import SIZE, Array, finished, grid, noise, palette, step

_SUN = (330.0, 170.0)
_SKY = palette("1b3f9c 2a62c4 4a94dc 173070 6fb4e6 5a3fa0")
_RAYS = palette("f6a81c fbc93e e8731a f9de7c d9481e")
_HEART = palette("fff0a8 fbd23c")
_HILLS = palette("1e7a3c 3fa04a 0f5a46 8cba34 c4cc3a 2d8f74")
_WATER = palette("0e6f8f 1a95a8 51c0c4 0b4a78 8a2a7c 2fb0d8")
_FLOWERS = palette("c4182c e23a5c 8c1460 f07a24 b82090")


def paint() -> Array:
    """Panes are Voronoi cells of points that follow the picture; lead covers their borders."""
    rng = np.random.default_rng(3)
    points, colours = _panes(rng)
    x, y = grid()
    first = np.full((SIZE, SIZE), np.inf, np.float32)
    second, owner, rival = (
        first.copy(),
        np.zeros((SIZE, SIZE), np.intp),
        np.zeros((SIZE, SIZE), int),
    )
    for index, (px, py) in enumerate(points):
        squared = (x - px) ** 2 + (y - py) ** 2
        nearer, between = squared < first, squared < second
        rival = np.where(nearer, owner, np.where(between, index, rival))
        second = np.where(nearer, first, np.where(between, squared, second))
        owner = np.where(nearer, index, owner)
        first = np.minimum(first, squared)
    gap = np.hypot(*(points[owner] - points[rival]).transpose(2, 0, 1))
    edge = (second - first) / (2 * gap + 1e-3)  # distance to the border

    # Hand-blown glass: streaks with one direction per pane, bubbles, uneven thickness.
    turn = (owner * 2.4) % np.pi
    along = x * np.cos(turn) + y * np.sin(turn)
    across = y * np.cos(turn) - x * np.sin(turn)
    streaks = np.sin(across / 5 + 4 * noise(rng, 7, 3) + 0.01 * along) * 0.5 + 0.5
    cloud = noise(rng, 9, 4)
    glow = 0.62 + 0.5 * cloud + 0.16 * streaks + 0.12 * step(0, 26, edge)
    picture = colours[owner] * glow[..., None]
    picture += (np.clip(streaks * cloud - 0.4, 0, 1) * 0.45)[..., None]
    seeds = step(0.97, 1.0, noise(rng, 150, 1))
    picture += (seeds * 0.16)[..., None]

    width = 3.4 + 0.8 * noise(rng, 14, 2)
    lead = step(1.0, -0.6, edge - width)
    bulge = np.sqrt(np.clip(1 - (edge / width) ** 2, 0, 1))
    slope_y, slope_x = np.gradient(bulge)
    shine = np.clip(0.13 + 0.06 * cloud - 0.55 * (slope_x + slope_y), 0.02, 0.6)
    metal = shine[..., None] * np.array([0.82, 0.84, 0.9], np.float32)
    picture *= (1 - 0.45 * step(9, 2, edge))[..., None]  # the lead's shadow on the glass
    return finished(picture + lead[..., None] * (metal - picture))


def _panes(rng: np.random.Generator) -> tuple[Array, Array]:
    """Centres (n, 2) and colours (n, 3)."""
    panes: list[tuple[float, float, Array]] = [(*_SUN, _HEART[0])]
    for ring, (radius, count) in enumerate(((38, 8), (78, 14), (122, 18), (170, 22), (225, 28))):
        for k in range(count):
            angle = 2 * np.pi * (k + 0.5 * (ring % 2) + rng.uniform(-0.12, 0.12)) / count
            px, py = _SUN[0] + radius * np.cos(angle), _SUN[1] + radius * np.sin(angle)
            ray = ring < 1 or (ring < 4 and k % 2 == 0)
            panes.append((px, py, (_HEART if ring == 0 else _RAYS if ray else _SKY)[
                rng.integers(2 if ring == 0 else len(_RAYS if ray else _SKY))]))  # fmt: skip
    for px, py in rng.uniform((-20, -20), (150, 330), (26, 2)):
        panes.append((px, py, rng.choice(_SKY)))
    ground = [pane for pane in panes if pane[1] < _ridge(pane[0]) - 8]
    for row, base in enumerate(np.arange(0, 230, 27)):
        for px in np.arange(-10, 540, 44 - 2 * row):
            at = px + (22 if row % 2 else 0) + rng.uniform(-7, 7)
            depth = _ridge(at) + 14 + base + rng.uniform(-5, 5)
            group = _HILLS if base < 70 else _WATER if base < 160 else _FLOWERS
            if base >= 160 and rng.random() < 0.35:
                group = _HILLS
            ground.append((at, depth, rng.choice(group)))
    points = np.array([pane[:2] for pane in ground], np.float32)
    return points, np.stack([pane[2] for pane in ground]).astype(np.float32)


def _ridge(px: float) -> float:
    """Height of the horizon."""
    return float(300 + 34 * np.sin(px / 80 + 0.6))
