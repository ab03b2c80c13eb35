"""A mosaic of rosettes in gold, glass and marble."""

from __future__ import annotations

import numpy as np

from styleplug.swatches.canvas import Array, colour, finished, grid, noise, palette, step

_SIZE = 768
_TILE = 10.5
# x, y, radius, petals
_ROSES = ((256, 250, 150, 8), (40, 60, 92, 6), (470, 52, 100, 6), (52, 462, 104, 6),
          (466, 456, 96, 6), (256, 500, 62, 5), (256, -4, 66, 5), (-2, 262, 62, 5),
          (516, 254, 66, 5))  # fmt: skip
_GOLD = palette("e2b23c c8922a f2cf6a a8741e dca84a b98a36")
_PETALS = tuple(
    palette(codes)
    for codes in (
        "b3202c d8432e 8a1626 e8704a",
        "1d4f9c 2f7fc4 163a78 5aa8d8",
        "12807a 2fa89a 0c5a60 7cc8b0",
        "6a2a86 9a4ab0 4a1c66 c48ad0",
    )
)
_BONE = palette("efe6cf dccfae f8f2e2 cfc0a0")
_DARK = palette("1c2a3c 27384a 142030")


def paint() -> Array:
    """Tiles are in rings around the centres of the rosettes, and in scallops between them."""
    rng = np.random.default_rng(4)
    x, y = grid(_SIZE)
    x = x + 3 * (noise(rng, 9, 2, _SIZE) - 0.5)  # so that rings are not exactly round
    y = y + 3 * (noise(rng, 9, 2, _SIZE) - 0.5)
    reach = np.stack([np.hypot(x - cx, y - cy) / r for cx, cy, r, _ in _ROSES])
    owner = reach.argmin(axis=0)
    centres = np.array(_ROSES, np.float32)[owner]
    dx, dy = x - centres[..., 0], y - centres[..., 1]
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    ring = np.floor(radius / _TILE)
    count = np.maximum(1, np.round(2 * np.pi * (ring + 0.5) * 0.92))
    turn = (angle / (2 * np.pi) + 0.37 * ring) * count
    place = np.floor(turn)
    code = (owner * 997 + ring * 331 + (place % count) * 17).astype(np.int64)
    chance = rng.random((4096, 4)).astype(np.float32)[code * 2654435761 % 4096]

    middle = (ring + 0.5) * _TILE / centres[..., 2]
    at = (place + 0.5) / count - 0.37 * ring
    glass = _coloured(middle, at * 2 * np.pi, owner, centres[..., 3], chance)
    # Position inside the tile, -1 … 1; each is cut a little obliquely.
    u = ((radius / _TILE) % 1) * 2 - 1
    v = (turn % 1) * 2 - 1
    u, v = u + 0.2 * (chance[..., 0] - 0.5) * v, v + 0.25 * (chance[..., 1] - 0.5) * u
    wide = np.pi * (ring + 0.5) * 2 / count * _TILE / 2
    rim = np.minimum((0.93 - np.abs(u)) * _TILE / 2, (0.95 - np.abs(v)) * wide)
    body = step(-0.3, 0.7, rim)
    # Every tile is tilted differently, so that it reflects other light.
    tilt = (chance[..., 2] - 0.5) * (u * np.cos(angle) - v * np.sin(angle)) + 0.35 * chance[..., 3]
    light = 0.78 + 0.42 * tilt + 0.14 * noise(rng, 110, 2, _SIZE) + 0.1 * step(0, 2, rim)
    grout = (0.3 + 0.22 * noise(rng, 150, 2, _SIZE))[..., None] * np.array([1, 0.93, 0.84])
    picture = grout + body[..., None] * (glass * light[..., None] - grout)
    sparkle = step(0.9, 1, chance[..., 3]) * step(1.5, 3.2, rim) * body
    picture += (sparkle * 0.22)[..., None]
    return finished(picture)


def _coloured(middle: Array, angle: Array, owner: Array, petals: Array, chance: Array) -> Array:
    """The colour of the tile with this centre: (…, 3)."""
    petal = np.abs(np.cos(angle * petals / 2))
    pick = (chance[..., 0] * 64).astype(int)
    result: Array = _GOLD[pick % len(_GOLD)]

    def lay(mask: Array, group: Array) -> None:
        nonlocal result
        result = np.where(mask[..., None], group[pick % len(group)], result)

    for kind, group in enumerate(_PETALS):
        mine = owner % len(_PETALS) == kind
        other = _PETALS[(kind + 1) % len(_PETALS)]
        lay(mine & (middle < 0.98), _BONE)
        lay(mine & (middle < 0.9), _DARK)
        lay(mine & (middle < 0.36 + 0.5 * petal), group)
        lay(mine & (middle < 0.2 + 0.46 * petal**1.5), group[1:2] * 0.4 + 0.6 * _BONE)
        lay(mine & (middle < 0.44 * petal + 0.1), group)
        lay(mine & (petal < 0.25) & (middle < 0.86) & (middle > 0.5), other)
        lay(mine & (middle < 0.34), _BONE)
        lay(mine & (middle < 0.27), other)
        lay(mine & (middle < 0.13), np.stack([colour("ffd94a"), colour("f6b52a")]))
    return result
