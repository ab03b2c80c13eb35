"""Make the sheets that docs/methods.md shows: each number of a method at both ends of its range.

    python docs/ends.py [METHOD ...]

A sheet has a row for each parameter: the smallest value, the default and the largest value.  It
goes to docs/images/METHOD-ends.jpg.  Everything is made by the embedded weights with the default
seed; no result was chosen by its looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFont
from samples import INK
from sheet import GAP, photograph, tile
from strips import CAPTION, LION, ellipse, squared

import styleplug
from styleplug.core.method import Method
from styleplug.core.params import bounds_of
from styleplug.swatches import SWATCHES

SIDE = 200  # of a picture on a sheet, in pixels
PAINTED = 256  # of a result, in pixels
BESIDES: Mapping[tuple[str, str], Mapping[str, Any]] = {  # what a parameter needs to have an effect
    ("autoencoder", "content_weight"): {"transform": "mix"},
    ("autoencoder", "style_weight"): {"transform": "mix"},
    ("texture", "truncation"): {"style": None},
    ("texture", "position"): {"style": None},
}
UNSHOWN = {"count", "walk", "walk_to"}  # how many pictures, or another seed


def ends(method: Method[Any]) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The numbers of a method with their smallest value, default and largest value."""
    for name, info in method.params.model_fields.items():
        low, high = bounds_of(info)
        if name not in UNSHOWN and low is not None and high is not None:
            yield name, (low, info.default, high)


def given(method: Method[Any]) -> dict[str, Any]:
    """Pictures, and few samples, for a run."""
    pictures = {"content": np.float32(tile(photograph(*LION), PAINTED)) / 255}
    pictures["style"] = SWATCHES["waves"].paint()
    pictures["mask"] = ellipse(0.09, 0.8, 0.12, 0.19)
    found: dict[str, Any] = {slot.id: pictures[slot.id] for slot in method.inputs}
    return found | ({"count": 4} if "count" in method.params.model_fields else {})


def sheet(method: Method[Any]) -> Image.Image:
    """Rows of three pictures with captions."""
    rows = list(ends(method))
    step, font = SIDE + GAP, ImageFont.load_default(size=13)
    paper = Image.new("RGB", (3 * step - GAP, len(rows) * (SIDE + CAPTION)), "white")
    for row, (name, values) in enumerate(rows):
        for column, value in enumerate(values):
            asked = {**given(method), **BESIDES.get((method.id, name), {}), name: value}
            asked = {one: asked[one] for one in asked if asked[one] is not None}
            made = styleplug.generate(method.id, size=PAINTED, **asked).images
            left, top = column * step, row * (SIDE + CAPTION)
            paper.paste(squared(list(made)).resize((SIDE, SIDE)), (left, top))
            where = (left + SIDE // 2, top + SIDE + CAPTION // 2)
            ImageDraw.Draw(paper).text(where, f"{name} {value:g}", INK, font, "mm")
    return paper


def main(
    methods: Annotated[list[str] | None, typer.Argument(help="whose sheets; all without")] = None,
) -> None:
    """Write the sheets."""
    known = styleplug.methods()
    for id in methods or known:
        sheet(known[id]).save(Path(__file__).parent / "images" / f"{id}-ends.jpg", quality=80)


if __name__ == "__main__":
    typer.run(main)
