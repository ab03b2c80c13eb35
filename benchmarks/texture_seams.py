"""How rough textures are where their sides meet, relative to elsewhere.

    python benchmarks/texture_seams.py [--count 4] [--backend onnx]

Method: the mean step from one line of pixels to the next, rows and columns; of the line where the
sides meet, divided by the mean of all ("seam", 1 for a texture that tiles), and the share of lines
that are at least as rough.  Beside them stand crops of paintings made in code, which do not tile.
The last row is the largest difference, in 255ths, of a texture painted in many windows from the
same painted at once.
"""

from __future__ import annotations

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.imaging import tiles
from styleplug.methods.texture import seam
from styleplug.swatches import SWATCHES

SIZES = (64, 100, 256, 500, 1024)
CROP = 256


def rougher(picture: np.ndarray) -> float:
    """Share of lines of a picture (h w 3) that are at least as rough as where its sides meet."""
    shares = []
    for axis in (0, 1):
        steps = np.abs(np.diff(picture, axis=axis, append=picture.take([0], axis)))
        lines = steps.mean(axis=(1 - axis, 2))
        shares.append((lines >= lines[-1]).mean())
    return float(np.mean(shares))


def main(count: int = 4, backend: str = "auto") -> None:
    """Measure and print."""
    engine = Engine()

    def made(size: int, count: int, tile: int = tiles.SIDE) -> tuple[np.ndarray, ...]:
        parameters, tiles.SIDE = {"count": count}, tile
        asked = Recipe(method="texture", size=size, backend=backend, parameters=parameters)
        *_, final = engine.run(asked, {})
        return final.images

    crops = [swatch.paint()[:CROP, :CROP] for swatch in SWATCHES.values()]
    table = Table(title=f"Textures, {count} of each size")
    for name in ("size", "seam", "largest", "lines as rough"):
        table.add_column(name, justify="right")
    for name, pictures in (*((f"{n} px", made(n, count)) for n in SIZES), ("no textures", crops)):
        seams = [seam(picture) for picture in pictures]
        lines = np.mean([rougher(picture) for picture in pictures])
        table.add_row(name, f"{np.mean(seams):.2f}", f"{max(seams):.2f}", f"{100 * lines:.0f} %")
    apart = np.abs(made(512, 1)[0] - made(512, 1, 128)[0]).max() * 255
    table.add_row("windows", "", f"{apart:.4f}", "")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
