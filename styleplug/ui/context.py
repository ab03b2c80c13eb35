"""What all parts of a page are built with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from styleplug.core.errors import UsageError
from styleplug.core.recipe import Settings
from styleplug.engine import Engine
from styleplug.ui.i18n import Texts
from styleplug.ui.kept import Gallery
from styleplug.ui.offers import Offers
from styleplug.ui.traffic import Traffic


@dataclass(frozen=True)
class Limits:
    """The limits of one grid or video of a visitor.

    Args:
        cells: largest number of cells.
        seconds: largest planned time.
        megapixels: of all frames of a video, as they are read, and as they are painted.
    """

    cells: int
    seconds: float
    megapixels: tuple[float, float] = (math.inf, math.inf)

    def check(self, cells: int, seconds: float | None) -> None:
        """Check that a grid is not too large.

        Raises:
            UsageError: it is.
        """
        if cells > self.cells:
            raise UsageError(
                f"these are {cells:,} results; at most {self.cells} are made here at once: take "
                "fewer values or pictures, or use styleplug batch"
            )
        if (seconds or 0) > self.seconds:
            raise UsageError(
                f"this would take about {seconds:.0f} s; at most {self.seconds:.0f} s are allowed "
                "here: take fewer values, or a smaller size"
            )


@dataclass(frozen=True)
class PageContext:
    """A page, or the part of one, before it is built.

    Args:
        engine: the engine with the methods to show.
        texts: collects the texts, which the browser gets when the page is served.
        settings: the settings that visitors may change.
        limits: what one grid or video of a visitor may take.
        traffic: lets runs start.
        offers: the pictures that the page offers; by default those of styleplug.
        gallery: keeps all results, if there is one.
        train: the folder for training runs, if training is offered.
        path: the path of the page, if there may be others on this host.
    """

    engine: Engine
    texts: Texts
    settings: type[Settings]
    limits: Limits
    traffic: Traffic
    offers: Offers = field(default_factory=Offers)
    gallery: Gallery | None = None
    train: Path | None = None
    path: str = ""
