"""What a picture file carries beside its pixels: the recipe that made it, its date and its origin.

A PNG keeps the recipe in an international text chunk, which has no bound; all other formats keep it
in EXIF's description of the picture.
"""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image, PngImagePlugin, WebPImagePlugin
from PIL.ExifTags import IFD, Base

from styleplug.core.errors import BadRecipe, OutputError

MAX_RECIPE = 2**20
"""Bytes of a recipe's text at most, written or read."""
_KEY = "styleplug"  # of the text chunk; the first word of the description
_LONGEST = 1000  # characters of a name or a copyright notice that are kept
_MOST_CHUNKS = 100_000  # more than any writer makes of a picture that we would read


@dataclass(frozen=True)
class Origin:
    """Where a picture comes from: all that is ever passed on of a file's metadata.

    Args:
        dpi: dots per inch, across and down.
        date: when it was taken, as EXIF writes it: "2020:12:31 23:59:59".
        author: who made it.
        copyright: the notice.
    """

    dpi: tuple[float, float] | None = None
    date: str = ""
    author: str = ""
    copyright: str = ""


def origin_in(image: Image.Image) -> Origin:
    """What a decoded picture says of its origin; in a PNG text chunks may say it, too."""
    exif, info = image.getexif(), image.info
    taken = exif.get_ifd(IFD.Exif).get(Base.DateTimeOriginal)
    dots = info.get("dpi") or (exif.get(Base.XResolution), exif.get(Base.YResolution))
    centimetres = "dpi" not in info and exif.get(Base.ResolutionUnit) == 3
    return Origin(
        _dots(dots, 2.54 if centimetres else 1.0),
        _text(taken or exif.get(Base.DateTime)),
        _text(exif.get(Base.Artist) or info.get("Author")),
        _text(exif.get(Base.Copyright) or info.get("Copyright")),
    )


def recipe_in(image: Image.Image, file: IO[bytes]) -> str | None:
    """The recipe that a picture of ours carries; of an opened picture nothing is decoded.

    Args:
        image: opened by Pillow.
        file: that it was opened from.

    Raises:
        BadRecipe: it is damaged or too long.
    """
    if image.format == "PNG" and _KEY in image.info:
        return bounded(str(image.info[_KEY]).encode())
    if image.format == "PNG" and "exif" not in image.info:
        return None  # Pillow would decode all of it, in search of EXIF behind the pixels
    key, _, text = _raw(image.getexif().get(Base.ImageDescription)).partition(b" ")
    if key == _KEY.encode():
        return bounded(text)
    return _older(file) if image.format == "WEBP" else None


def notes(kind: str, recipe: str | None, origin: Origin | None) -> dict[str, Any]:
    """What Pillow is told to write beside the pixels.

    Args:
        kind: format of the file, as Pillow calls it.
        recipe: that made the picture, if it is to be kept.
        origin: of the picture, if it is to be kept.

    Raises:
        OutputError: the recipe is too long.
    """
    told: dict[str, Any] = {}
    exif = Image.Exif()
    if recipe is not None:
        text = recipe.encode(errors="replace")
        if len(text) > MAX_RECIPE:
            raise OutputError(f"the recipe is longer than the {MAX_RECIPE} bytes that are kept")
        if kind == "PNG":
            told["pnginfo"] = PngImagePlugin.PngInfo()
            told["pnginfo"].add_itxt(_KEY, recipe)
        else:
            exif[Base.Software] = _KEY
            exif[Base.ImageDescription] = f"{_KEY} ".encode() + text
    if origin is not None:
        said = {
            Base.DateTime: origin.date,
            Base.Artist: origin.author,
            Base.Copyright: origin.copyright,
        }
        exif.update({tag: text.encode() for tag, text in said.items() if text})
        if origin.date and kind != "TIFF":  # whose compression leaves no room for a directory
            exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = origin.date
        if origin.dpi:
            exif.update({Base.XResolution: origin.dpi[0], Base.YResolution: origin.dpi[1]})
            exif[Base.ResolutionUnit] = 2  # inch
            told["dpi"] = origin.dpi
    return told | ({"exif": exif} if len(exif) else {})


def without_exif(webp: bytes) -> bytes:
    """A WebP animation of ours without EXIF, which is its last chunk; no pixel is touched."""
    with WebPImagePlugin.WebPImageFile(io.BytesIO(webp)) as image:
        exif = image.info.get("exif", b"")
    if not exif:
        return webp
    kept = len(webp) - 8 - len(exif) - len(exif) % 2
    flags = webp[20] & ~0x08  # where the extended header says that there is EXIF
    return webp[:4] + (kept - 8).to_bytes(4, "little") + webp[8:20] + bytes([flags]) + webp[21:kept]


def _raw(value: Any) -> bytes:
    """The bytes of a text of EXIF, which Pillow reads as Latin-1."""
    return value.encode("latin-1", "replace") if isinstance(value, str) else b""


def _text(value: Any) -> str:
    """A text of EXIF or PNG: most programs write UTF-8, some Latin-1."""
    text = value if isinstance(value, str) else ""
    try:
        text = text.encode("latin-1").decode()
    except UnicodeError:
        pass
    return text.strip("\0 ")[:_LONGEST]


def _dots(given: Any, unit: float) -> tuple[float, float] | None:
    """A resolution that makes sense, else None: files hold 0, infinite and negative ones."""
    try:
        across, down = (float(one) * unit for one in given)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    sane = all(math.isfinite(one) and 1 <= one < 2**16 for one in (across, down))
    return (across, down) if sane else None


def bounded(text: bytes) -> str:
    """The text of a recipe.

    Raises:
        BadRecipe: it is too long.
    """
    if len(text) > MAX_RECIPE:
        raise BadRecipe(f"the recipe in this file is longer than the {MAX_RECIPE} bytes allowed")
    return text.decode()


def _older(file: IO[bytes]) -> str | None:
    """The recipe of an animated WebP of our first days: a chunk of its own, not EXIF."""
    file.seek(12)
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8:
            break
        if head[:4] == b"SPLG":
            return bounded(file.read(min(length, MAX_RECIPE + 1)))
        file.seek(length + length % 2, os.SEEK_CUR)
    return None
