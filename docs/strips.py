"""Make the strips that docs/methods.md shows: one parameter of a method at several values.

    python docs/strips.py [STRIP ...]

Without names it makes all strips declared here; each goes to docs/images/STRIP.jpg.  Everything is
made by the embedded weights with seed 0; no result was chosen by its looks.  The photographs come
with gradio and matplotlib, the styles are painted by `styleplug.swatches`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from samples import INK
from sheet import GAP, WHOLE, photograph, tile

import styleplug
from styleplug.imaging import Picture, fit
from styleplug.swatches import SWATCHES

SIDE = 256  # of a picture, in pixels
CAPTION = 24  # height of a caption
HEAD = ("lion.jpg", (0.25, 0.0, 0.75, 0.5))
LION, TOWER, CHEETAH = ((name, WHOLE) for name in ("lion.jpg", "tower.jpg", "cheetah.jpg"))
Photograph = tuple[str, tuple[float, float, float, float]]
Cases = Mapping[str, Mapping[str, Any]]  # caption: parameters


def each(parameter: str, *values: Any, says: str = "") -> Cases:
    """A case for each value of a parameter."""
    return {f"{says or parameter} {value}": {parameter: value} for value in values}


@dataclass(frozen=True)
class Strip:
    """A row of pictures: the inputs, then a result for each case."""

    method: str
    cases: Cases
    content: Photograph | None = None
    styles: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    mask: tuple[float, float, float, float] | None = None  # an ellipse: x, y, and its radii
    repeat: int = 1  # how often a result is laid beside itself, each way
    spoilt: bool = False  # whether the content is blurred and compressed first

    def cells(self) -> dict[str, Image.Image]:
        """Pictures by caption."""
        given: dict[str, Any] = {"size": SIDE, **self.fixed}
        shown: dict[str, Image.Image] = {}
        if self.content:
            content = tile(photograph(*self.content), SIDE)
            content = compressed(content) if self.spoilt else content
            given["content"] = np.float32(content) / 255
            shown["content"] = content.copy()
        if self.mask:
            given["mask"] = hole = ellipse(*self.mask)
            shown["content"].paste("white", mask=Image.fromarray(np.uint8(255 * hole)))
        if self.styles:
            styles = [SWATCHES[name].paint() for name in self.styles]
            given["style"] = styles
            small = [tile(style, SIDE // 3) for style in styles]
            if self.content:
                shown["content"].paste(small[0], (2 * SIDE // 3, 2 * SIDE // 3))
                shown["content and style"] = shown.pop("content")
            else:
                shown["style"] = tile(styles[0], SIDE)
        for caption, asked in self.cases.items():
            made = styleplug.generate(self.method, **given | asked).images
            shown[caption] = squared([tiled(one, self.repeat) for one in made])
        return shown


def compressed(picture: Image.Image) -> Image.Image:
    """A picture blurred, and written as JPEG of quality 20."""
    file = BytesIO()
    picture.filter(ImageFilter.GaussianBlur(1.2)).save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def ellipse(x: float, y: float, width: float, height: float) -> np.ndarray:
    """A mask (SIDE SIDE), from shares of the side."""
    down, across = np.mgrid[:SIDE, :SIDE] / np.float32(SIDE)
    return np.float32(np.hypot((across - x) / width, (down - y) / height) < 1)


def tiled(picture: np.ndarray, times: int) -> np.ndarray:
    """A picture (h w 3) beside itself, and above."""
    return np.tile(picture, (times, times, 1))


def squared(pictures: list[np.ndarray]) -> Image.Image:
    """Pictures (h w 3) in a square of SIDE pixels, as many in a row as in a column."""
    across = math.isqrt(len(pictures) - 1) + 1
    side = (SIDE - 2 * (across - 1)) // across
    paper = Image.new("RGB", (SIDE, SIDE), "white")
    for number, picture in enumerate(pictures):
        small = Image.fromarray(np.uint8(fit(Picture(picture), side).pixels * 255 + 0.5))
        left, top = (place * (side + 2) for place in (number % across, number // across))
        paper.paste(small, (left, top + (side - small.height) // 2))
    return paper


STRIPS = {
    "cnn-style_weight": Strip(
        "cnn", each("style_weight", 0, 0.5, 1, 2), content=LION, styles=("waves",)
    ),
    "cnn-content_weight": Strip(
        "cnn", each("content_weight", 0.5, 0.75, 1, 2), content=TOWER, styles=("night",)
    ),
    "cnn-style_scale": Strip(
        "cnn", each("style_scale", 0.5, 1, 1.5, 2), content=CHEETAH, styles=("mosaic",)
    ),
    "gatys-style_weight": Strip(
        "gatys", each("style_weight", 1, 5, 20, 200), content=LION, styles=("waves",)
    ),
    "gatys-style_scale": Strip(
        "gatys", each("style_scale", 0.5, 1, 2, 4), content=CHEETAH, styles=("mosaic",)
    ),
    "gatys-init": Strip(
        "gatys",
        each("init", "draft", "content", "style", "noise"),
        content=TOWER,
        styles=("night",),
    ),
    "autoencoder-transform": Strip(
        "autoencoder",
        each("transform", "transport", "whitening", "adain", "mix"),
        content=LION,
        styles=("waves",),
    ),
    "autoencoder-levels": Strip(
        "autoencoder",
        {
            f"only {level}": {"forms": 0, "texture": 0, "strokes": 0, "colours": 0, level: 1}
            for level in ("forms", "texture", "strokes", "colours")
        },
        content=TOWER,
        styles=("night",),
    ),
    "autoencoder-detail": Strip(
        "autoencoder", each("detail", 0, 0.35, 0.7, 1), content=CHEETAH, styles=("glass",)
    ),
    "vae-mode": Strip(
        "vae",
        {
            "statistics": {},
            "noise": {"mode": "noise"},
            "shift, weight 0.5": {"mode": "shift", "style_weight": 0.5},
            "slerp, weight 0.5": {"mode": "slerp", "style_weight": 0.5},
        },
        content=LION,
        styles=("waves",),
    ),
    "vae-style_weight": Strip(
        "vae", each("style_weight", 0, 0.5, 1, 2), content=TOWER, styles=("night",)
    ),
    "vae-grain": Strip("vae", each("grain", 0, 0.1, 0.2, 0.5), content=TOWER, styles=("lilies",)),
    "texture-variation": Strip(
        "texture", each("variation", 0, 0.3, 0.6, 1), styles=("waves",), fixed={"count": 4}
    ),
    "texture-temperature": Strip(
        "texture", each("temperature", 0.2, 0.6, 1, 2), styles=("mosaic",), fixed={"count": 1}
    ),
    "texture-tiles": Strip(
        "texture",
        {f"seed {seed}, 3 by 3": {"seed": seed} for seed in range(5)},
        fixed={"count": 1, "size": 96},
        repeat=3,
    ),
    "cyclegan-brush": Strip(
        "cyclegan", each("brush", 1, 1.5, 2, 3), content=TOWER, fixed={"painter": "impressionism"}
    ),
    "cyclegan-grain": Strip("cyclegan", each("grain", 0, 0.5, 1, 2), content=CHEETAH),
    "enhance-strength": Strip("enhance", each("strength", 0, 0.5, 1), content=CHEETAH, spoilt=True),
    "enhance-reduce": Strip("enhance", each("reduce", "1", "2", "4"), content=HEAD, spoilt=True),
    "completion-detail": Strip(
        "completion",
        each("detail", "both", "patches", "net"),
        content=LION,
        fixed={"count": 1},
        mask=(0.09, 0.8, 0.12, 0.19),
    ),
    "completion-margin": Strip(
        "completion", each("margin", 10, 20, 30, 50), content=TOWER, fixed={"count": 1}
    ),
    "dcgan-truncation": Strip("dcgan", each("truncation", 0, 0.4, 0.7, 1), fixed={"count": 4}),
    "dcgan-position": Strip(
        "dcgan", each("position", 0, 0.25, 0.5, 0.75, 1), fixed={"count": 1, "walk_to": 2}
    ),
    "gan-truncation": Strip("gan", each("truncation", 0, 0.4, 0.7, 1), fixed={"count": 4}),
    "gan-position": Strip(
        "gan", each("position", 0, 0.25, 0.5, 0.75, 1), fixed={"count": 1, "walk_to": 2}
    ),
    "cgan-mix": Strip("cgan", each("mix", 0, 0.25, 0.5, 0.75, 1), fixed={"count": 4}),
    "digits-mix": Strip(
        "cgan",
        each("mix", 0, 0.25, 0.5, 0.75, 1),
        fixed={"pictures": "digits", "digit": 3, "second_digit": 8, "count": 4},
    ),
    "cgan-truncation": Strip("cgan", each("truncation", 0, 0.4, 0.7, 1), fixed={"count": 4}),
    "cnn-mask": Strip(
        "cnn",
        {**each("mask_feather", 0, 0.05, 0.2), "mask_invert": {"mask_invert": True}},
        content=HEAD,
        styles=("waves",),
        mask=(0.5, 0.5, 0.33, 0.42),
    ),
    "cnn-keep_colours_by": Strip(
        "cnn",
        {
            "not kept": {},
            **{
                f"keep_colours_by {way}": {"keep_colours": True, "keep_colours_by": way}
                for way in ("luma", "result", "style")
            },
        },
        content=LION,
        styles=("waves",),
    ),
}


def main(
    strips: Annotated[list[str] | None, typer.Argument(help="their names; all without")] = None,
) -> None:
    """Write the strips."""
    font = ImageFont.load_default(size=14)
    for name in strips or STRIPS:
        cells = STRIPS[name].cells()
        width = len(cells) * (SIDE + GAP) - GAP
        paper = Image.new("RGB", (width, SIDE + CAPTION), "white")
        for number, (caption, picture) in enumerate(cells.items()):
            left = number * (SIDE + GAP)
            paper.paste(picture, (left, 0))
            where = (left + SIDE // 2, SIDE + CAPTION // 2)
            ImageDraw.Draw(paper).text(where, caption, INK, font, "mm")
        paper.save(Path(__file__).parent / "images" / f"{name}.jpg", quality=80)


if __name__ == "__main__":
    typer.run(main)
