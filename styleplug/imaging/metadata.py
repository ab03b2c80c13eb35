"""Metadata of picture files: the recipe that made the picture, its date and its origin.

A PNG file stores the recipe in an international text chunk, which has no size limit.  All other
formats store it in the EXIF field ImageDescription.
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
"""Largest size of a recipe in bytes, written or read."""
_KEY = "styleplug"  # key of the text chunk, and first word of the description
_LONGEST = 1000  # characters of a name or a copyright notice that are kept
_MOST_CHUNKS = 100_000  # no writer makes this many chunks for a picture that can be read


@dataclass(frozen=True)
class Origin:
    """The metadata of a file that may be copied to a result.

    Args:
        dpi: dots per inch, horizontal and vertical.
        date: when it was taken, in the format of EXIF: "2020:12:31 23:59:59".
        author: who made it.
        copyright: the copyright notice.
    """

    dpi: tuple[float, float] | None = None
    date: str = ""
    author: str = ""
    copyright: str = ""


def origin_in(image: Image.Image) -> Origin:
    """The origin of a decoded picture, from EXIF or from the text chunks of a PNG."""
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
    """The recipe stored in a picture, or None; no pixel is decoded.

    Raises:
        BadRecipe: the recipe is damaged or too long.
    """
    if image.format == "PNG" and _KEY in image.info:
        return bounded(str(image.info[_KEY]).encode())
    if image.format == "PNG" and "exif" not in image.info:
        return None  # `getexif` would decode the pixels, to look for EXIF behind them
    key, _, text = _raw(image.getexif().get(Base.ImageDescription)).partition(b" ")
    if key == _KEY.encode():
        return bounded(text)
    return _older(file) if image.format == "WEBP" else None


def save_options(kind: str, recipe: str | None, origin: Origin | None) -> dict[str, Any]:
    """The arguments of Pillow's `save` that write the metadata.

    Raises:
        OutputError: the recipe is too long.
    """
    options: dict[str, Any] = {}
    exif = Image.Exif()
    if recipe is not None:
        text = recipe.encode(errors="replace")
        if len(text) > MAX_RECIPE:
            raise OutputError(f"the recipe is longer than the {MAX_RECIPE} bytes allowed")
        if kind == "PNG":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt(_KEY, recipe)
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
        if origin.date and kind != "TIFF":  # Pillow cannot write this directory when it compresses
            exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = origin.date
        if origin.dpi:
            exif.update({Base.XResolution: origin.dpi[0], Base.YResolution: origin.dpi[1]})
            exif[Base.ResolutionUnit] = 2  # inch
            options["dpi"] = origin.dpi
    return options | ({"exif": exif} if len(exif) else {})


def without_exif(webp: bytes) -> bytes:
    """Remove EXIF from a WebP file written here, where it is the last chunk; pixels stay as is."""
    with WebPImagePlugin.WebPImageFile(io.BytesIO(webp)) as image:
        exif = image.info.get("exif", b"")
    if not exif:
        return webp
    kept = len(webp) - 8 - len(exif) - len(exif) % 2
    flags = webp[20] & ~0x08  # this bit of the extended header means that there is EXIF
    return webp[:4] + (kept - 8).to_bytes(4, "little") + webp[8:20] + bytes([flags]) + webp[21:kept]


def _raw(value: Any) -> bytes:
    """The bytes of an EXIF text, which Pillow decodes as Latin-1."""
    return value.encode("latin-1", "replace") if isinstance(value, str) else b""


def _text(value: Any) -> str:
    """Decode a text of EXIF or PNG: most programs write UTF-8, some Latin-1."""
    text = value if isinstance(value, str) else ""
    try:
        text = text.encode("latin-1").decode()
    except UnicodeError:
        pass
    return text.strip("\0 ")[:_LONGEST]


def _dots(given: Any, unit: float) -> tuple[float, float] | None:
    """The resolution, or None if it is not plausible: files may contain 0, infinity or less."""
    try:
        across, down = (float(one) * unit for one in given)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    sane = all(math.isfinite(one) and 1 <= one < 2**16 for one in (across, down))
    return (across, down) if sane else None


def bounded(text: bytes) -> str:
    """Decode the text of a recipe.

    Raises:
        BadRecipe: it is too long.
    """
    if len(text) > MAX_RECIPE:
        raise BadRecipe(f"the recipe in this file is longer than the {MAX_RECIPE} bytes allowed")
    return text.decode()


def _older(file: IO[bytes]) -> str | None:
    """The recipe of an animated WebP file of an early version: in its own chunk, not in EXIF."""
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
