"""Pictures going out: rounding and encoding."""

from __future__ import annotations

import io
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import (  # the plug-ins register their formats in Image.SAVE
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from styleplug.core import webptext
from styleplug.core.errors import OutputError
from styleplug.core.files import write_file
from styleplug.core.picture import Picture, bands
from styleplug.core.pngtext import MAX_RECIPE
from styleplug.core.recipe import PNG_KEY

ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""What is written."""
MOVING = tuple(ending for ending, kind in ENDINGS.items() if kind != "JPEG")
"""What animations are written as."""
_VIDEO = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi")  # what FFmpeg makes of an animated PNG
_SAVING = {  # JPEG without chroma subsampling: strokes are as fine in colour as in light
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


def format_of(path: Path, *, animated: bool = False) -> str:
    """The format ("PNG", "JPEG", "WEBP") that a file name's ending asks for.

    Args:
        path: of the file.
        animated: it is to hold an animation.

    Raises:
        OutputError: an ending that is not written.
    """
    ending, known = path.suffix.lower(), MOVING if animated else tuple(ENDINGS)
    if ending not in known:
        what = f"an animation as {path.name!r}" if animated else repr(path.name)
        asked = f"cannot write {what}: its ending must be one of {', '.join(known)}"
        raise OutputError(asked + (_as_video(path) if animated and ending in _VIDEO else ""))
    return ENDINGS[ending]


def _as_video(path: Path) -> str:
    """How a video is made of an animation, since that takes encoders which are not free to all."""
    png = path.with_suffix(".png").name
    command = shlex.join(["ffmpeg", "-i", png, "-pix_fmt", "yuv420p", path.name])
    return f"; write {png!r}, and FFmpeg makes a video of it: {command}"


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
    options = {**_SAVING[kind], **_note(recipe, kind)}
    return _saved(Image.fromarray(_quantised(picture, opaque=kind == "JPEG")), kind, options)


def encode_animation(
    pictures: Sequence[np.ndarray], fps: float, format: str = "webp", recipe: str | None = None
) -> bytes:
    """The bytes of an animation that goes on for ever.

    Args:
        pictures: (h, w, 3) or (h, w, 4) float in [0, 1], one or more, all of one shape.
        fps: so many of them a second.
        format: "webp" or "png".
        recipe: text kept inside.

    Raises:
        OutputError: as of `encode`.
    """
    kind = format_of(Path(f"picture.{format.lower()}"), animated=True)
    first, *others = (Image.fromarray(_quantised(one, opaque=False)) for one in pictures)
    moving = {"save_all": True, "append_images": others, "duration": round(1000 / fps), "loop": 0}
    data = _saved(first, kind, {**_SAVING[kind], **moving, **_note(recipe, kind)})
    return data if recipe is None or kind != "WEBP" else webptext.signed(data, recipe)


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


def _note(recipe: str | None, kind: str) -> dict[str, object]:
    """What Pillow is told of a recipe, where it is to be kept in a PNG."""
    if recipe is not None and len(recipe.encode(errors="replace")) > MAX_RECIPE:
        raise OutputError(f"the recipe is longer than the {MAX_RECIPE} bytes that are kept")
    if recipe is None or kind != "PNG":
        return {}
    info = PngImagePlugin.PngInfo()
    info.add_itxt(PNG_KEY, recipe)
    return {"pnginfo": info}


def _saved(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    """The bytes of a file of this format."""
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except (OSError, ValueError, MemoryError) as error:
        raise OutputError(
            f"{image.width} × {image.height} pixels cannot be written as {kind} ({error}); "
            "use PNG, or a smaller size"
        ) from error
    return file.getvalue()


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
