"""How good are pictures made from nothing: near real ones, various, and not copied?

    python benchmarks/generators.py METHOD --real DIR --teacher FILE [--of key=value …]
        [--count 256] [--size 128] [--backend onnx] [--sheet FILE]

Method: pictures of consecutive seeds of a method are compared with the middle squares of real
pictures, all at one size, in the features of SqueezeNet 1.0 (`styleplug.training.quality`).  One
in twenty of the real pictures is held out, as training does it; the method's training saw the
others only.  Printed are

kernel distance  of the made pictures to the held-out ones; beside it that of as many training
                 pictures (what could be had at best) and of noise with the colours' mean and
                 deviation.
diversity        mean distance of two made pictures, as a share of that of two held-out ones.
nearest          median distance of a made picture to the nearest training picture, as a share of
                 that of a held-out one: far below 1 would be copies.
patches          sliced Wasserstein distance of patches to a held-out sheet, as a share of that
                 between noise and it: a measure without a net.

The sheet shows made pictures over the training pictures that are nearest to them.
"""

from __future__ import annotations

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
from styleplug.core.image import resize, write
from styleplug.training.bank import Bank
from styleplug.training.gather import HELD_OUT
from styleplug.training.perception import Perception
from styleplug.training.pictures import Pictures, sheet
from styleplug.training.quality import descriptor, diversity, kernel_distance, nearest

SHOWN = 8
EACH = 64  # pictures of one seed


def main(
    method: str,
    real: Annotated[list[Path], typer.Option(help="pictures the net was trained on; repeatable")],
    teacher: Annotated[Path, typer.Option(help="weights of SqueezeNet 1.0")],
    of: Annotated[list[str] | None, typer.Option(help="a parameter, key=value")] = None,
    weights: Annotated[Path | None, typer.Option(help="folder of a training run")] = None,
    count: int = 256,
    size: int = 128,
    backend: str = "onnx",
    sheet_file: Annotated[Path | None, typer.Option("--sheet", help="PNG to write")] = None,
) -> None:
    """Print the table."""
    learned, held = Pictures(real).split(HELD_OUT)
    perception = Perception(str(teacher), learned, 0)
    banks = [Bank(part, size, torch.device("cpu"), whole=True) for part in (learned, held)]
    known, kept = (bank.squares for bank in banks)
    rng = np.random.default_rng(0)
    known = known[torch.from_numpy(rng.permutation(len(known)))]
    given = dict(pair.split("=", 1) for pair in of or [])
    made = torch.cat([*_made(method, count, size, backend, weights, given)])
    mean, deviation = kept.float().mean((0, 2, 3)) / 255, kept.float().std((0, 2, 3)) / 255
    noise = torch.randn(count, 3, size, size) * deviation[:, None, None] + mean[:, None, None]
    seen = {
        "made": made,
        "real, from training": known[:count].float() / 255,
        "real, held out": kept.float() / 255,
        "noise": noise.clamp(0, 1),
    }
    found = {name: descriptor(perception, pictures) for name, pictures in seen.items()}
    catalogue = torch.cat([descriptor(perception, part.float() / 255) for part in known.split(256)])
    wanted = found["real, held out"]
    usual = nearest(wanted, catalogue)[0].median()
    table = Table(title=f"{method}: {count} pictures at {size} px, {len(kept)} held out")
    for column in ("pictures", "kernel distance", "diversity", "nearest", "patches"):
        table.add_column(column)
    worst = _patches(seen["noise"], seen["real, held out"])
    for name in ("made", "real, from training", "noise"):
        copies = nearest(found[name], catalogue)[0].median() / usual
        table.add_row(
            name,
            f"{kernel_distance(found[name], wanted):.2f}",
            f"{diversity(found[name]) / diversity(wanted):.2f}",
            "-" if name.startswith("real") else f"{copies:.2f}",
            f"{_patches(seen[name], seen['real, held out']) / worst:.2f}",
        )
    Console().print(table)
    if sheet_file:
        closest = nearest(found["made"][:SHOWN], catalogue)[1]
        write(sheet(made[:SHOWN], known[closest].float() / 255), sheet_file)


def _made(
    method: str, count: int, size: int, backend: str, weights: Path | None, given: dict[str, Any]
) -> list[Tensor]:
    """Pictures (n 3 size size) of a method, without the share of each that a seed has."""
    parts = []
    for seed in range(-(-count // EACH)):
        wanted = min(EACH, count - seed * EACH)
        *_, last = styleplug.run(
            method, seed=seed, count=wanted, size=size, backend=backend, weights=weights, **given
        )
        squares = [resize(image, size, size).transpose(2, 0, 1) for image in last.images]
        parts.append(torch.from_numpy(np.stack(squares)))
    return parts


def _patches(pictures: Tensor, real: Tensor) -> float:
    """Distance of the patches of two samples of pictures (n 3 h w), 64 of each."""
    sheets = [sheet(*part[:64].split(8)) for part in (pictures, real)]
    return patch_distance(*sheets)


if __name__ == "__main__":
    typer.run(main)
