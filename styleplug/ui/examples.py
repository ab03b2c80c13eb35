"""Example pairs: photographs that come with gradio, and swatches that `styleplug.swatches` paints.

A swatch takes about a second to paint, so it is painted when it is first shown.  Until then, cards
show only the photograph.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gradio.media import get_image
from gradio.utils import get_upload_folder
from PIL import Image, ImageOps

from styleplug.engine.styles import built_in
from styleplug.swatches import SWATCHES

PHOTOGRAPHS = ("tower.jpg", "lion.jpg", "cheetah1.jpg", "cheetah.jpg")
THUMB = 120  # side of the thumbnail of a built-in style
PAINTINGS = ("night", "lilies", "waves", "woodcut")  # examples for methods without a style
MOST = 8  # pairs offered
CARD = (240, 180)
INSET = 96  # of a swatch on its card

_painting = {id: threading.Lock() for id in SWATCHES}  # each only once


@dataclass(frozen=True)
class Pair:
    """A photograph and swatches, one for every further slot.

    Args:
        photograph: its name in `gradio.media`; "" for a pair of swatches only.
        swatches: ids of `SWATCHES`.
    """

    photograph: str
    swatches: tuple[str, ...]

    def files(self) -> list[str]:
        """The pictures in full size, in the order of the slots."""
        first = [_photograph(self.photograph)] if self.photograph else []
        return [str(path) for path in (*first, *map(swatch, self.swatches))]

    def card(self, *, plain: bool = False) -> Path:
        """The pair as one small picture, with a swatch in its corner unless `plain`."""
        shown = () if plain else self.swatches[:1]
        path = _folder() / f"card-{'-'.join((Path(self.photograph).stem, *shown))}.png"
        if not path.exists():
            card = ImageOps.fit(self._ground(shown), CARD, centering=(0.5, 0.25))
            for id in shown if self.photograph else ():
                inset = ImageOps.fit(_open(swatch(id)), (INSET, INSET))
                framed = ImageOps.expand(inset, 4, "white")
                card.paste(framed, (CARD[0] - framed.width, CARD[1] - framed.height))
            part = path.with_suffix(f".{secrets.token_hex(4)}")  # other tabs may write it too
            card.save(part, "PNG")
            part.replace(path)
        return path

    def _ground(self, shown: Sequence[str]) -> Image.Image:
        """The background of the card: the photograph, or else the swatch once it is painted."""
        if self.photograph:
            return _open(get_image(self.photograph))
        return _open(swatch(shown[0])) if shown else Image.new("RGB", CARD, "silver")


def pairs(slots: Sequence[str]) -> list[Pair]:
    """Examples for a method with these slots: photographs for the first one, swatches for others.

    A slot "style" always gets swatches.  A single slot gets photographs, then paintings.
    """
    if not slots:
        return []
    photographs = [] if slots[0] == "style" else list(PHOTOGRAPHS)
    swatches = len(slots) - bool(photographs)
    if not swatches:
        paintings = [Pair("", (id,)) for id in PAINTINGS]
        return [*(Pair(photograph, ()) for photograph in photographs), *paintings]
    ids = list(SWATCHES)
    return [
        Pair(
            photographs[number % len(photographs)] if photographs else "",
            tuple(ids[(number + other) % len(ids)] for other in range(swatches)),
        )
        for number in range(min(MOST, len(ids)))
    ]


def is_ours(path: Path) -> bool:
    """Whether a file is one of the examples."""
    return path.parent == _folder().resolve()


def cards(offered: list[Pair]) -> Iterator[list[list[str]]]:
    """The cards of all pairs, each time another swatch is painted."""
    pending = [pair for pair in offered if not _ready(pair)]
    for pair in pending:
        pair.card()
        if pair is not pending[-1]:
            yield [[str(one.card(plain=not _ready(one)))] for one in offered]
    yield [[str(one.card())] for one in offered]


def _ready(pair: Pair) -> bool:
    return all(_file(id).exists() for id in pair.swatches[:1])


def _photograph(name: str) -> Path:
    """A copy in a folder that the page may serve."""
    path = _folder() / name
    if not path.exists():
        part = path.with_suffix(f".{secrets.token_hex(4)}")  # other visitors may write it too
        shutil.copyfile(get_image(name), part)
        part.replace(path)
    return path


def swatch(id: str) -> Path:
    """A copy of a built-in style that the page may serve."""
    path = _file(id)
    with _painting[id]:
        if not path.exists():  # or gradio deleted it as an old upload
            shutil.copyfile(built_in(id), path)
    return path


def thumbnail(id: str) -> Path:
    """A small copy of a built-in style that the page may serve."""
    path = _folder() / f"small-{id}.png"
    if not path.exists():
        part = path.with_suffix(f".{secrets.token_hex(4)}")  # other tabs may write it too
        _open(swatch(id)).resize((THUMB, THUMB)).save(part, "PNG")
        part.replace(path)
    return path


def _file(id: str) -> Path:
    return _folder() / f"{id}.png"


@cache
def _folder() -> Path:
    """The folder of the examples, below the upload folder, so that they count as uploads."""
    path = Path(get_upload_folder()) / secrets.token_hex(20)
    path.mkdir(parents=True)
    return path


def _open(path: str | Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
