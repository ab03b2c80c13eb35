"""Time, first preview and peak memory of a default Gatys run, as a visitor meets them.

    python benchmarks/run_cost.py [--size 512] [--backend onnx] [--rounds 3]

Method: every round is a process of its own, `styleplug run`'s own engine with a photograph that
comes with gradio and a style that the project paints; the clock starts when the engine is asked,
with nothing loaded.  Peak memory is the process's resident maximum.  Quoted is the median.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import typer
from rich.console import Console
from rich.table import Table

ROUND = """
import json, resource, sys, time
from gradio.media import get_image
import styleplug
from styleplug.swatches import SWATCHES
size, backend = int(sys.argv[1]), sys.argv[2]
style = SWATCHES["waves"].paint()
began, first = time.perf_counter(), None
for frame in styleplug.run(
    "gatys", content=get_image("lion.jpg"), style=style, size=size, backend=backend
):
    if frame.images and first is None:
        first = time.perf_counter() - began
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([seconds, first, peak, frame.report.steps, frame.report.provider]))
"""


def main(size: int = 512, backend: str = "onnx", rounds: int = 3) -> None:
    """Run and print the medians."""
    found = []
    for _ in range(rounds):
        command = [sys.executable, "-c", ROUND, str(size), backend]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(json.loads(out.splitlines()[-1]))
    columns = list(zip(*found, strict=True))
    table = Table(title=f"gatys, {size} px, {columns[3][0]} steps, {columns[4][0]}")
    for name in ("", "median", "min", "max"):
        table.add_column(name)
    for name, values in zip(("seconds", "first preview s", "peak MB"), columns, strict=False):
        row = (statistics.median(values), min(values), max(values))
        table.add_row(name, *(f"{value:.1f}" for value in row))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
