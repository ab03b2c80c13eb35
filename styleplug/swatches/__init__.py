"""Style pictures painted by code, in twelve styles.

Each painter is one module with one function `paint() -> (512, 512, 3) float32 in [0, 1]`,
the same picture at every call; `canvas` holds what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from styleplug.core.array import Pixels
from styleplug.swatches import (
    cubist,
    glass,
    halftone,
    hatching,
    lilies,
    marbling,
    mosaic,
    night,
    points,
    watercolour,
    waves,
    woodcut,
)


@dataclass(frozen=True)
class Swatch:
    """A style picture.

    Args:
        id: its name in code and files.
        paint: makes it: (512, 512, 3) float32 in [0, 1], sRGB, in about a second.
    """

    id: str
    paint: Callable[[], Pixels]


_ALL = (
    Swatch("night", night.paint),
    Swatch("lilies", lilies.paint),
    Swatch("glass", glass.paint),
    Swatch("waves", waves.paint),
    Swatch("mosaic", mosaic.paint),
    Swatch("watercolour", watercolour.paint),
    Swatch("halftone", halftone.paint),
    Swatch("points", points.paint),
    Swatch("cubist", cubist.paint),
    Swatch("woodcut", woodcut.paint),
    Swatch("marbling", marbling.paint),
    Swatch("hatching", hatching.paint),
)
SWATCHES: Mapping[str, Swatch] = MappingProxyType({swatch.id: swatch for swatch in _ALL})
"""Every swatch by its id, the showiest first."""
