"""Draw the curve of an encoder's training from its log.

python -m styleplug.training.curve LOG --out curve.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure


def draw(log: Path, out: Path) -> None:
    """Loss while training, and unexplained variance of each tap on held-out pictures."""
    # A resumed run repeats the steps since its last checkpoint; the later entry holds.
    entries = {e["step"]: e for e in map(json.loads, log.read_text().splitlines())}
    steps = sorted(entries)
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(steps, [entries[step]["loss"] for step in steps])
    left.set(title="Loss of a batch", xlabel="step", yscale="log")
    held = [step for step in steps if "held_out" in entries[step]]
    for tap in entries[steps[-1]]["taps"]:
        known = [step for step in held if tap in entries[step]["held_out"]]
        right.plot(known, [entries[step]["held_out"][tap][0] for step in known], label=tap)
    right.set(title="Unexplained variance, held out", xlabel="step", ylim=(0, 1))
    right.legend()
    figure.savefig(out, dpi=90)


def main(
    log: Annotated[Path, typer.Argument(help="log.jsonl of a run")],
    out: Annotated[Path, typer.Option(help="picture to write")],
) -> None:
    """Draw the curve."""
    draw(log, out)


if __name__ == "__main__":
    typer.run(main)
