"""JPEG: decoded at a fraction of its size, and although its end mark is missing."""

from __future__ import annotations

from io import BytesIO
from typing import IO

from PIL import Image, ImageChops, JpegImagePlugin

_END = b"\xff\xd9"
_NOISE = bytes(167 * number % 251 for number in range(1, 251))
_TAILS = (b"", _NOISE, bytes(254 - byte for byte in _NOISE))
"""What may follow a picture that is whole, without a change to it; none begins as another does."""


def loaded(
    image: Image.Image, file: IO[bytes], size: tuple[int, int], notes: list[str]
) -> Image.Image:
    """Decode a JPEG.

    Viewers show a file that was cut short, its missing rows grey.  Here it is read only where
    no row is missing.

    Args:
        image: its header is read.
        file: it comes from.
        size: the decoder may skip what would be thrown away at this size.
        notes: gets a sentence where the end mark is missing.

    Raises:
        OSError: damaged or cut short.
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
    """The picture with an end mark; None where more is missing than that.

    The decoder takes missing data for zeros and says nothing.  What it makes then depends on what
    stands before the end mark; a whole picture does not.
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
