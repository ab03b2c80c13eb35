"""How good are pictures made from nothing: near real ones, various, and not copied?

    python benchmarks/generators.py METHOD --real DIR [--real DIR …] --teacher FILE --size 64
        [--label PARAMETER | --patches] [--truncation 0.7 …] [--count 256] [--sheet FILE]

Method: pictures of consecutive seeds are compared with the middle squares of real pictures, all
at one size, in the features of SqueezeNet 1.0 or VGG-19 (`styleplug.training.losses.quality`).  One
in twenty of the real pictures is held out, as training does it; training saw the others
only.  With --label that parameter is set to the class of each held-out picture in turn, so that
classes are as frequent in what is made as in what is real.  With --patches real ones are the
textured patches that `texture` learns from.  Printed are, for what is made at each truncation,

kernel distance  of the made pictures to the held-out ones; beside it that of as many training
                 pictures (what could be had at best) and of noise with the colours' mean and
                 deviation.
diversity        mean distance of two made pictures, as a share of that of two held-out ones.
nearest          median distance of a made picture to the nearest training picture, as a share of
                 that of a held-out one: far below 1 is commonplace, or copied.
closest          the same of the hundredth that is nearest of all: near 0 are copies.
patches          sliced Wasserstein distance of patches to a held-out sheet, as a share of that
                 between noise and it: a measure without a net.

The sheet shows made pictures of the first truncation over the training pictures that are nearest
to them: eight of all kinds, then the eight that are most like copies.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from judge import patch_distance
from rich.console import Console
from rich.table import Table
from torch import Tensor

import styleplug
from styleplug.imaging import resize, write
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import Pictures, sheet
from styleplug.training.loop.datasets import HELD_OUT_SHARE
from styleplug.training.losses.perception import Perception
from styleplug.training.losses.quality import descriptor, diversity, kernel_distance, nearest
from styleplug.training.tasks.texture import MARGIN, Patches

SHOWN = 8
EACH = 64  # pictures of one seed
CLOSEST = 0.01  # share of the pictures that are most like copies
CPU = torch.device("cpu")


def main(
    method: str,
    real: Annotated[list[Path], typer.Option(help="pictures the net was trained on; repeatable")],
    teacher: Annotated[Path, typer.Option(help="weights of SqueezeNet 1.0 or VGG-19")],
    label: Annotated[
        str | None, typer.Option(help="parameter that takes a picture's class")
    ] = None,
    patches: Annotated[bool, typer.Option("--patches", help="compare textured patches")] = False,
    truncation: Annotated[list[float] | None, typer.Option(help="repeatable")] = None,
    weights: Annotated[Path | None, typer.Option(help="folder of a training run")] = None,
    count: int = 256,
    size: int = 128,
    backend: str = "onnx",
    sheet_file: Annotated[Path | None, typer.Option("--sheet", help="PNG to write")] = None,
) -> None:
    """Print the table."""
    learned, held = Pictures(real).split(HELD_OUT_SHARE)
    perception = Perception(str(teacher), learned, 0)
    cut = _textured if patches else _squares
    known, kept = cut(learned, size, 0), cut(held, size, 1).float() / 255
    mean, deviation = kept.mean((0, 2, 3)), kept.std((0, 2, 3))
    noise = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))
    noise = noise * deviation[:, None, None] + mean[:, None, None]
    kinds = Counter(_spread(held.labels, count)) if label else {"": count}
    seen: dict[str, Tensor] = {}
    for near in truncation or [0.7, 1.0]:
        asked = {"truncation": near, "size": size, "backend": backend, "weights": weights}
        seeds = itertools.count()  # none twice, so that no two pictures are made of one latent
        seen[f"made at {near}"] = torch.cat(
            [
                _made(method, many, seeds, asked | ({label: kind} if label else {}))
                for kind, many in kinds.items()
            ]
        )
    seen |= {"real": known[:count].float() / 255, "noise": noise.clamp(0, 1)}
    catalogue = torch.cat([descriptor(perception, part.float() / 255) for part in known.split(256)])
    wanted = descriptor(perception, kept)
    usual = nearest(wanted, catalogue)[0]
    found = {name: descriptor(perception, pictures) for name, pictures in seen.items()}
    table = Table(title=f"{method}: {count} pictures at {size} px, {len(kept)} held out")
    for column in ("pictures", "kernel distance", "diversity", "nearest", "closest", "patches"):
        table.add_column(column)
    worst = _patches(seen["noise"], kept)
    for name, described in found.items():
        copies = nearest(described, catalogue)[0]
        median, least = (f"{copies.quantile(q) / usual.quantile(q):.2f}" for q in (0.5, CLOSEST))
        table.add_row(
            name,
            f"{kernel_distance(described, wanted):.2f}",
            f"{diversity(described) / diversity(wanted):.2f}",
            *(("-", "-") if name.startswith("real") else (median, least)),
            f"{_patches(seen[name], kept) / worst:.2f}",
        )
    Console().print(table)
    if sheet_file:
        first = next(iter(seen))
        apart, which = nearest(found[first], catalogue)
        rows = []
        for chosen in (torch.arange(len(apart))[:: max(1, len(apart) // SHOWN)], apart.argsort()):
            rows += [seen[first][chosen[:SHOWN]], known[which[chosen[:SHOWN]]].float() / 255]
        write(sheet(*rows), sheet_file)


def _squares(pictures: Pictures, size: int, seed: int) -> Tensor:
    """The middle squares (n 3 size size) uint8 of pictures, in any order."""
    squares = Bank(pictures, size, CPU, margin=1).squares
    return squares[torch.from_numpy(np.random.default_rng(seed).permutation(len(squares)))]


def _textured(pictures: Pictures, size: int, seed: int) -> Tensor:
    """The middles (n 3 size size) uint8 of textured patches, in any order."""
    found = Patches(pictures, size, CPU, seed).patches
    middle = slice(MARGIN // 2, MARGIN // 2 + size)
    chosen = torch.from_numpy(np.random.default_rng(seed).permutation(len(found)))
    return found[chosen][:, :, middle, middle]


def _spread(labels: list[str], count: int) -> list[str]:
    """So many labels, evenly taken of those that lie in order."""
    return [labels[number * len(labels) // count] for number in range(count)]


def _made(method: str, count: int, seeds: Iterator[int], asked: dict[str, Any]) -> Tensor:
    """Pictures (count 3 size size) of a method, of as few seeds as there must be."""
    parts: list[np.ndarray] = []
    while wanted := min(EACH, count - len(parts)):
        result = styleplug.generate(method, seed=next(seeds), count=wanted, **asked)
        parts += [resize(one, asked["size"], asked["size"]) for one in result.images]
    return torch.from_numpy(np.stack(parts).transpose(0, 3, 1, 2).copy())


def _patches(pictures: Tensor, real: Tensor) -> float:
    """Distance of the patches of two samples of pictures (n 3 h w), 64 of each."""
    spread = (part[:: max(1, len(part) // 64)][:64] for part in (pictures, real))
    return patch_distance(*(sheet(*part.split(8)) for part in spread))


if __name__ == "__main__":
    typer.run(main)
