"""Open TIFF files: find the page with the picture, and reject kinds that Pillow reads wrongly."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import chain
from typing import IO

import numpy as np
from PIL import Image, _imaging
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    ImageFileDirectory_v2,
    TiffImageFile,
)

from styleplug.core.errors import BadImage

# libtiff prints messages on damaged files to standard error; Pillow raises an error anyway.
with suppress(AttributeError, OSError):  # libtiff is not a separate library
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)

_SUBFILE, _OLD_SUBFILE, _CHILDREN, _DNG = 254, 255, 330, 50706  # tags
_SENSOR = (32803, 34892)  # photometric interpretations: colour filter array, linear raw
_YCBCR, _UNSIGNED, _SIGNED = 6, 1, 2
_MOST_PAGES = 64  # pages that are searched for the full picture


def open_tiff(file: IO[bytes], name: str, notes: list[str]) -> Image.Image:
    """Open the first page of a TIFF file that is not a preview.

    Args:
        file: the file, at its beginning.
        name: name of the file, for messages.
        notes: a note is added to this list if pages were skipped.

    Raises:
        BadImage: the file holds camera raw data, or only previews.
    """
    start = file.read(8)
    start += file.read(8) if start[2:3] == b"+" else b""  # BigTIFF
    first = _page(file, start, ImageFileDirectory_v2(start).next)
    children = dict(_children(file, start, first))
    if _DNG in first or any(map(_is_raw, (first, *children.values()))):
        raise BadImage(
            f"{name} contains the raw data of a camera; expected a converted picture: export it as "
            "JPEG, PNG or TIFF"
        )
    if not _is_reduced(first):
        file.seek(0)
        return TiffImageFile(file, "")
    for at, page in chain(children.items(), _following(file, start, first)):
        if not _is_reduced(page):
            notes.append("its first page is a small preview; the first full page was read")
            return TiffImageFile(_beginning_at(file, start, at), "")
    raise BadImage(
        f"{name} contains only a small preview, and no full page; export the picture again as "
        "JPEG, PNG or TIFF"
    )


def check(image: Image.Image, name: str) -> None:
    """Check that a picture is not a kind of TIFF that Pillow reads wrongly without an error.

    Raises:
        BadImage: it is one.
    """
    if isinstance(image, TiffImageFile) and (kind := _misread(image)):
        raise BadImage(
            f"{name} is a TIFF of {kind}, which is not read; save it again as PNG or JPEG, or as "
            "a TIFF with other settings"
        )


def _misread(image: TiffImageFile) -> str:
    """The kind of TIFF that Pillow reads wrongly; "" if it reads this one correctly."""
    tags = image.tag_v2
    packed = tags.get(COMPRESSION, 1) != 1
    bits = max(tags.get(BITSPERSAMPLE, (1,)))
    if tags.get(PLANAR_CONFIGURATION) == 2 and bits > 8 and not packed:
        return f"{bits} bits in separate planes"
    if tags.get(PHOTOMETRIC_INTERPRETATION) == _YCBCR and image.mode == "RGB" and not packed:
        return "uncompressed YCbCr"
    if tags.get(SAMPLEFORMAT, (_UNSIGNED,))[0] == _SIGNED and bits == 8:
        return "8 bits with a sign"
    if tags.prefix == b"MM" and image.mode in ("I", "F") and packed:
        return "compressed big-endian numbers of more than 8 bits"
    return ""


def white_is_zero(image: Image.Image) -> bool:
    """Whether black and white are exchanged; up to 8 bits, Pillow exchanges them back itself."""
    if not isinstance(image, TiffImageFile) or image.mode[0] not in "IF":
        return False
    return bool(image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0)


def white(image: Image.Image) -> float | None:
    """The value of white in a picture with more than 8 bits, TIFF or not; None if not known."""
    if not image.mode.startswith("I;16"):
        return None
    twelve = isinstance(image, TiffImageFile) and image.tag_v2.get(BITSPERSAMPLE) == (12,)
    return 4095.0 if twelve else 65535.0


def numbers(image: Image.Image) -> Image.Image:
    """Convert integers (mode I or I;16) to mode F; Pillow reads unsigned 32 bits as signed."""
    if image.mode == "I" and isinstance(image, TiffImageFile):
        tags = image.tag_v2
        if tags.get(BITSPERSAMPLE) == (32,) and tags.get(SAMPLEFORMAT, (1,)) == (_UNSIGNED,):
            return Image.fromarray(np.asarray(image).view(np.uint32).astype(np.float32))
    return image.convert("F")


def _page(file: IO[bytes], start: bytes, at: int) -> ImageFileDirectory_v2:
    """The tags of a page."""
    tags = ImageFileDirectory_v2(start)
    file.seek(at)
    tags.load(file)
    return tags


def _children(
    file: IO[bytes], start: bytes, page: ImageFileDirectory_v2
) -> Iterator[tuple[int, ImageFileDirectory_v2]]:
    """The sub-pages of a page; errors there are ignored, because the page itself may be good."""
    with suppress(Exception):
        for at in page.get(_CHILDREN, ())[:_MOST_PAGES]:
            yield at, _page(file, start, at)


def _following(
    file: IO[bytes], start: bytes, page: ImageFileDirectory_v2
) -> Iterator[tuple[int, ImageFileDirectory_v2]]:
    """The pages after a page."""
    for _ in range(_MOST_PAGES):
        if not (at := page.next):
            return
        page = _page(file, start, at)
        yield at, page


def _is_reduced(page: ImageFileDirectory_v2) -> bool:
    return bool(page.get(_SUBFILE, 0) & 1) or page.get(_OLD_SUBFILE) == 2


def _is_raw(page: ImageFileDirectory_v2) -> bool:
    return page.get(PHOTOMETRIC_INTERPRETATION) in _SENSOR


def _beginning_at(file: IO[bytes], start: bytes, at: int) -> IO[bytes]:
    """A copy of the file whose first page is the one at this position."""
    file.seek(0)
    data = bytearray(file.read())
    half = len(start) // 2
    data[half : 2 * half] = at.to_bytes(half, "little" if start.startswith(b"II") else "big")
    return BytesIO(data)
