"""Draw the curve of a training run from its log.

python -m styleplug.training.curve LOG --out curve.png
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from styleplug.system.files import write_file

if TYPE_CHECKING:  # imported when a curve is drawn
    from matplotlib.axes import Axes

LINES = 8  # so many colours are easy to distinguish


def read_log(log: Path) -> list[dict[str, Any]]:
    """Entries of a log, sorted by step.

    A resumed run may repeat steps; the later entry counts.  Incomplete lines are ignored.
    """
    entries: dict[int, dict[str, Any]] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            entries[entry["step"]] = entry
        except (ValueError, KeyError, TypeError):
            continue
    return [entries[step] for step in sorted(entries)]


def draw(log: Path, out: Path) -> None:
    """Draw the losses in training, and the scores on held-out pictures.

    Raises:
        OutputError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    entries = read_log(log)
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _lines(left, entries, "losses", "Losses while training")
    _lines(right, entries, "scores", "On held-out pictures")
    data = io.BytesIO()
    figure.savefig(data, dpi=90, format="png")
    write_file(out, data.getvalue())


def _lines(axes: Axes, entries: list[dict[str, Any]], part: str, title: str) -> None:
    """One line for each name; logarithmic if all values are positive."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.get(part, {})))
    lowest = np.inf
    for name in names[:LINES]:
        present = [entry for entry in entries if entry.get(part, {}).get(name) is not None]
        values = [entry[part][name] for entry in present]
        dot = "." if len(present) == 1 else ""
        axes.plot([entry["step"] for entry in present], values, marker=dot, label=name)
        lowest = min([lowest, *values])
    axes.set(title=title, xlabel="step")
    axes.grid(alpha=0.3)
    if names:
        axes.legend(fontsize="small")
    if 0 < lowest < np.inf:
        axes.set_yscale("log")


def main(
    log: Annotated[Path, typer.Argument(help="log.jsonl of a run")],
    out: Annotated[Path, typer.Option(help="picture to write")],
) -> None:
    """Draw the curve."""
    draw(log, out)


if __name__ == "__main__":
    typer.run(main)
