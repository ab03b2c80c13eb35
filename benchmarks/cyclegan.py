"""Does `cyclegan` paint, or does it only tint?  And what is lost on the way there and back?

    python benchmarks/cyclegan.py --photos DIR --teacher FILE --paintings impressionism=DIR
        [--paintings impressionism=DIR …] [--weights DIR] [--size 256] [--count 12] [--out DIR]
        [--larger 1.5]

Method: photographs that training never saw, and of the paintings those that it held out, are
turned into the other kind by the defaults of the method.  Results are not judged one by one, since
no picture is the right answer, but all together:

texture gain  1 - D(results, goal) / D(before, goal), D the relative squared error of mean Gram
              matrices, averaged over SqueezeNet's conv1 … fire7; goal are the held-out pictures of
              the kind that was asked for.
patch gain    the same with the sliced Wasserstein distance of 7×7 patches (`judge.py`), of the
              first pictures, each against one of the goal's: no network at all.
tint          in brackets behind both: what the same colours alone would gain, the picture before
              being given mean and covariance of its result's colours, and nothing else.
content kept  1 - D(result, before) / D(another picture, before), D the relative squared error at
              fire5.
cycle error   mean absolute difference of what comes back, of a range of 1; and the largest.

SqueezeNet was training's teacher, so that texture gain and content kept are judged with the eyes
that were learned from; patch gain is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from judge import patch_distance
from rich.console import Console
from rich.table import Table
from torch import Tensor

import styleplug
from styleplug import Result
from styleplug.algorithms.feature_statistics import moments, transport
from styleplug.imaging import fit, kind_of, read, resize, write
from styleplug.methods.cyclegan import METHOD
from styleplug.nets import squeezenet
from styleplug.nets.perceptual import statistics
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.datasets import HELD_OUT_SHARE

PATCHED = 3  # pictures that are compared by patches, each with one of the goal's: it is slow
SHOWN, SIDE = 8, 256
BRUSH = METHOD.params().brush

Array = np.ndarray
Grams = dict[str, Tensor]
Row = tuple[str, ...]


class Eyes:
    """SqueezeNet's features of pictures (h w 3)."""

    def __init__(self, teacher: Path):
        self.net = squeezenet.load(teacher)

    @torch.no_grad()
    def look(self, picture: Array) -> dict[str, Tensor]:
        """By layer."""
        height, width = (length // 8 * 8 for length in picture.shape[:2])
        cut = np.ascontiguousarray(picture[:height, :width].transpose(2, 0, 1)[None])
        return self.net(torch.from_numpy(cut))

    def mean_grams(self, pictures: Sequence[Array]) -> Grams:
        """Gram matrices by layer, averaged over pictures."""
        seen = [self.look(picture) for picture in pictures]
        return {
            tap: torch.stack([statistics(one[tap])[1] for one in seen]).mean(0)
            for tap in squeezenet.STYLE_TAPS
        }

    def kept(self, result: Array, before: Array, other: Array) -> float:
        """Content kept."""
        other = resize(other, before.shape[1], before.shape[0])
        found, was, rival = (
            self.look(one)[squeezenet.CONTENT_TAP] for one in (result, before, other)
        )
        return 1 - relative(found, was) / relative(rival, was)


def relative(found: Tensor, wanted: Tensor) -> float:
    """Relative squared error."""
    return float((found - wanted).square().sum() / wanted.square().sum())


def texture_gain(found: Grams, before: Grams, goal: Grams) -> float:
    """What share of the way to the goal is gone."""
    now, then = (
        sum(relative(one[tap], goal[tap]) for tap in squeezenet.STYLE_TAPS)
        for one in (found, before)
    )
    return 1 - now / then


def patches(pictures: Sequence[Array], goal: Sequence[Array]) -> float:
    """Mean distance of patches to pictures of the goal."""
    pairs = list(zip(pictures, goal, strict=False))[:PATCHED]
    return float(np.mean([patch_distance(*pair) for pair in pairs]))


def tinted(before: Array, result: Array) -> Array:
    """The picture before with nothing but the colours of its result."""
    planes = [picture.transpose(2, 0, 1) for picture in (before, result)]
    moved = transport(*(moments(one) for one in planes))(planes[0][None])
    return np.clip(moved[0].transpose(1, 2, 0), 0, 1)


def row(before: Sequence[Array], made: Sequence[Result], goal: Sequence[Array], eyes: Eyes) -> Row:
    """The scores of one direction."""
    after = [one.array[..., :3] for one in made]
    tints = [tinted(*pair) for pair in zip(before, after, strict=True)]
    was, aim, now, only = (eyes.mean_grams(some) for some in (before, goal, after, tints))
    far = patches(before, goal)
    gains = [1 - patches(some, goal) / far for some in (after, tints)]
    kept = [eyes.kept(one, before[place], before[place - 1]) for place, one in enumerate(after)]
    errors = [one.metrics["cycle_error"] for one in made]
    return (
        f"{texture_gain(now, was, aim):.2f} ({texture_gain(only, was, aim):.2f})",
        f"{gains[0]:.2f} ({gains[1]:.2f})",
        f"{np.mean(kept):.2f}",
        f"{np.mean(errors):.3f} ({np.max(errors):.3f})",
        f"{np.median([one.report.seconds for one in made]):.2f}",
    )


def enlarged(picture: Array, times: float) -> Array:
    """Its middle, of the size that it had, with everything so many times larger."""
    height, width = picture.shape[:2]
    wide, high = round(width * times), round(height * times)
    top, left = (high - height) // 2, (wide - width) // 2
    return resize(picture, wide, high)[top : top + height, left : left + width]


def sheet(before: Sequence[Array], after: Sequence[Array]) -> Array:
    """Pictures above what became of them, as squares."""
    rows = []
    for pictures in (before, after):
        squares = []
        for picture in pictures[:SHOWN]:
            short = min(picture.shape[:2])
            top, left = ((length - short) // 2 for length in picture.shape[:2])
            squares.append(resize(picture[top : top + short, left : left + short], SIDE, SIDE))
        rows.append(np.concatenate(squares, axis=1))
    return np.concatenate(rows)


def main(
    photos: Annotated[Path, typer.Option(help="folder of photographs that training never saw")],
    paintings: Annotated[list[str], typer.Option(help="painter=folder; repeatable")],
    teacher: Annotated[Path, typer.Option(help="SqueezeNet 1.0 weights, safetensors")],
    weights: Annotated[Path | None, typer.Option(help="folder of a training run")] = None,
    size: int = 256,
    count: int = 12,
    backend: str = "onnx",
    out: Annotated[Path | None, typer.Option(help="folder for sheets")] = None,
    larger: Annotated[float, typer.Option(help="enlarge goals that are paintings")] = BRUSH,
) -> None:
    """Print the table."""
    eyes, table = Eyes(teacher), Table(title=f"cyclegan at {size} px")
    for column in ("painter", "into", "texture", "patches", "content", "cycle error", "seconds"):
        table.add_column(column)
    files = sorted(file for file in photos.glob("photo*") if kind_of(file))
    photographs = [fit(read(file), size).pixels for file in files[:count]]
    folders: dict[str, list[Path]] = {}
    for painter, _, folder in (one.partition("=") for one in paintings):
        folders.setdefault(painter, []).append(Path(folder))
    for painter, places in folders.items():
        held = Pictures(places).split(HELD_OUT_SHARE)[1].arrays
        painted = [np.float32(array / 255) for array in held[:: max(1, len(held) // count)]]
        painted = [fit(read(one), size).pixels for one in painted[:count]]
        broad = [enlarged(one, larger) for one in painted]
        kinds = {"painting": (photographs, broad), "photograph": (painted, photographs)}
        for direction, (before, goal) in kinds.items():
            asked = {"painter": painter, "direction": direction, "size": size, "backend": backend}
            made = [
                styleplug.generate("cyclegan", content=one, weights=weights, **asked)
                for one in before
            ]
            table.add_row(painter, direction, *row(before, made, goal, eyes))
            if out:
                out.mkdir(parents=True, exist_ok=True)
                write(
                    sheet(before, [one.array[..., :3] for one in made]),
                    out / f"{painter}-{direction}.png",
                )
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
