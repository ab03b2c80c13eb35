"""How much nearer `enhance` comes to good photographs than plain enlargement.

    python benchmarks/enhance.py --photographs DIR [--vgg19 FILE] [--out DIR]

Method: each photograph, which training never saw, is reduced to a long side of 768 px, which takes
away its own JPEG blocks, and made worse: smaller by bicubic interpolation (×2, ×4), or written as
JPEG of quality 30.  `enhance` and Lanczos interpolation bring it back, both backends on the
processor.  Decibels are differences of the peak signal-to-noise ratio, and medians over the
photographs.  "features" is the distance at VGG-19's relu2_1, relu3_1, relu4_1 and relu4_2, divided
by that of Lanczos or of the file.  Seconds: a picture of one megapixel to four, the median of three
runs after the first.
"""

from __future__ import annotations

import statistics
import time
from io import BytesIO
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image

import styleplug
from styleplug.imaging import fit, read
from styleplug.nets import vgg19

SIDE, QUALITY = 768, 30
FACTORS = {"×2": 2, "×4": 4, "JPEG 30": 1}
LAYERS = ("relu2_1", "relu3_1", "relu4_1", "relu4_2")


def pixels(picture: Image.Image) -> np.ndarray:
    """A picture (h w 3) in [0, 1]."""
    return np.float32(picture) / 255


def worse(picture: Image.Image, factor: int) -> Image.Image:
    """Smaller, or, at factor 1, as JPEG."""
    if factor > 1:
        sides = picture.width // factor, picture.height // factor
        return picture.resize(sides, Image.Resampling.BICUBIC)
    file = BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return Image.open(file).convert("RGB")


def decibels(found: np.ndarray, wanted: np.ndarray) -> float:
    """The peak signal-to-noise ratio."""
    return float(-10 * np.log10(np.square(found - wanted).mean()))


@torch.no_grad()
def feature_error(net: torch.nn.Module, found: np.ndarray, wanted: np.ndarray) -> float:
    """Relative squared error of features, the mean over layers."""
    a, b = (net(torch.from_numpy(one.transpose(2, 0, 1)[None].copy())) for one in (found, wanted))
    errors = [(a[k] - b[k]).square().sum() / b[k].square().sum() for k in LAYERS]
    return float(torch.stack(errors).mean())


def seconds(backend: str) -> float:
    """Time for a picture of one megapixel to four."""
    picture = np.random.default_rng(0).random((1024, 1024, 3), np.float32)
    taken = []
    for _ in range(4):
        start = time.perf_counter()
        styleplug.generate("enhance", content=picture, size=2048, backend=backend)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def main(
    photographs: Annotated[Path, typer.Option(help="a folder")],
    vgg19_file: Annotated[Path | None, typer.Option("--vgg19", help="weights of VGG-19")] = None,
    out: Annotated[Path | None, typer.Option(help="where to keep the pictures")] = None,
) -> None:
    """Print the table."""
    net = vgg19.load(vgg19_file) if vgg19_file else None
    files = sorted(photographs.glob("*.jpg"))
    print("| made worse by | gain in dB | least | features |\n| --- | --- | --- | --- |")
    for name, factor in FACTORS.items():
        gains, nearer = [], []
        for file in files:
            good = Image.fromarray(np.uint8(fit(read(file), SIDE).pixels * 255 + 0.5))
            good = good.crop((0, 0, good.width // 4 * 4, good.height // 4 * 4))
            given = worse(good, factor)
            plain = pixels(given.resize(good.size, Image.Resampling.LANCZOS))
            made = styleplug.generate(
                "enhance", content=pixels(given), size=max(good.size), backend="onnx"
            ).array
            wanted = pixels(good)
            gains.append(decibels(made, wanted) - decibels(plain, wanted))
            if net:
                nearer.append(feature_error(net, made, wanted) / feature_error(net, plain, wanted))
            if out:
                out.mkdir(parents=True, exist_ok=True)
                row = np.concatenate((plain, made, wanted), axis=1)
                Image.fromarray(np.uint8(row * 255 + 0.5)).save(out / f"{file.stem}-{factor}.png")
        far = f"{statistics.median(nearer):.2f}" if nearer else "-"
        print(f"| {name} | {statistics.median(gains):.2f} | {min(gains):.2f} | {far} |")
    for backend in ("torch", "onnx"):
        print(f"\none megapixel to four, {backend}: {seconds(backend):.1f} s", end="")
    print()


if __name__ == "__main__":
    typer.run(main)
