"""A picture in memory, and resizing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from styleplug.core.array import Floats, Pixels
from styleplug.imaging.metadata import Origin


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    Args:
        pixels: (h, w, 3) float32 in [0, 1], sRGB, not premultiplied.
        alpha: (h, w) float32 in [0, 1]; None if it is opaque.
        origin: date, author and resolution from its file.
        notes: notes on how its file was read, if anything is unusual.
    """

    pixels: Pixels
    alpha: Floats | None = None
    origin: Origin = Origin()
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize in float, antialiased: Lanczos to reduce, bicubic to enlarge.

    Args:
        pixels: (h, w) or (h, w, c) float32 in [0, 1].

    Returns:
        (height, width) or (height, width, c) float32 in [0, 1]; `pixels` itself if it has the size.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    kind = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    result = np.empty((height, width, planes.shape[2]), np.float32)
    for channel in range(planes.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(planes[:, :, channel], np.float32))
        result[:, :, channel] = np.asarray(plane.resize((width, height), kind))
    np.clip(result, 0.0, 1.0, out=result)
    return result[:, :, 0] if pixels.ndim == 2 else result


def scale(picture: Picture, width: int, height: int) -> Picture:
    """Resize to exactly this size; transparent pixels do not affect the visible ones."""
    if (picture.width, picture.height) == (width, height):
        return picture
    pixels = resize(picture.pixels, width, height)
    if picture.alpha is None:
        return replace(picture, pixels=pixels)
    alpha = resize(picture.alpha, width, height)
    weighted = resize(picture.pixels * picture.alpha[:, :, None], width, height)
    for rows in bands(height, width):
        here = alpha[rows, :, None]
        seen = here > 1 / 255  # elsewhere the pixel is invisible, and the quotient is noise
        np.divide(weighted[rows], here, out=pixels[rows], where=seen)
    return replace(picture, pixels=np.clip(pixels, 0.0, 1.0, out=pixels), alpha=alpha)


def bands(height: int, width: int, pixels: int = 2**20) -> Iterator[slice]:
    """Slices of rows, each of about this many pixels.

    Computing band by band avoids further arrays of the size of the picture.
    """
    rows = max(1, pixels // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def fitted(width: int, height: int, size: float) -> tuple[int, int]:
    """Width and height for a long side of `size`, with the same proportions.

    >>> fitted(400, 300, 1000)
    (1000, 750)
    """
    factor = size / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def within(width: int, height: int, longest: float) -> tuple[int, int]:
    """The same size, or, if a side is longer than `longest`, the size `fitted` to it.

    >>> within(400, 300, 1000), within(4000, 3000, 1000)
    ((400, 300), (1000, 750))
    """
    return fitted(width, height, min(longest, max(width, height)))


def fit(picture: Picture, size: int) -> Picture:
    """Resize to a long side of `size` pixels, with the same proportions."""
    return scale(picture, *fitted(picture.width, picture.height, size))


def reduce(picture: Picture, longest: int) -> Picture:
    """Like `fit`, but never enlarges."""
    return scale(picture, *within(picture.width, picture.height, longest))


def fit_pixels(pixels: Pixels, size: float) -> Pixels:
    """Like `fit`, for the pixels (h, w, c) alone."""
    return resize(pixels, *fitted(pixels.shape[1], pixels.shape[0], size))


def reduce_pixels(pixels: Pixels, longest: float) -> Pixels:
    """Like `reduce`, for the pixels (h, w, c) alone."""
    return resize(pixels, *within(pixels.shape[1], pixels.shape[0], longest))
