"""How near to the truth is what `completion` paints, and does its border show?

    python benchmarks/completion.py --photos DIR --teacher FILE [--weights DIR] [--size 256]
        [--count 8] [--out DIR]

Method: of pictures that training never saw, a part is taken away and completed again: strokes
(a twelfth of the picture), an ellipse (a tenth), or a margin of an eighth of the shorter side
all around (four tenths).  The rivals are what takes no method: the mean colour of what is left,
and shades between the colours at the border.  The truth itself is scored as well, for the scale.

psnr      of what was missing, in decibels.  Many completions are right and this knows but one of
          them, so that shades do well: read it together with the others.
features  relative squared error of SqueezeNet's features (conv1 … fire7), whole picture.
texture   sliced Wasserstein distance of the 7×7 patches that touch what was missing to the true
          ones there, at four sizes, as a share of that of the mean colour: no net has a say.
sharpness mean difference of neighbours where it was painted by that of the truth; blur is less.
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
import torch.nn.functional as F
import typer
from judge import PATCH, pyramid
from rich.console import Console
from rich.table import Table
from torch import Tensor

import styleplug
from styleplug.algorithms.inpainting.poisson import border_visibility, solve_poisson
from styleplug.imaging import fit, kind_of, read, write
from styleplug.nets import squeezenet

Array = np.ndarray
Filler = Callable[[Array, Array], list[Array]]
DIRECTIONS, PATCHES = 64, 4096  # of the comparison of texture
GAP = 4  # white pixels between pictures of a sheet
COLUMNS = ("psnr", "features", "texture", "sharpness", "border", "variety", "seconds")
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
    return [solve_poisson(picture, ~mask, mask)]


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
    """Distance of the patches that touch what was missing to the true ones there."""
    generator = torch.Generator().manual_seed(0)
    missing = torch.from_numpy(mask[None, None].astype(np.float32))
    distances = []
    for one, other in zip(pyramid(found), pyramid(wanted), strict=True):
        touched = F.max_pool2d(F.adaptive_max_pool2d(missing, one.shape[-2:]), PATCH, 1)
        places = touched.flatten().nonzero()[:, 0]
        places = places[torch.randint(len(places), (PATCHES,), generator=generator)]
        ways = torch.randn(3 * PATCH * PATCH, DIRECTIONS, generator=generator)
        sides = [
            (patches_at(level, places) @ (ways / ways.norm(dim=0))).sort(0).values
            for level in (one, other)
        ]
        distances.append(float((sides[0] - sides[1]).abs().mean() / (other.std() + 1e-6)))
    return float(np.mean(distances))


def patches_at(level: Tensor, places: Tensor) -> Tensor:
    """Patches (n 147) of a picture (1 3 h w), by the number of their upper left corner."""
    windows = level[0].unfold(1, PATCH, 1).unfold(2, PATCH, 1)
    rows, columns = places // windows.shape[2], places % windows.shape[2]
    return windows[:, rows, columns].transpose(0, 1).flatten(1)


def sharpness(picture: Array, mask: Array) -> float:
    """Mean difference of neighbours that were both missing."""
    found = []
    for axis in (0, 1):
        both = np.minimum(mask, np.roll(mask, -1, axis))
        found.append(np.abs(np.roll(picture, -1, axis) - picture).mean(2)[both])
    return float(np.concatenate(found).mean())


def scores(
    fill: Filler | None, pictures: list[Array], kind: str, eyes: Eyes
) -> tuple[list[float], list[Array]]:
    """Means over pictures, and the first proposals; of the truth where nothing fills."""
    rows, shown = [], []
    for picture in pictures:
        mask = hole(kind, *picture.shape[:2])
        spoilt = np.where(mask[:, :, None], np.float32(0.5), picture)
        started = time.perf_counter()
        found = fill(spoilt, mask) if fill else [picture]
        seconds = (time.perf_counter() - started) / len(found)
        first, last = found[0], found[-1]
        dull = texture(mean_colour(spoilt, mask)[0], picture, mask)
        rows.append(
            [
                -10 * np.log10(max(1e-10, np.square(first - picture)[mask].mean())),
                eyes.apart(first, picture),
                texture(first, picture, mask) / dull,
                sharpness(first, mask) / sharpness(picture, mask),
                border_visibility(first, mask),
                np.abs(first - last)[mask].mean(),
                seconds,
            ]
        )
        shown.append(first)
    return np.mean(rows, axis=0).tolist(), shown


def sheet(rows: list[list[Array]]) -> Array:
    """Rows of pictures, on white."""
    height, width = (max(one.shape[axis] for row in rows for one in row) for axis in (0, 1))
    result = np.ones((len(rows) * (height + GAP), len(rows[0]) * (width + GAP), 3), np.float32)
    for down, row in enumerate(rows):
        for across, one in enumerate(row):
            top, left = down * (height + GAP), across * (width + GAP)
            result[top : top + one.shape[0], left : left + one.shape[1]] = one
    return result


def main(
    photos: Annotated[Path, typer.Option(help="folder of pictures that training never saw")],
    teacher: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    weights: Annotated[Path | None, typer.Option(help="folder of a training run")] = None,
    size: Annotated[int, typer.Option(help="long side in pixels")] = 256,
    count: Annotated[int, typer.Option(help="so many of the pictures")] = 8,
    backend: str = "onnx",
    out: Annotated[Path | None, typer.Option(help="folder for sheets")] = None,
) -> None:
    """Print the table."""
    files = sorted(file for file in photos.iterdir() if file.is_file() and kind_of(file))
    files = [files[place] for place in np.linspace(0, len(files) - 1, count).astype(int)]
    pictures = [fit(read(file), size).pixels for file in files]
    fillers: dict[str, Filler | None] = {"truth": None}
    fillers |= {"mean colour": mean_colour, "shades": shades}
    fillers |= {name: by_method(name, weights, backend) for name in ("patches", "net", "both")}
    eyes, table = Eyes(teacher), Table(title=f"completion at {size} px, {len(pictures)} pictures")
    for column in ("missing", "by", *COLUMNS):
        table.add_column(column)
    for kind in KINDS:
        masked = [np.where(hole(kind, *p.shape[:2])[:, :, None], 1, p) for p in pictures]
        shown = [pictures, masked]
        for name, fill in fillers.items():
            found, made = scores(fill, pictures, kind, eyes)
            psnr, features, rough, sharp, border, variety, seconds = found
            table.add_row(
                kind,
                name,
                f"{psnr:.1f}" if fill else "",
                f"{features:.3f}",
                f"{rough:.2f}",
                f"{sharp:.2f}",
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
