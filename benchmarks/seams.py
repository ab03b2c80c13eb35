"""How far a picture painted by tiles is from the same picture painted at once.

    python benchmarks/seams.py [METHOD] [--size 2048] [--backend onnx]

Method: a photograph that comes with gradio, at 4:3 and so many pixels, is painted with tiles of the
usual side and then with a single tile; the difference is in 255ths, its mean over all pixels and
over strips of 8 pixels on either side of where tiles meet, and the largest there.
"""

from __future__ import annotations

import json

import numpy as np
import typer
from gradio.media import get_image
from PIL import Image
from rich.console import Console
from rich.table import Table

from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.imaging import read, tiles
from styleplug.swatches import SWATCHES

STRIP = 8


def main(
    method: str = "cnn", size: int = 2048, backend: str = "auto", parameters: str = "{}"
) -> None:
    """Paint both and print the differences."""
    engine = Engine()
    shape = (size, size * 3 // 4)
    photo = read(Image.open(get_image("lion.jpg")).convert("RGB").resize(shape))
    pictures = {"content": [photo], "style": [read(SWATCHES["waves"].paint())]}
    asked = Recipe(method=method, size=size, backend=backend, parameters=json.loads(parameters))
    usual, made = tiles.SIDE, []
    for side in (usual, size):
        tiles.SIDE = side
        *_, final = engine.run(asked, pictures)
        made.append(final.images[0])
    error = np.abs(made[0] - made[1]) * 255
    near = np.zeros(error.shape[:2], bool)
    for length, lines in zip(error.shape, (near, near.T), strict=False):
        for place in tiles.cores(length, usual, 1)[1:]:
            lines[place - STRIP : place + STRIP] = True
    table = Table(title=f"{method}, {shape[0]} × {shape[1]}, tiles of {usual}, in 255ths")
    for name in ("mean", "mean near borders", "largest near borders", "largest"):
        table.add_column(name, justify="right")
    values = (error.mean(), error[near].mean(), error[near].max(), error.max())
    table.add_row(*(f"{value:.4f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
