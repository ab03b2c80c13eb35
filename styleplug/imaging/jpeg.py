"""Decode JPEG: at a reduced size, and also if only the end mark is missing."""

from __future__ import annotations

from io import BytesIO
from typing import IO

from PIL import Image, ImageChops, JpegImagePlugin

_END = b"\xff\xd9"
_NOISE = bytes(167 * number % 251 for number in range(1, 251))
_TAILS = (b"", _NOISE, bytes(254 - byte for byte in _NOISE))
"""Bytes that can follow a complete picture without changing it; each starts differently."""


def decode(
    image: Image.Image, file: IO[bytes], size: tuple[int, int], notes: list[str]
) -> Image.Image:
    """Decode a JPEG.

    Viewers show a truncated file with grey rows.  Here, a truncated file is read only if no row is
    missing.

    Args:
        size: the size that is needed; the decoder may reduce the picture to not less than this.
        notes: a note is added to this list if the end mark is missing.

    Raises:
        OSError: the file is damaged or truncated.
    """
    image.draft(None, size)
    try:
        image.load()
        return image
    except OSError:
        whole = _completed(file, size)
        if whole is None:
            raise
        notes.append("its end mark is missing, but all rows of pixels are there; it was read")
        return whole


def _completed(file: IO[bytes], size: tuple[int, int]) -> Image.Image | None:
    """Decode the file with an end mark added; None if more than the end mark is missing.

    The decoder silently replaces missing data by zeros.  Then the result depends on the bytes
    before the end mark; the result of a complete picture does not.
    """
    file.seek(0)
    data = file.read().rstrip(b"\xff")  # the first half of the mark
    whole = None
    for tail in _TAILS:
        image = JpegImagePlugin.JpegImageFile(BytesIO(data + tail + _END), "")
        image.draft(None, size)
        image.load()
        if whole is not None and ImageChops.difference(whole, image).getbbox():
            return None
        whole = image
    return whole
