"""Make the thumbnails of presets: `python docs/presets.py [METHOD …] [--sheet FILE]`.

Each goes to styleplug/methods/presets/METHOD-NAME.webp, made by the embedded weights.  With
--sheet, all are put on one sheet as well, a row for each method, to look at.  The photograph comes
with gradio, the styles are painted by `styleplug.swatches`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageOps
from sheet import WHOLE, photograph

import styleplug
from styleplug.core.method import Method
from styleplug.engine import shared
from styleplug.imaging import fit, resize
from styleplug.imaging.picture import Picture
from styleplug.imaging.sheet import grid
from styleplug.swatches import SWATCHES

FOLDER = Path(__file__).parents[1] / "styleplug" / "methods" / "presets"
SIDE, QUALITY = 144, 70
PAINTED = 384  # long side of a result with inputs
PHOTO, STYLE = "lion.jpg", "night"
MOST = 9  # pictures of a gallery that are shown
PART = (60, 70)  # top and left of the part that shows a completion


def pictures(method: Method[Any], values: dict[str, Any]) -> dict[str, Any]:
    """The inputs for a preset."""
    slots = {slot.id: slot for slot in method.inputs}
    lion = fit(Picture(photograph(PHOTO, WHOLE)), PAINTED).pixels
    given: dict[str, Any] = {"content": lion} if "content" in slots else {}
    if "style" in slots and (slots["style"].least or "variation" in values):
        given["style"] = SWATCHES[STYLE].paint()
    if method.enlarges:
        given["content"] = fit(Picture(lion), PAINTED // 4).pixels
    if "mask" in slots and not values.get("margin"):
        given["mask"] = scratches(*lion.shape[:2])
        given["content"] = np.where(given["mask"] > 0, np.float32(1), lion)
    return given


def scratches(height: int, width: int) -> np.ndarray:
    """A mask (h w 3): two lines across a picture."""
    y, x = np.mgrid[:height, :width] / np.float32(max(height, width))
    lines = (np.abs(0.45 + 0.15 * np.sin(9 * x) - y) < 0.02) | (np.abs(x - y - 0.1) < 0.02)
    return np.repeat(lines[:, :, None], 3, axis=2).astype(np.float32)


def paint(method: Method[Any], name: str) -> Image.Image:
    """The thumbnail of a preset."""
    values = dict(method.presets[name])
    given = pictures(method, values)
    size = {"size": PAINTED} if given else {}
    made = styleplug.generate(method.id, preset=name, **given, **size)
    if "mask" in {slot.id for slot in method.inputs}:
        after = made.images[0][:, :, :3]
        return framed(after, given["content"]) if "margin" in values else halved(after, given)
    if method.enlarges:
        height, width = made.images[0].shape[:2]
        return halved(made.images[0], {"content": resize(given["content"], width, height)})
    some = made.images[:: max(1, len(made.images) // 4)][:4] if made.report.fps else made.images
    shown = some[0] if given and "content" in given else grid(some[:MOST])
    return ImageOps.fit(image(shown[:, :, :3]), (SIDE, SIDE), centering=(0.5, 0.3))


def image(pixels: np.ndarray) -> Image.Image:
    """A picture (h w 3) in [0, 1]."""
    return Image.fromarray(np.uint8(pixels * 255 + 0.5))


def framed(after: np.ndarray, before: np.ndarray) -> Image.Image:
    """All of a widened picture, with a frame where it ended before."""
    (height, width), (high, wide) = after.shape[:2], before.shape[:2]
    shown, (left, top) = image(after), ((width - wide) // 2, (height - high) // 2)
    ImageDraw.Draw(shown).rectangle(
        (left, top, left + wide, top + high), outline="white", width=max(3, width // 100)
    )
    return ImageOps.pad(shown, (SIDE, SIDE), color="#e4e4e7")


def halved(after: np.ndarray, given: dict[str, Any]) -> Image.Image:
    """A part of a result in full size, below the same part of what was given."""
    y, x = np.mgrid[:SIDE, :SIDE]
    top, left = PART
    parts = [one[top : top + SIDE, left : left + SIDE] for one in (given["content"], after)]
    return image(np.where((x + y < SIDE)[:, :, None], *parts))


def main(
    methods: Annotated[list[str] | None, typer.Argument(help="whose presets; all without")] = None,
    sheet: Annotated[Path | None, typer.Option(help="a sheet to look at")] = None,
) -> None:
    """Write the thumbnails."""
    FOLDER.mkdir(exist_ok=True)
    rows = []
    for id in methods or styleplug.methods():
        found = shared().catalogue.get(id)
        row = {name: paint(found, name) for name in found.presets}
        for name, picture in row.items():
            picture.save(FOLDER / f"{id}-{name}.webp", quality=QUALITY, method=6)
        rows.append((id, row))
    if sheet:
        paper = Image.new("RGB", (6 * (SIDE + 8), len(rows) * (SIDE + 8)), "white")
        for y, (_, row) in enumerate(rows):
            for x, picture in enumerate(row.values()):
                paper.paste(picture, (x * (SIDE + 8), y * (SIDE + 8)))
        paper.save(sheet)


if __name__ == "__main__":
    typer.run(main)
