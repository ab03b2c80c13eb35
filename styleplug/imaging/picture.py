"""A picture in memory, and its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from styleplug.imaging.metadata import Origin

_BAND = 2**20  # pixels


@dataclass(frozen=True)
class Picture:
    """A picture as everything inside sees it.

    Args:
        pixels: (h, w, 3) float32 in [0, 1], sRGB, not premultiplied.
        alpha: (h, w) float32 in [0, 1]; None where all is opaque.
        origin: what its file says of date, author and resolution.
        notes: sentences on how its file was read, where that is not plain.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
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


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resample in float, antialiased: Lanczos where it shrinks, bicubic where it grows.

    Args:
        pixels: (h, w) or (h, w, c) float32 in [0, 1].
        width: of the result.
        height: of the result.

    Returns:
        (height, width) or (height, width, c) float32 in [0, 1]; `pixels` itself where it fits.
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
    """Resample to exactly this size; what is transparent does not bleed into what is seen."""
    if (picture.width, picture.height) == (width, height):
        return picture
    pixels = resize(picture.pixels, width, height)
    if picture.alpha is None:
        return replace(picture, pixels=pixels)
    alpha = resize(picture.alpha, width, height)
    weighted = resize(picture.pixels * picture.alpha[:, :, None], width, height)
    for rows in bands(height, width):
        here = alpha[rows, :, None]
        seen = here > 1 / 255  # elsewhere the quotient is noise, and invisible
        np.divide(weighted[rows], here, out=pixels[rows], where=seen)
    return replace(picture, pixels=np.clip(pixels, 0.0, 1.0, out=pixels), alpha=alpha)


def bands(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture, about a megapixel at a time.

    What is computed of a large picture band by band needs no further large pictures on the way.
    """
    rows = max(1, _BAND // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def fitted(width: int, height: int, size: float) -> tuple[int, int]:
    """Width and height of a picture brought to a long side of `size`, proportions kept."""
    factor = size / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def fit(picture: Picture, size: int) -> Picture:
    """Resample so that the long side is `size` pixels, proportions kept."""
    return scale(picture, *fitted(picture.width, picture.height, size))
