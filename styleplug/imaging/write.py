"""Write pictures: round and encode."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import (  # the plug-ins register their formats in Image.SAVE
    AvifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from styleplug.core.array import Bytes, Pixels
from styleplug.core.errors import OutputError
from styleplug.imaging.metadata import Origin, save_options
from styleplug.imaging.picture import Picture, bands
from styleplug.imaging.video_write import CODECS, encode_video
from styleplug.system.extras import require
from styleplug.system.files import write_file

ENDINGS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Endings of picture files that can be written, and their formats."""
MOVING = {".png": "PNG", ".webp": "WEBP", **{ending: ending[1:].upper() for ending in CODECS}}
"""Endings of animations and their formats; videos need an extra."""
_SAVING: dict[
    str, dict[str, Any]
] = {  # no chroma subsampling, because brush marks have fine colour detail
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90, "subsampling": "4:4:4", "speed": 8},  # twice as fast as 6
    "TIFF": {"compression": "tiff_adobe_deflate"},
}


def format_of(path: Path, *, animated: bool = False) -> str:
    """The format ("PNG", "JPEG", "WEBP", "MP4") for the ending of a file name.

    Raises:
        OutputError: this ending cannot be written.
        UsageError: it is that of a video, and packages are missing.
    """
    ending, known = path.suffix.lower(), MOVING if animated else ENDINGS
    if ending not in known:
        what = f"an animation as {path.name!r}" if animated else repr(path.name)
        raise OutputError(f"cannot write {what}: its ending must be one of {', '.join(known)}")
    if ending in CODECS:
        require("video", "video")
    return known[ending]


def encode(
    picture: Picture | Pixels,
    format: str = "png",
    recipe: str | None = None,
    origin: Origin | None = None,
) -> bytes:
    """The bytes of a picture file.

    Args:
        picture: a Picture, or (h, w, 3) or (h, w, 4) float in [0, 1].
        format: an ending of ENDINGS; for JPEG, transparent parts become white.
        recipe: text of the recipe, stored in the file.
        origin: origin of the input picture, stored in the file.

    Raises:
        OutputError: unknown format, values that are not finite, or too large for the format.
    """
    kind = format_of(Path(f"picture.{format.lower()}"))
    options = {**_SAVING[kind], **save_options(kind, recipe, origin)}
    return _saved(Image.fromarray(_quantised(picture, opaque=kind == "JPEG")), kind, options)


def encode_animation(
    pictures: Sequence[Pixels],
    fps: float,
    format: str = "webp",
    recipe: str | None = None,
    origin: Origin | None = None,
) -> bytes:
    """The bytes of an animation, in an endless loop if it is not a video.

    Args:
        pictures: (h, w, 3) or (h, w, 4) float in [0, 1], one or more, all of one shape.
        fps: pictures per second.
        format: "webp", "png", or one of a video such as "mp4".
        recipe: as for `encode`.
        origin: as for `encode`.

    Raises:
        OutputError: as for `encode`.
    """
    kind = format_of(Path(f"picture.{format.lower()}"), animated=True)
    if (ending := f".{kind.lower()}") in CODECS:
        return encode_video(pictures, fps, ending, recipe or "")
    first, *others = (Image.fromarray(_quantised(one, opaque=False)) for one in pictures)
    moving = {"save_all": True, "append_images": others, "duration": round(1000 / fps), "loop": 0}
    return _saved(first, kind, {**_SAVING[kind], **moving, **save_options(kind, recipe, origin)})


def write(
    picture: Picture | Pixels,
    path: Path,
    recipe: str | None = None,
    origin: Origin | None = None,
) -> None:
    """Write a picture file, completely or not at all; the ending decides the format.

    Raises:
        OutputError: unknown ending, missing or read-only folder, full disk …
    """
    write_file(path, encode(picture, format_of(path).lower(), recipe, origin))


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    """The bytes of a file of this format."""
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except (OSError, ValueError, MemoryError) as error:
        raise OutputError(
            f"{image.width} × {image.height} pixels cannot be written as {kind} ({error}); "
            "use PNG or a smaller size"
        ) from error
    return file.getvalue()


def _quantised(picture: Picture | Pixels, *, opaque: bool) -> Bytes:
    """Round to (h, w, 3) or (h, w, 4) uint8."""
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
