"""How well every level of `autoencoder` gives pictures back.

    python benchmarks/autoencoder_psnr.py FOLDER … [--pictures 32] [--size 256]

Method: of the pictures of all folders, those that training holds out (every 50th, by name), as
many as asked for, evenly spread; the largest square in the middle of each, reduced to `size`.
Each is encoded and decoded by the nets that runs use, on ONNX Runtime, with the margins that runs
use; what is compared is the decoded picture, 8 bits a channel as a file would hold it.
Peak signal-to-noise ratio in dB, mean over pictures, and the worst.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from styleplug.backends.choose import choose
from styleplug.methods.autoencoder import METHOD, Level
from styleplug.store import Store
from styleplug.training.data.bank import Bank
from styleplug.training.data.pictures import Pictures

HELD_OUT_SHARE = 0.02


def decibels(level: Level, picture: np.ndarray) -> float:
    """PSNR of a picture (h w 3) that was encoded and decoded."""
    for *_, shown in level.paint(picture, lambda features: features, 0.0):
        back = shown
    error = np.square(np.round(back * 255) / 255 - picture).mean()
    return float(-10 * np.log10(error))


def main(
    folders: Annotated[list[Path], typer.Argument(help="the folders of the training run")],
    pictures: int = 32,
    size: int = 256,
) -> None:
    """Print the table as Markdown."""
    _, held = Pictures(folders).split(HELD_OUT_SHARE)
    chosen = np.linspace(0, len(held) - 1, min(pictures, len(held))).round().astype(int)
    some = Pictures.of([held.arrays[index] for index in chosen])
    squares = Bank(some, size, torch.device("cpu"), margin=1).squares.permute(0, 2, 3, 1)
    squares = np.float32(squares) / 255
    backend, file = choose("onnx", "cpu"), Store().file(METHOD.weights["net"])
    print(f"{len(squares)} held-out pictures at {size} px\n")
    print("| level | pixels a position | PSNR, mean | worst |")
    print("| --- | --- | --- | --- |")
    for number in range(1, 5):
        encode, decode = (backend.load(file, f"{kind}{number}") for kind in ("encode", "decode"))
        level = Level(encode, decode, check=lambda: None)
        found = [decibels(level, picture) for picture in squares]
        area = f"{2 ** (number - 1)}×{2 ** (number - 1)}"
        print(f"| {number} | {area} | {np.mean(found):.1f} dB | {np.min(found):.1f} dB |")


if __name__ == "__main__":
    typer.run(main)
