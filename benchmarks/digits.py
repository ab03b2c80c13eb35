"""Are the digits that `cgan` makes read correctly by a network that saw real digits only?

    python benchmarks/digits.py --real DIR [--count 100] [--truncation 1] [--epochs 4]
        [--weights RUN]

Method: DIR has a folder for each digit, named 0 to 9.  A small convolutional network learns to read
them; one in ten is held out to see how well it reads real ones.  Then it reads `count` made digits
of each class, seeds from 0.  Printed is the share of each digit that is read correctly; chance is
one in ten.  Also printed is the diversity of the made digits: the mean difference of two digits of
one class, as a share of that of real ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import styleplug
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import Pictures
from styleplug.training.tasks.shared.generator import spread

SIDE = 32  # pixels
EACH = 50  # pictures of one seed
BATCH = 100
HELD_OUT = 1 / 10
DIGITS = tuple(map(str, range(10)))


def main(
    real: Annotated[Path, typer.Option(help="folder with a folder of pictures for each digit")],
    count: Annotated[int, typer.Option(help="pictures made of each digit")] = 100,
    truncation: float = 1.0,
    epochs: int = 4,
    weights: Annotated[Path | None, typer.Option(help="folder of a training run of digits")] = None,
) -> None:
    """Print the table."""
    learned, held = (
        Bank(part, SIDE, torch.device("cpu"), margin=1, classes=DIGITS)
        for part in Pictures([real]).split(HELD_OUT)
    )
    reader = _taught(learned, epochs)
    read = _read(reader, held.squares.float() / 255)
    table = Table(title=f"{count} digits of each class at truncation {truncation}, chance 10%")
    for column in ("digit", "real, held out", "made", "diversity"):
        table.add_column(column)
    shares = []
    for digit in range(10):
        made = _made(digit, count, truncation, weights)
        known = held.squares[held.labels == digit].float() / 255
        right = float((read[held.labels == digit] == digit).float().mean())
        found = float((_read(reader, made) == digit).float().mean())
        one_class = torch.zeros(len(made) + len(known), dtype=torch.long)
        various = spread(made, one_class[: len(made)]) / spread(known, one_class[: len(known)])
        shares.append((right, found, float(various)))
        table.add_row(str(digit), f"{right:.0%}", f"{found:.0%}", f"{float(various):.2f}")
    right, found, mean = np.mean(shares, axis=0)
    table.add_row("mean", f"{right:.1%}", f"{found:.1%}", f"{mean:.2f}")
    Console().print(table)


def _taught(bank: Bank, epochs: int) -> nn.Module:
    """A network that reads digits; it sees them shifted by up to two pixels."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    pictures = bank.squares.float() / 255
    for _ in range(epochs):
        for chosen in torch.randperm(len(pictures)).split(BATCH):
            shift = torch.randint(-2, 3, (2,)).tolist()
            logits = net(pictures[chosen].roll(shift, (2, 3)))
            optimiser.zero_grad()
            F.cross_entropy(logits, bank.labels[chosen]).backward()
            optimiser.step()
    return net


@torch.no_grad()
def _read(reader: nn.Module, pictures: Tensor) -> Tensor:
    """The digit (n) that is read in each of pictures (n 3 h w)."""
    return torch.cat([reader(part).argmax(1) for part in pictures.split(BATCH)])


def _made(digit: int, count: int, truncation: float, weights: Path | None) -> Tensor:
    """Made pictures (count 3 h w) of a digit."""
    parts = []
    for seed in range(-(-count // EACH)):
        result = styleplug.generate(
            "cgan",
            pictures="digits",
            digit=digit,
            seed=seed,
            count=min(EACH, count - seed * EACH),
            truncation=truncation,
            size=2 * SIDE,  # the smallest size; the network makes half of it
            backend="onnx",
            weights=weights,
        )
        parts += [np.asarray(image, np.float32) for image in result.images]
    made = torch.from_numpy(np.stack(parts).transpose(0, 3, 1, 2).copy())
    return F.interpolate(made, scale_factor=0.5, mode="area")


if __name__ == "__main__":
    typer.run(main)
