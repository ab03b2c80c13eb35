"""Style pictures painted in code: twelve manners, rich enough to be a painter's model.

Each painter is one module with one function `paint() -> (512, 512, 3) float32 in [0, 1]`,
the same picture at every call; `canvas` holds what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

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
        label: its name on the page.
        zh: its name on the page in Chinese.
        paint: makes it: (512, 512, 3) float32 in [0, 1], sRGB, in about a second.
    """

    id: str
    label: str
    zh: str
    paint: Callable[[], np.ndarray]


_ALL = (
    Swatch("night", "Swirling night", "旋涡星夜", night.paint),
    Swatch("lilies", "Brush strokes", "印象派笔触", lilies.paint),
    Swatch("glass", "Stained glass", "彩绘玻璃", glass.paint),
    Swatch("waves", "Woodblock waves", "浮世绘海浪", waves.paint),
    Swatch("mosaic", "Mosaic", "马赛克镶嵌", mosaic.paint),
    Swatch("watercolour", "Watercolour", "水彩", watercolour.paint),
    Swatch("halftone", "Halftone", "波普网点", halftone.paint),
    Swatch("points", "Pointillism", "点彩", points.paint),
    Swatch("cubist", "Cubist planes", "立体主义", cubist.paint),
    Swatch("woodcut", "Woodcut", "木刻版画", woodcut.paint),
    Swatch("marbling", "Marbled paper", "大理石纹纸", marbling.paint),
    Swatch("hatching", "Cross hatching", "交叉排线素描", hatching.paint),
)
SWATCHES: Mapping[str, Swatch] = MappingProxyType({swatch.id: swatch for swatch in _ALL})
"""Every swatch by its id, the showiest first."""
