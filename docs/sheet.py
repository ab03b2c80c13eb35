"""Paint the sheets that docs/methods.md shows: photographs by swatches, default settings.

    python docs/sheet.py METHOD [--size 320] [--out docs/images/METHOD-sheet.jpg]

The photographs come with gradio and matplotlib, the styles are painted by `styleplug.swatches`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from gradio.media import get_image
from matplotlib.cbook import get_sample_data
from PIL import Image, ImageOps

import styleplug
from styleplug.swatches import SWATCHES

WHOLE = (0.0, 0.0, 1.0, 1.0)
PHOTOGRAPHS = (  # file, and the part of it: left, top, right, bottom
    ("tower.jpg", WHOLE),
    ("lion.jpg", WHOLE),
    ("cheetah.jpg", WHOLE),
    ("cheetah1.jpg", WHOLE),
    ("grace_hopper.jpg", (0.0, 0.0, 1.0, 0.8)),
    ("lion.jpg", (0.25, 0.0, 0.75, 0.5)),
)
STYLES = ("night", "lilies", "glass", "waves", "mosaic", "watercolour")
GAP = 6


def photograph(name: str, part: tuple[float, float, float, float]) -> np.ndarray:
    """A part of a photograph, (h w 3) in [0, 1]."""
    theirs = name == "grace_hopper.jpg"
    with Image.open(
        get_sample_data(name, asfileobj=False) if theirs else get_image(name)
    ) as opened:
        image = opened.convert("RGB")
    box = [round(share * side) for share, side in zip(part, image.size * 2, strict=True)]
    return np.asarray(image.crop(box), np.float32) / 255


def tile(pixels: np.ndarray, side: int) -> Image.Image:
    """The middle square of a picture."""
    image = Image.fromarray((pixels[..., :3] * 255 + 0.5).astype(np.uint8))
    return ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)


def main(
    method: str,
    size: int = 320,
    side: int = 156,
    out: Annotated[Path | None, typer.Option(help="picture to write")] = None,
) -> None:
    """Photographs down the side, styles along the top, results between them."""
    styles = [SWATCHES[name].paint() for name in STYLES]
    corner = Image.new("RGB", (side, side), "white")
    rows = [[corner, *(tile(style, side) for style in styles)]]
    for name, part in PHOTOGRAPHS:
        start = photograph(name, part)
        results = [styleplug.stylize(start, s, method, size=size).array for s in styles]
        rows.append([tile(start, side), *(tile(result, side) for result in results)])
    step = side + GAP
    paper = Image.new("RGB", (step * len(rows[0]) - GAP, step * len(rows) - GAP), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            paper.paste(picture, (x * step, y * step))
    paper.save(out or Path(__file__).parent / "images" / f"{method}-sheet.jpg", quality=88)


if __name__ == "__main__":
    typer.run(main)
