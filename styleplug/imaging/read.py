"""Read pictures from files, bytes, arrays and Pillow images.

Files are not trusted.  Only the listed formats are tried.  The dimensions in the header are checked
before any pixel is decoded.  Large pictures are reduced while they still have 8 bits.  So memory is
limited: to about 10 bytes for each of MAX_PIXELS while reading (16 for WebP, whose decoder keeps
two copies), and by `longest` afterwards.
"""

from __future__ import annotations

import codecs
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from styleplug.core.array import Floats
from styleplug.core.errors import BadImage, BadRecipe, StyleplugError
from styleplug.core.recipe import LARGEST
from styleplug.imaging import colour, formats, jpeg, tiff
from styleplug.imaging.metadata import MAX_RECIPE, Origin, bounded, origin_in, recipe_in
from styleplug.imaging.picture import Picture, reduce, within
from styleplug.imaging.video import comment_of
from styleplug.system.files import open_source

# Pillow and pi-heif warn of damaged metadata, which users need not see.  `catch_warnings` would
# change the filters of all threads.
warnings.filterwarnings("ignore", module=r"(PIL|pi_heif)\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else it writes to standard error

MAX_PIXELS = 2**27
"""Pictures with more pixels (134 megapixels: 12000 × 11184) are rejected before decoding."""
_WHITES = {1: 16, 255: 272, 65535: 70_000}
"""Possible values of white where the file does not say, and the value that few pixels exceed."""
_SAMPLE = 1024  # long side of the sample from which white is estimated
_TURNS = {  # EXIF orientation -> transpose that makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = range(5, 9)
_NOT_FINITE = "the picture holds values that are not finite (NaN or infinite)"
Source = str | Path | bytes | Image.Image | np.ndarray | Picture


def read(source: Source, *, longest: int = LARGEST) -> Picture:
    """Read a picture: upright, in sRGB, reduced if it is larger than `longest`.

    Only the first frame of an animation is read.  Grey keeps 16 bits; colour is read with 8 bits.

    Args:
        source: path; the bytes of a file; Pillow picture; array (h, w), (h, w, 1), (h, w, 3) or
            (h, w, 4) of bool, uint8, uint16, or float in [0, 1]; or a Picture.
        longest: largest long side in pixels.

    Raises:
        BadImage: it is not a usable picture; the message says why.
    """
    if isinstance(source, Picture):
        return reduce(source, longest)
    if isinstance(source, np.ndarray):
        return _from_array(source, longest)
    if isinstance(source, Image.Image):
        with _explained("the picture"):
            return _from_pillow(source, longest, "the picture", [])
    if not isinstance(source, str | Path | bytes):
        raise BadImage(
            f"got {type(source).__name__}; expected a picture: path, bytes, array or Pillow image"
        )
    notes: list[str] = []
    with open_source(source) as (file, name), _explained(name):
        image = formats.open_image(file, name, notes)
        _check_size(image.size)
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            image = jpeg.decode(image, file, within(*image.size, longest), notes)
        return _from_pillow(image, longest, name, notes)


def measure(source: str | Path) -> tuple[int, int]:
    """Width and height of a picture when it is upright; only the header is read.

    Raises:
        BadImage: as for `read`; damage after the header is not noticed.
    """
    with open_source(source) as (file, name), _explained(name):
        image = formats.open_image(file, name, [])
        _check_size(image.size)
        turned = _orientation(image) in _ON_ITS_SIDE
        # The size of a TIFF is already that of the upright picture.
        if turned and not isinstance(image, TiffImagePlugin.TiffImageFile):
            return image.height, image.width
        return image.size


def kind_of(path: Path) -> str | None:
    """The format of a file, one of FORMATS, from its first bytes; None if it is not a picture.

    Raises:
        BadImage: the file cannot be opened.
    """
    with open_source(path) as (file, _):
        return formats.format_of_data(file.read(formats.HEAD))


def read_recipe(source: str | Path | bytes) -> str | None:
    """The recipe stored in a picture, or the text of a JSON file; no pixel is decoded.

    Returns:
        The text, unchecked (`Recipe.from_json` checks it); None if there is no recipe.

    Raises:
        BadRecipe: the file cannot be read, or its recipe is damaged or too long.
    """
    try:
        with open_source(source) as (file, name):
            text = file.read(MAX_RECIPE + 1).removeprefix(codecs.BOM_UTF8)
            if text.lstrip().startswith(b"{"):
                return bounded(text)
            file.seek(0)
            with suppress(BadImage):  # not a picture
                return recipe_in(formats.open_image(file, name, []), file)
            file.seek(0)
            comment = comment_of(file)
            return bounded(comment.encode()) if comment.startswith("{") else None
    except StyleplugError as error:
        raise BadRecipe(str(error)) from error
    except Exception as error:  # a decoder may raise anything
        raise BadRecipe(f"this file is damaged, or the recipe in it ({error})") from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Convert any exception of a decoder into a BadImage with one sentence."""
    try:
        yield
    except StyleplugError:
        raise
    except MemoryError as error:
        raise BadImage(f"{name} needs more memory than is available; make it smaller") from error
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BadImage(
            f"{name} is damaged, incomplete or of an unusual kind ({said}); "
            "save it again as PNG or JPEG, and try again"
        ) from error


def _check_size(size: tuple[int, int]) -> None:
    """Check that a picture is neither empty nor too large to decode.

    Raises:
        BadImage: it is.
    """
    width, height = size
    if width < 1 or height < 1:
        raise BadImage(f"the picture is {width} × {height} pixels; expected at least 1 × 1")
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"the picture is {width} × {height} pixels; at most {MAX_PIXELS // 10**6} megapixels "
            "are read: make it smaller first"
        )


def _from_pillow(image: Image.Image, longest: int, name: str, notes: list[str]) -> Picture:
    """Decode, reduce, turn upright, convert to sRGB: in this order, to process few bytes."""
    _check_size(image.size)
    tiff.check(image, name)
    image.load()
    space = colour.space_of(image.info)
    profile = None if "cicp" in image.info else image.info.get("icc_profile")
    turn, origin = _TURNS.get(_orientation(image)), _origin(image)
    white, inverted = tiff.white(image), tiff.white_is_zero(image)
    whole = image.mode == "I"
    image = _plain(image)
    if image.mode == "F" and white is None:
        white = _white(image, whole, notes)
    image = _shrunk(image, longest)
    if turn is not None:
        image = image.transpose(turn)
    alpha = None
    if image.mode == "F":
        grey: Floats = np.asarray(image, np.float32) / np.float32(white)
        if not np.isfinite(grey).all():
            raise BadImage(_NOT_FINITE)
        np.clip(1 - grey if inverted else grey, 0.0, 1.0, out=grey)
        pixels = np.repeat(grey[:, :, None], 3, axis=2)
        if profile:
            eight = Image.fromarray(np.rint(pixels[:, :, 0] * 255).astype(np.uint8))
            pixels = _floats(colour.convert_profile(eight, profile))
    else:
        if image.mode in ("LA", "RGBA"):
            mask = image.getchannel("A")
            alpha = None if mask.getextrema() == (255, 255) else _floats(mask)
            image = image.convert(image.mode[:-1])
        pixels = _floats(colour.convert_profile(image, profile))
    if space is not None:
        colour.to_srgb(pixels, space)
        if space.bright:
            notes.append(
                "highlights of its high dynamic range, brighter than white paper, were clipped"
            )
    return Picture(pixels, alpha, origin, tuple(f"{name}: {note}" for note in notes))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation; 1 if there is none, or if EXIF is damaged."""
    with suppress(Exception):
        return int(image.getexif().get(0x0112, 1))
    return 1


def _origin(image: Image.Image) -> Origin:
    """The origin of a picture; empty if its metadata is damaged."""
    with suppress(Exception):
        return origin_in(image)
    return Origin()


def _plain(image: Image.Image) -> Image.Image:
    """Convert to a mode that can be averaged: L, LA, RGB, RGBA, CMYK, LAB, or F above 8 bits."""
    if image.mode[0] in "IF":
        return image if image.mode == "F" else tiff.numbers(image)
    if image.mode in ("LA", "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _shrunk(image: Image.Image, longest: int) -> Image.Image:
    """Reduce to `longest`: first by averaging blocks, then by Lanczos."""
    size = within(*image.size, longest)
    if size == image.size:
        return image
    blocks = max(image.size) // (2 * longest)
    if blocks > 1:
        image = image.reduce(blocks)
    return image.resize(size, Image.Resampling.LANCZOS)


def _white(image: Image.Image, whole: bool, notes: list[str]) -> float:
    """Estimate the value of white in a picture (mode F) from its values.

    A few fractions may exceed white: in bright light, or after resampling.  They must not make the
    rest of the picture black.
    """
    low, high = np.ravel(image.getextrema()).tolist()
    sample = np.asarray(image.resize(within(*image.size, _SAMPLE), Image.Resampling.NEAREST))
    if not (math.isfinite(high - low) and np.isfinite(sample).all()):
        raise BadImage(_NOT_FINITE)
    usual = high if whole else float(np.quantile(sample, 0.99))
    whites = (white for white, most in _WHITES.items() if usual <= (white if whole else most))
    white = next(whites, high)
    if white != 1 or low < 0 or high > 1:
        beyond = "; other values were clipped" if low < 0 or high > white else ""
        notes.append(
            f"its numbers, {low:.4g} to {high:.4g}, were read with 0 as black and {white:g} as "
            f"white{beyond}"
        )
    return white


def _floats(image: Image.Image) -> Floats:
    """Convert 8 bits per channel to float32 in [0, 1]."""
    pixels = np.array(image, dtype=np.float32)
    pixels /= 255
    return pixels


def _from_array(array: np.ndarray, longest: int) -> Picture:
    """Check and convert an array; see `read`."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise BadImage(
            f"an array of shape {array.shape} is not a picture; expected (h, w), (h, w, 1), (h, w, "
            "3) or (h, w, 4)"
        )
    _check_size((array.shape[1], array.shape[0]))
    if array.dtype == np.uint8:
        planes = np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array)
        with _explained("the array"):
            return _from_pillow(Image.fromarray(planes), longest, "the array", [])
    if array.dtype == np.uint16:
        pixels: Floats = array.astype(np.float32) / 65535.0
    elif array.dtype == bool or np.issubdtype(array.dtype, np.floating):
        pixels = array.astype(np.float32)
    else:
        raise BadImage(
            f"an array of {array.dtype} is not a picture; expected uint8, uint16 or float"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (-0.01 <= low <= high <= 1.01):  # also refuses NaN
        raise BadImage(f"float pixels must lie in [0, 1]; this array holds {low:g} to {high:g}")
    np.clip(pixels, 0.0, 1.0, out=pixels)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    alpha = pixels[:, :, 3] if pixels.shape[2] == 4 and pixels[:, :, 3].min() < 1 else None
    return reduce(Picture(pixels[:, :, :3], alpha), longest)
