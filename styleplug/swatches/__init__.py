"""Style pictures painted by code, in twelve styles.

Each module has a function `paint`, which gives the same picture at every call.  `canvas` has what
the modules share.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

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


class Swatch(Protocol):
    """A module that paints one style picture."""

    def paint(self) -> Pixels:
        """The picture: (512, 512, 3) float32 in [0, 1], sRGB; it takes about a second."""


SWATCHES: Mapping[str, Swatch] = MappingProxyType(
    {
        "night": night,
        "lilies": lilies,
        "glass": glass,
        "waves": waves,
        "mosaic": mosaic,
        "watercolour": watercolour,
        "halftone": halftone,
        "points": points,
        "cubist": cubist,
        "woodcut": woodcut,
        "marbling": marbling,
        "hatching": hatching,
    }
)
"""All swatches by id, the most striking ones first."""
