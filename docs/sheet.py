"""Paint the sheet of results that the README shows: photographs by swatches, default settings.

    python docs/sheet.py METHOD [--size 320] [--out docs/images/METHOD-sheet.jpg]

The photographs come with gradio, the styles are painted by `styleplug.swatches`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from gradio.media import get_image
from PIL import Image

import styleplug
from styleplug.swatches import SWATCHES

PHOTOGRAPHS = ("tower.jpg", "lion.jpg", "cheetah.jpg")
STYLES = ("night", "lilies", "glass", "waves", "mosaic", "watercolour")
GAP = 6


def tile(pixels: np.ndarray, side: int) -> Image.Image:
    """The middle square of a picture."""
    image = Image.fromarray((pixels[..., :3] * 255 + 0.5).astype(np.uint8))
    short = min(image.size)
    left, top = ((length - short) // 2 for length in image.size)
    square = image.crop((left, top, left + short, top + short))
    return square.resize((side, side), Image.Resampling.LANCZOS)


def main(
    method: str,
    size: int = 320,
    side: int = 200,
    out: Annotated[Path | None, typer.Option(help="picture to write")] = None,
) -> None:
    """Photographs down the side, styles along the top, results between them."""
    styles = [SWATCHES[name].paint() for name in STYLES]
    corner = Image.new("RGB", (side, side), "white")
    rows = [[corner, *(tile(style, side) for style in styles)]]
    for name in PHOTOGRAPHS:
        photograph = get_image(name)
        start = np.asarray(Image.open(photograph).convert("RGB"), np.float32) / 255
        results = [styleplug.stylize(photograph, s, method, size=size).array for s in styles]
        rows.append([tile(start, side), *(tile(result, side) for result in results)])
    step = side + GAP
    paper = Image.new("RGB", (step * len(rows[0]) - GAP, step * len(rows) - GAP), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            paper.paste(picture, (x * step, y * step))
    paper.save(out or Path(__file__).parent / "images" / f"{method}-sheet.jpg", quality=88)


if __name__ == "__main__":
    typer.run(main)
