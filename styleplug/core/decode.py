"""Pictures coming in.

Files are hostile: only the listed formats are tried, dimensions are checked from the
header before a pixel is decoded, and large pictures shrink while still 8 bits wide, so that
memory is bounded: while reading by MAX_PIXELS times about 10 bytes (16 for WebP, whose decoder
keeps two canvases), afterwards by `longest`.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
from PIL import (  # the plug-ins register their formats in Image.OPEN
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from styleplug.core.errors import BadImage, BadRecipe, StyleplugError
from styleplug.core.files import open_source
from styleplug.core.metadata import MAX_RECIPE, Origin, bounded, origin_in, recipe_in
from styleplug.core.picture import Picture, fit
from styleplug.core.recipe import LARGEST

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""What is read; nothing else is even tried."""
MAX_PIXELS = 2**27
"""Pictures of more pixels (134 megapixels: 12000 × 11184) are refused unread."""
_TURNS = {  # EXIF orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Source = str | Path | bytes | Image.Image | np.ndarray | Picture


def read(source: Source, *, longest: int = LARGEST) -> Picture:
    """Read a picture: upright, sRGB, its long side at most `longest`.

    Of an animation the first frame is read; 16 bits are kept for grey, colour is read at 8.

    Args:
        source: path; the bytes of a file; Pillow picture; array (h, w), (h, w, 1), (h, w, 3) or
            (h, w, 4) of bool, uint8, uint16, or float in [0, 1]; or a Picture.
        longest: long side in pixels to which larger pictures are reduced.

    Raises:
        BadImage: no usable picture; the sentence says why.
    """
    if isinstance(source, Picture):
        return _bounded(source, longest)
    if isinstance(source, np.ndarray):
        return _from_array(source, longest)
    if isinstance(source, Image.Image):
        with _explained("the picture"):
            return _from_pillow(source, longest)
    if not isinstance(source, str | Path | bytes):
        raise BadImage(
            f"got {type(source).__name__}; expected a picture: path, bytes, array or Pillow image"
        )
    with open_source(source) as (file, name), _explained(name):
        image = _opened(file, name)
        _check_size(image.size)
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            # Let the decoder itself skip what will be thrown away.
            image.draft(None, _within(image.size, longest))
        return _from_pillow(image, longest)


def read_recipe(source: str | Path | bytes) -> str | None:
    """The recipe text inside a picture of ours, or the text of a .json file; no pixel is decoded.

    Returns:
        The text, unchecked (`Recipe.from_json` checks it); None where the file has none.

    Raises:
        BadRecipe: the file cannot be read, or its recipe is damaged or too long.
    """
    try:
        with open_source(source) as (file, name):
            text = file.read(MAX_RECIPE + 1).removeprefix(codecs.BOM_UTF8)
            if text.lstrip().startswith(b"{"):
                return bounded(text)
            file.seek(0)
            with suppress(BadImage):  # no picture, then
                return recipe_in(_opened(file, name), file)
            return None
    except StyleplugError as error:
        raise BadRecipe(str(error)) from error
    except Exception as error:  # a decoder may throw anything
        raise BadRecipe(f"this file is damaged, or the recipe in it ({error})") from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn whatever a decoder throws at a broken file (it may be anything) into one sentence."""
    try:
        yield
    except StyleplugError:
        raise
    except MemoryError as error:
        raise BadImage(f"{name} needs more memory than there is; make it smaller") from error
    except Exception as error:
        raise BadImage(
            f"{name} is damaged, cut short or of a rare kind ({error}); "
            "save it anew as PNG or JPEG, and try again"
        ) from error


def _opened(file: IO[bytes], name: str) -> Image.Image:
    """Read the header.

    Not `Image.open`: that one warns of large pictures by a process-wide limit; ours is MAX_PIXELS.
    """
    start = file.read(16)
    if not start:
        raise BadImage(f"{name} is empty (0 bytes); choose another file")
    for kind in FORMATS:
        factory, accepts = Image.OPEN[kind]
        if accepts is None or accepts(start) is True:
            file.seek(0)
            return factory(file, "")
    raise BadImage(f"{name} is no picture that can be read; expected one of {', '.join(FORMATS)}")


def _check_size(size: tuple[int, int]) -> None:
    """Refuse nothing, and bombs."""
    width, height = size
    if width < 1 or height < 1:
        raise BadImage(f"the picture is {width} × {height} pixels; expected at least 1 × 1")
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"the picture is {width} × {height} pixels; at most {MAX_PIXELS // 10**6} megapixels "
            "are read: make it smaller first"
        )


def _within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """This size, or in the same proportions the largest with no side over `longest`."""
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _from_pillow(image: Image.Image, longest: int) -> Picture:
    """Decode, shrink, turn upright, convert to sRGB: in this order, to work on few bytes."""
    _check_size(image.size)
    image.load()
    profile = image.info.get("icc_profile")
    turn, origin = _TURNS.get(_orientation(image)), _origin(image)
    peak = _peak(image)
    image = _shrunk(_plain(image), longest)
    if turn is not None:
        image = image.transpose(turn)
    if image.mode == "F":
        grey = _unit(np.asarray(image), peak)
        if not profile:
            return Picture(np.repeat(grey[:, :, None], 3, axis=2), origin=origin)
        image = Image.fromarray(np.rint(grey * 255).astype(np.uint8))
    alpha = None
    if image.mode in ("LA", "RGBA"):
        mask = image.getchannel("A")
        alpha = None if mask.getextrema() == (255, 255) else _floats(mask)
        image = image.convert(image.mode[:-1])
    return Picture(_floats(_to_srgb(image, profile)), alpha, origin)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 where there is none; broken EXIF does not spoil a good picture."""
    with suppress(Exception):
        return int(image.getexif().get(0x0112, 1))
    return 1


def _origin(image: Image.Image) -> Origin:
    """Date and author, where the file tells them well."""
    with suppress(Exception):
        return origin_in(image)
    return Origin()


def _plain(image: Image.Image) -> Image.Image:
    """Into a mode that averages well: L, LA, RGB, RGBA, CMYK, LAB, or F for more than 8 bits."""
    if image.mode[0] in "IF":
        return image if image.mode == "F" else image.convert("F")
    if image.mode in ("LA", "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _shrunk(image: Image.Image, longest: int) -> Image.Image:
    """Reduce to `longest`: far by averaging blocks, the last octave by Lanczos."""
    size = _within(image.size, longest)
    if size == image.size:
        return image
    blocks = max(image.size) // (2 * longest)
    if blocks > 1:
        image = image.reduce(blocks)
    return image.resize(size, Image.Resampling.LANCZOS)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """To sRGB by the picture's own profile; by Pillow's plain rules where it has none, or a bad."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(
                image, io.BytesIO(profile), srgb, outputMode="RGB"
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


def _peak(image: Image.Image) -> float | None:
    """White of a picture deeper than 8 bits; None where its file does not say."""
    if not image.mode.startswith("I;16"):
        return None
    bits = getattr(image, "tag_v2", {}).get(TiffImagePlugin.BITSPERSAMPLE)
    return 4095.0 if bits == (12,) else 65535.0


def _unit(values: np.ndarray, peak: float | None) -> np.ndarray:
    """Scale to [0, 1] by `peak`, or by the usual white that the values do not exceed."""
    if not np.isfinite(values).all():
        raise BadImage("the picture holds values that are not finite (NaN or infinite)")
    if peak is None:
        most = float(values.max())
        peak = next((white for white in (1.0, 255.0, 65535.0) if most <= white), most)
    return np.clip(values / np.float32(peak), 0.0, 1.0).astype(np.float32, copy=False)


def _floats(image: Image.Image) -> np.ndarray:
    """8 bits a channel to float32 in [0, 1]."""
    pixels = np.array(image, dtype=np.float32)
    pixels /= 255
    return pixels


def _bounded(picture: Picture, longest: int) -> Picture:
    """Reduce where it is larger."""
    return fit(picture, longest) if max(picture.width, picture.height) > longest else picture


def _from_array(array: np.ndarray, longest: int) -> Picture:
    """Check and convert an array; see `read`."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise BadImage(
            f"an array of shape {array.shape} is no picture; expected (h, w), (h, w, 1), (h, w, 3) "
            "or (h, w, 4)"
        )
    _check_size((array.shape[1], array.shape[0]))
    if array.dtype == np.uint8:
        planes = np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array)
        with _explained("the array"):
            return _from_pillow(Image.fromarray(planes), longest)
    if array.dtype == np.uint16:
        pixels = array.astype(np.float32) / 65535
    elif array.dtype == bool or np.issubdtype(array.dtype, np.floating):
        pixels = array.astype(np.float32)
    else:
        raise BadImage(f"an array of {array.dtype} is no picture; expected uint8, uint16 or float")
    low, high = float(pixels.min()), float(pixels.max())
    if not (-0.01 <= low <= high <= 1.01):  # also refuses NaN
        raise BadImage(f"float pixels must lie in [0, 1]; this array holds {low:g} to {high:g}")
    np.clip(pixels, 0.0, 1.0, out=pixels)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    alpha = pixels[:, :, 3] if pixels.shape[2] == 4 and pixels[:, :, 3].min() < 1 else None
    return _bounded(Picture(pixels[:, :, :3], alpha), longest)
