"""Are pictures that `cgan` makes of a class taken for that class, by a net that saw none of them?

    python benchmarks/classes.py --real DIR [--count 64] [--truncation 1] [--weights RUN]

Method: the embedded classifier, trained on real pictures only, tells the class of pictures made
of each class in turn (seeds from 0), and of the real pictures that its training held out.  DIR
has a folder for each class, the same that the classifier was trained on, so that the same
pictures are held out.  Printed is the share of each class that is told rightly; chance is one in
as many as there are classes.  Rows below say what made pictures are taken for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

import styleplug
from styleplug.backends.choose import choose
from styleplug.core.backend import Net
from styleplug.core.weight import Embedded
from styleplug.store import Store
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.datasets import HELD_OUT_SHARE

EACH = 64  # pictures of one seed
TOLD = 32  # pictures told at once


def main(
    real: Annotated[Path, typer.Option(help="folder with a folder of pictures for each class")],
    count: Annotated[int, typer.Option(help="pictures made of each class")] = 64,
    truncation: float = 1.0,
    weights: Annotated[Path | None, typer.Option(help="folder of a training run of cgan")] = None,
) -> None:
    """Print the tables."""
    file = Store().file((Embedded("classifier", "classifier.safetensors"),))
    judge = choose("onnx", "cpu").load(file, "classify")
    side = judge.spec.multiple
    names = judge.spec.classes
    held = Bank(
        Pictures([real]).split(HELD_OUT_SHARE)[1],
        side,
        torch.device("cpu"),
        margin=1,
        classes=names,
    )
    told = _told(judge, held.squares.numpy() / np.float32(255), len(names))
    right = [np.mean(told[held.labels.numpy() == n] == n) for n in range(len(names))]
    rows = []
    for number in range(len(names)):
        shares = [float(number == other) for other in range(len(names))]
        made = _made(count, side, truncation, shares, weights)
        rows.append(np.bincount(_told(judge, made, len(names)), minlength=len(names)) / count)
    recognised = [row[number] for number, row in enumerate(rows)]
    table = Table(
        title=f"{count} pictures a class, {len(held)} held out, chance {1 / len(names):.1%}"
    )
    for column in ("class", "real, held out", "made"):
        table.add_column(column)
    for name, before, now in zip(names, right, recognised, strict=True):
        table.add_row(name, f"{before:.0%}", f"{now:.0%}")
    table.add_row("mean", f"{np.mean(right):.1%}", f"{np.mean(recognised):.1%}")
    taken = Table(title="What is made (rows) is taken for (columns)")
    for column in ("", *(name[:6] for name in names)):
        taken.add_column(column)
    for name, row in zip(names, rows, strict=True):
        taken.add_row(name, *(f"{share:.0%}" for share in row))
    for one in (table, taken):
        Console().print(one)


def _told(judge: Net, pictures: np.ndarray, classes: int) -> np.ndarray:
    """Number of the class (n) of each of pictures (n 3 h w)."""
    parts = np.split(pictures, range(TOLD, len(pictures), TOLD))
    logits = np.concatenate([judge(picture=part)["logits"] for part in parts])
    return logits[:, :classes].argmax(1)


def _made(
    count: int, side: int, truncation: float, shares: list[float], weights: Path | None
) -> np.ndarray:
    """Pictures (count 3 side side)."""
    parts = []
    for seed in range(-(-count // EACH)):
        *_, last = styleplug.run(
            "cgan",
            seed=seed,
            count=min(EACH, count - seed * EACH),
            truncation=truncation,
            shares=shares,
            size=side,
            backend="onnx",
            weights=weights,
        )
        parts.append(np.stack(last.images).transpose(0, 3, 1, 2))
    return np.concatenate(parts)


if __name__ == "__main__":
    typer.run(main)
