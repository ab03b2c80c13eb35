"""Peak memory and time of a run on a large picture, from the file to the file.

    python benchmarks/large_picture.py [METHOD] [--size 6000] [--against 2048] [--backend onnx]
        [--finish '{"keep_colours": true, "strength": 0.8}'] [--alpha]

Method: a photograph that comes with gradio is enlarged to 3:2 at either size and saved (JPEG, or
PNG where it gets transparency).  Each size is run in a process of its own, as `styleplug run`
does it: read the files, run, write a PNG.  Seconds are those of the run alone, which begins with
nothing loaded, and of reading and writing; memory is the process's resident maximum, libraries
included.  A cost linear in pixels shows as equal seconds per megapixel at both sizes.

The method "nothing" hands its content on tile by tile: what is left is the engine's own cost.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from gradio.media import get_image
from PIL import Image
from rich.console import Console
from rich.table import Table

from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params
from styleplug.core.recipe import Finish, Recipe
from styleplug.engine import Engine, longest
from styleplug.imaging import read, write
from styleplug.imaging.tiles import by_tiles
from styleplug.methods import Catalogue, catalogue
from styleplug.swatches import SWATCHES


class Nothing(Method[Params]):
    """Hands its content on, tile by tile."""

    id = "nothing"
    title, summary, paper = "Nothing", "For comparison.", "none"
    params = Params
    inputs = (
        Slot("content", "Content", "A photograph."),
        Slot("style", "Style", "A painting."),
    )
    weights = {}  # noqa: RUF012
    tiled = True

    def run(self, images: Images, params: Params, ctx: Context) -> Iterator[Frame]:
        """Content (h w 3) to itself."""
        tiles = by_tiles(
            images["content"][0], lambda canvas: canvas, multiple=8, margin=64, check=ctx.check
        )
        for done, count, result in tiles:
            yield Frame(done, count, (result,), final=done == count)

    def work(self, params: Params, pixels: int) -> float:
        """Megapixels."""
        return pixels / 1e6


def measure(recipe: Recipe, content: Path, style: Path, out: Path) -> dict[str, float]:
    """Run once in this process, from files to a file."""
    engine = Engine(Catalogue({**catalogue().methods, "nothing": Nothing()}, {}))
    began = time.perf_counter()
    method = engine.catalogue.get(recipe.method)
    files = {"content": content, "style": style}
    sides = longest(method, recipe.size)
    given = {name: [read(files[name], longest=side)] for name, side in sides.items()}
    (last,) = deque(engine.run(recipe, given), maxlen=1)
    assert last.report is not None
    picture, report = last.images[0], last.report
    write(picture, out, report.recipe.to_json())
    for note in report.notes:
        print(note, file=sys.stderr)
    return {
        "width": report.width,
        "height": report.height,
        "run": report.seconds,
        "files": time.perf_counter() - began - report.seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _content(size: int, alpha: bool, folder: Path) -> Path:
    """A photograph of size × 2/3 size pixels, as a file."""
    image = Image.open(get_image("lion.jpg")).convert("RGB")
    image = image.resize((size, size * 2 // 3), Image.Resampling.BICUBIC)
    path = folder / f"{size}.{'png' if alpha else 'jpg'}"
    if alpha:
        ramp = np.linspace(0, 255, size).astype(np.uint8)
        image.putalpha(Image.fromarray(np.broadcast_to(ramp, (image.height, size)).copy()))
        image.save(path, compress_level=1)
    else:
        image.save(path, quality=92)
    return path


def main(
    method: str = "nothing",
    size: int = 6000,
    against: int = 2048,
    backend: str = "auto",
    parameters: str = "{}",
    finish: str = "{}",
    alpha: bool = False,
    one: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run at both sizes and print the table."""
    recipe = Recipe(
        method=method,
        size=size,
        backend=backend,
        parameters=json.loads(parameters),
        finish=Finish.of(json.loads(finish)),
    )
    if one is not None:
        found = measure(recipe, one, one.parent / "style.png", one.with_suffix(".out.png"))
        sys.stdout.write(json.dumps(found))
        return
    table = Table(title=f"{method}, {backend}, finish {finish}")
    for name in ("picture", "run s", "s / megapixel", "files s", "peak MB"):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(SWATCHES["waves"].paint(), folder / "style.png")
        for side in (against, size):
            command = [sys.executable, __file__, *sys.argv[1:], "--size", str(side)]
            command += ["--one", str(_content(side, alpha, folder))]
            out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            cost = json.loads(out)
            megapixels = cost["width"] * cost["height"] / 1e6
            table.add_row(
                f"{cost['width']} × {cost['height']}",
                f"{cost['run']:.1f}",
                f"{cost['run'] / megapixels:.2f}",
                f"{cost['files']:.1f}",
                f"{cost['peak']:.0f}",
            )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
