"""How near to the truth is what `completion` paints, and does its border show?

    python benchmarks/completion.py --photos DIR --teacher FILE [--weights DIR] [--size 384]
        [--count 12] [--out DIR]

Method: of pictures that training never saw, a part is taken away and completed again: strokes,
an ellipse of a tenth of the picture, or a margin of a sixth of the shorter side all around.  The
rivals are what takes no method: the mean colour of what is left, and shades between the colours
at the border.

psnr      of what was missing, in decibels.  Many completions are right and this knows but one of
          them, so that shades do well: read it together with the others.
features  relative squared error of SqueezeNet's features (conv1 … fire7), whole picture.
texture   sliced Wasserstein distance of 7×7 patches of what was missing to the true ones, as a
          share of that of the mean colour: no net has a say.
border    mean jump across the border by that of neighbours beside it; 1 shows nothing.
variety   mean absolute difference of two proposals where they were painted.
seconds   a proposal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from judge import patch_distance
from rich.console import Console
from rich.table import Table

import styleplug
from styleplug.core.image import fit, read, write
from styleplug.core.seam import smoothest, visible
from styleplug.nets import squeezenet
from styleplug.training.pictures import SUFFIXES

Array = np.ndarray
Filler = Callable[[Array, Array], list[Array]]
LEAST = 64  # pixels, side of a window of which patches are compared
KINDS = ("strokes", "ellipse", "margin")


def hole(kind: str, height: int, width: int) -> Array:
    """What is taken away (h w)."""
    y, x = np.mgrid[:height, :width]
    if kind == "ellipse":
        return ((y / height - 0.5) / 0.18) ** 2 + ((x / width - 0.5) / 0.18) ** 2 < 1
    if kind == "strokes":
        wave = np.abs(0.5 * height + 0.2 * height * np.sin(9 * x / width) - y)
        return (wave < 0.02 * height) | (np.abs(x * height / width - y) < 0.02 * height)
    side = min(height, width) // 8
    mask = np.ones((height, width), bool)
    mask[side:-side, side:-side] = False
    return mask


def mean_colour(picture: Array, mask: Array) -> list[Array]:
    """The first rival."""
    result = picture.copy()
    result[mask] = picture[~mask].mean(0)
    return [result]


def shades(picture: Array, mask: Array) -> list[Array]:
    """The second rival."""
    return [smoothest(picture, ~mask, mask)]


def by_method(detail: str, weights: Path | None, backend: str) -> Filler:
    """The method itself; margins are given as a mask, so that all are asked the same."""
    trained = None if detail == "patches" else weights

    def filled(picture: Array, mask: Array) -> list[Array]:
        marks = np.repeat(mask[:, :, None], 3, axis=2).astype(np.float32)
        asked = {"detail": detail, "count": 2, "widen": 0, "size": max(mask.shape)}
        found = styleplug.generate(
            "completion", content=picture, mask=marks, weights=trained, backend=backend, **asked
        )
        return list(found.images)

    return filled


class Eyes:
    """SqueezeNet's features."""

    def __init__(self, teacher: Path):
        self.net = squeezenet.load(teacher)

    @torch.no_grad()
    def apart(self, found: Array, wanted: Array) -> float:
        """Relative squared error of features of pictures (h w 3)."""
        planes = [torch.from_numpy(one.transpose(2, 0, 1)[None].copy()) for one in (found, wanted)]
        now, then = (self.net(one) for one in planes)
        errors = [
            (now[tap] - then[tap]).square().sum() / then[tap].square().sum()
            for tap in squeezenet.STYLE_TAPS
        ]
        return float(torch.stack(errors).mean())


def texture(found: Array, wanted: Array, mask: Array) -> float:
    """Distance of patches of what was missing, in a window that holds patches of all sizes."""
    spans = []
    for axis, length in ((1, mask.shape[0]), (0, mask.shape[1])):
        places = np.flatnonzero(mask.any(axis))
        stop = min(length, max(places[-1] + 1, places[0] + LEAST))
        spans.append(slice(max(0, min(places[0], stop - LEAST)), stop))
    return patch_distance(found[tuple(spans)], wanted[tuple(spans)])


def scores(
    fill: Filler, pictures: list[Array], kind: str, eyes: Eyes
) -> tuple[list[float], list[Array]]:
    """Means over pictures, and the first proposals."""
    rows, shown = [], []
    for picture in pictures:
        mask = hole(kind, *picture.shape[:2])
        spoilt = np.where(mask[:, :, None], np.float32(0.5), picture)
        started = time.perf_counter()
        found = fill(spoilt, mask)
        seconds = (time.perf_counter() - started) / len(found)
        first, last = found[0], found[-1]
        dull = texture(mean_colour(spoilt, mask)[0], picture, mask)
        rows.append(
            [
                -10 * np.log10(np.square(first - picture)[mask].mean()),
                eyes.apart(first, picture),
                texture(first, picture, mask) / dull,
                visible(first, mask),
                np.abs(first - last)[mask].mean(),
                seconds,
            ]
        )
        shown.append(first)
    return np.mean(rows, axis=0).tolist(), shown


def sheet(rows: list[list[Array]]) -> Array:
    """Rows of pictures, cut to the smallest."""
    height, width = (min(one.shape[axis] for row in rows for one in row) for axis in (0, 1))
    return np.concatenate(
        [np.concatenate([one[:height, :width] for one in row], axis=1) for row in rows]
    )


def main(
    photos: Annotated[Path, typer.Option(help="folder of pictures that training never saw")],
    teacher: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    weights: Annotated[Path | None, typer.Option(help="folder of a training run")] = None,
    size: int = 384,
    count: int = 12,
    backend: str = "onnx",
    out: Annotated[Path | None, typer.Option(help="folder for sheets")] = None,
) -> None:
    """Print the table."""
    files = sorted(file for file in photos.iterdir() if file.suffix.lower() in SUFFIXES)
    files = files[:: max(1, len(files) // count)][:count]
    pictures = [fit(read(file), size).pixels for file in files]
    fillers: dict[str, Filler] = {"mean colour": mean_colour, "shades": shades}
    fillers |= {name: by_method(name, weights, backend) for name in ("patches", "net", "both")}
    eyes, table = Eyes(teacher), Table(title=f"completion at {size} px, {len(pictures)} pictures")
    for column in ("missing", "by", "psnr", "features", "texture", "border", "variety", "seconds"):
        table.add_column(column)
    for kind in KINDS:
        masked = [np.where(hole(kind, *p.shape[:2])[:, :, None], 1, p) for p in pictures]
        shown = [pictures, masked]
        for name, fill in fillers.items():
            found, made = scores(fill, pictures, kind, eyes)
            psnr, features, rough, border, variety, seconds = found
            table.add_row(
                kind,
                name,
                f"{psnr:.1f}",
                f"{features:.3f}",
                f"{rough:.2f}",
                f"{border:.2f}",
                f"{variety:.3f}",
                f"{seconds:.2f}",
            )
            shown.append(made)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            write(sheet(shown), out / f"completion-{kind}.png")
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
