"""Pictures going out: rounding and encoding."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import (  # the plug-ins register their formats in Image.SAVE
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from styleplug.core.errors import OutputError
from styleplug.core.files import write_file
from styleplug.core.picture import Picture, bands
from styleplug.core.pngtext import MAX_RECIPE
from styleplug.core.recipe import PNG_KEY

ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""What is written."""
_SAVING = {  # JPEG without chroma subsampling: strokes are as fine in colour as in light
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


def format_of(path: Path) -> str:
    """The format ("PNG", "JPEG", "WEBP") that a file name's ending asks for.

    Raises:
        OutputError: an ending that is not written.
    """
    try:
        return ENDINGS[path.suffix.lower()]
    except KeyError:
        raise OutputError(
            f"cannot write {path.name!r}: its ending must be one of {', '.join(ENDINGS)}"
        ) from None


def encode(picture: Picture | np.ndarray, format: str = "png", recipe: str | None = None) -> bytes:
    """The bytes of a picture file.

    Args:
        picture: a Picture, or (h, w, 3) or (h, w, 4) float in [0, 1].
        format: "png", "jpeg", "jpg" or "webp"; JPEG, which has no transparency, gets it on white.
        recipe: text kept inside a PNG; other formats cannot carry it.

    Raises:
        OutputError: an unknown format, no finite picture, or one too large for the format.
    """
    kind = format_of(Path(f"picture.{format.lower()}"))
    options: dict[str, object] = dict(_SAVING[kind])
    if recipe is not None and kind == "PNG":
        if len(recipe.encode(errors="replace")) > MAX_RECIPE:
            raise OutputError(f"the recipe is longer than the {MAX_RECIPE} bytes that are kept")
        info = PngImagePlugin.PngInfo()
        info.add_itxt(PNG_KEY, recipe)
        options["pnginfo"] = info
    image = Image.fromarray(_quantised(picture, opaque=kind == "JPEG"))
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except (OSError, ValueError, MemoryError) as error:
        raise OutputError(
            f"{image.width} × {image.height} pixels cannot be written as {kind} ({error}); "
            "use PNG, or a smaller size"
        ) from error
    return file.getvalue()


def write(picture: Picture | np.ndarray, path: Path, recipe: str | None = None) -> None:
    """Write a picture file wholly or not at all; the format follows from the ending.

    Args:
        picture: as for `encode`.
        path: the file, replaced where it exists.
        recipe: as for `encode`.

    Raises:
        OutputError: unknown ending, folder missing or read-only, disk full …
    """
    write_file(path, encode(picture, format_of(path).lower(), recipe))


def _quantised(picture: Picture | np.ndarray, *, opaque: bool) -> np.ndarray:
    """To (h, w, 3) or (h, w, 4) uint8, each value to the nearest."""
    whole = picture if isinstance(picture, Picture) else Picture(picture)
    pixels, alpha = whole.pixels, whole.alpha
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or not pixels.size:
        raise OutputError(f"expected pixels of shape (h, w, 3) or (h, w, 4), got {pixels.shape}")
    if pixels.shape[2] == 4:
        pixels, alpha = pixels[:, :, :3], pixels[:, :, 3]
    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3 if opaque or alpha is None else 4), np.uint8)
    for rows in bands(height, width):
        band = pixels[rows]
        if alpha is not None:
            seen = alpha[rows, :, None]
            band = band * seen + (1 - seen) if opaque else np.concatenate([band, seen], axis=2)
        if not np.isfinite(band).all():
            raise OutputError("the picture holds values that are not finite; nothing was written")
        result[rows] = np.rint(np.clip(band, 0.0, 1.0) * 255)
    return result
