"""Example pairs: photographs that come with gradio, and swatches that we paint ourselves."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gradio.media import get_image
from gradio.utils import get_upload_folder
from PIL import Image, ImageOps

from styleplug import swatches
from styleplug.core import image

PHOTOGRAPHS = ("tower.jpg", "lion.jpg", "cheetah1.jpg", "cheetah.jpg")
THUMBNAIL = (208, 152)  # of a pair: the photograph, the swatch in its corner
INSET = 88
SIDE = 512  # of a swatch in pixels


@dataclass(frozen=True)
class Pair:
    """A photograph and swatches that suit it, one for every further slot.

    Args:
        photograph: its name in `gradio.media`.
        swatches: their names in `styleplug.swatches`.
    """

    photograph: str
    swatches: tuple[str, ...]

    @property
    def thumbnail(self) -> Path:
        """The pair as one small picture."""
        card = ImageOps.fit(_open(get_image(self.photograph)), THUMBNAIL, centering=(0.5, 0.25))
        for swatch in self.swatches[:1]:
            inset = _open(_swatch(swatch)).resize((INSET, INSET), Image.Resampling.LANCZOS)
            inset = ImageOps.expand(inset, 4, "white")
            card.paste(inset, (THUMBNAIL[0] - inset.width, THUMBNAIL[1] - inset.height))
        path = _folder() / f"{'-'.join((Path(self.photograph).stem, *self.swatches))}.png"
        card.save(path)
        return path

    def files(self) -> list[str]:
        """The pictures in full, in the order of the slots."""
        return [get_image(self.photograph), *(str(_swatch(name)) for name in self.swatches)]


def pairs(slots: int) -> list[Pair]:
    """Examples for a method of so many slots: the first a photograph, the others swatches."""
    if not slots:
        return []
    names = swatches.NAMES
    return [
        Pair(
            PHOTOGRAPHS[number % len(PHOTOGRAPHS)],
            tuple(names[(number + other) % len(names)] for other in range(slots - 1)),
        )
        for number in range(len(names) if slots > 1 else len(PHOTOGRAPHS))
    ]


@cache
def _folder() -> Path:
    """Where examples lie: below the upload folder, so that they count as uploads."""
    path = Path(get_upload_folder()) / secrets.token_hex(20)
    path.mkdir(parents=True)
    return path


@cache
def _swatch(name: str) -> Path:
    path = _folder() / f"{name}.png"
    image.write(swatches.paint(name, SIDE), path)
    return path


def _open(path: str | Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
