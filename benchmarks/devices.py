"""Do both backends agree on a device, and how long does each method take there?

    python benchmarks/devices.py [METHOD …] [--device cuda] [--size 512] [--large 3840]

Method: pictures that the project paints, default settings.  First each method runs at half the size
on both backends with the same seed; quoted is the largest and the mean difference of their results
(0 to 1).  Then each runs at both sizes on both backends; quoted is the better of two runs after one
that loads the nets.  A large size is for methods that work in tiles, since others do not get there
in minutes.  When the time is over, what was not measured is shown as "-".
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
import typer

import styleplug
from styleplug.imaging import resize
from styleplug.methods import catalogue
from styleplug.swatches import SWATCHES

BACKENDS = ("torch", "onnx")


def inputs(method: str, size: int) -> dict[str, np.ndarray]:
    """A picture for each slot of a method, with a hole where the method fills one."""
    found = {}
    for slot, swatch in zip(catalogue().get(method).inputs, ("night", "waves"), strict=False):
        picture = resize(SWATCHES[swatch].paint(), size, size * 3 // 4)
        if method == "completion":
            hole = np.ones((*picture.shape[:2], 1), np.float32)
            hole[size // 4 : size // 3, size // 4 : size // 3] = 0
            picture = np.concatenate((picture, hole), 2)
        found[slot.id] = picture
    return found


def run(method: str, backend: str, device: str, size: int) -> styleplug.Result:
    """A run with default settings."""
    given: dict[str, Any] = inputs(method, size)
    return styleplug.generate(method, **given, size=size, backend=backend, device=device, seed=1)


def agreement(method: str, device: str, size: int) -> str:
    """How far the two backends are apart, and what computed them."""
    one, other = (run(method, backend, device, size) for backend in BACKENDS)
    apart = np.abs(one.array - other.array)
    providers = " / ".join(result.report.provider for result in (one, other))
    return f"| `{method}` | {apart.max():.1e} | {apart.mean():.1e} | {providers} |"


def seconds(method: str, backend: str, device: str, size: int) -> str:
    """The better of two runs after the first."""
    run(method, backend, device, size)
    return f"{min(run(method, backend, device, size).report.seconds for _ in range(2)):.3f}"


def main(
    methods: Annotated[list[str] | None, typer.Argument(help="all if left out")] = None,
    device: str = "cuda",
    size: int = 512,
    large: int = 3840,
    minutes: float = 8.0,
) -> None:
    """Print both tables as Markdown."""
    known = catalogue().methods
    chosen = methods or list(known)
    end = time.monotonic() + 60 * minutes
    print(f"| method, {size // 2} px, {device} | largest difference | mean | providers |")
    print("| --- | --- | --- | --- |")
    for method in chosen:
        print(agreement(method, device, size // 2), flush=True)
    columns = [(n, backend) for n in (size, large) for backend in BACKENDS]
    heads = " | ".join(f"{backend}, {n} px" for n, backend in columns)
    print(f"\n| method, seconds on {device} | {heads} |")
    print("| --- |" + " --- |" * len(columns))
    for method in chosen:
        row = []
        for n, backend in columns:
            able = n == size or known[method].tiled
            timed = able and time.monotonic() < end
            row.append(seconds(method, backend, device, n) if timed else "-")
        print(f"| `{method}` | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
