"""How much sooner Gatys is there when it starts from a draft in one pass.

    python benchmarks/draft.py [--size 512] [--steps 300] [--backend onnx] [--pairs 3]
        [--content FILE --style FILE]

Method: a run from the content of so many steps, at one scale, says which loss is to be reached; a
run from the draft with a third of the steps, all else equal, says whether and when it is.  Both
runs of a pair follow one another in one process, nets loaded; the seconds are those of the steps
until the loss is reached, and for the draft the painting of it.  The photographs come with
gradio; the project paints the styles.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import typer
from gradio.media import get_image
from rich.console import Console
from rich.table import Table

from styleplug.core.image import Picture, read
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.swatches import SWATCHES

PHOTOS = ("lion.jpg", "cheetah1.jpg", "tower.jpg")
STYLES = ("waves", "night", "lilies")
Steps = list[tuple[float, float]]


def descent(engine: Engine, recipe: Recipe, pictures: dict[str, Any]) -> Steps:
    """Seconds since the start and loss, of every step of a run."""
    began, path = time.perf_counter(), []
    for frame in engine.run(recipe, pictures):
        if "loss" in frame.metrics and not frame.final:
            path.append((time.perf_counter() - began, frame.metrics["loss"]))
    return path


def main(
    size: int = 512,
    steps: int = 300,
    backend: str = "auto",
    pairs: int = 3,
    content: Path | None = None,
    style: Path | None = None,
    parameters: str = "{}",
) -> None:
    """Run every pair from the content and from the draft, and print the table."""
    engine = Engine()
    given: list[tuple[str, Picture, Picture]] = [
        (f"{photo} {name}", read(get_image(photo)), read(np.asarray(SWATCHES[name].paint())))
        for photo, name in zip(PHOTOS[:pairs], STYLES, strict=False)
    ]
    if content is not None and style is not None:
        given = [(f"{content.stem} {style.stem}", read(content), read(style))]
    table = Table(title=f"{size} px, {steps} steps from the content, {steps // 3} from the draft")
    for name in ("pair", "loss", "s", "draft's loss", "first", "s to reach it", "share of time"):
        table.add_column(name, justify="right")
    shares = []
    for name, photo, painting in given:
        pictures = {"content": [photo], "style": [painting]}

        def run(init: str, count: int, pictures: dict[str, Any] = pictures) -> Steps:
            values = {**json.loads(parameters), "init": init, "iterations": count, "scales": 1}
            asked = Recipe(method="gatys", size=size, backend=backend, parameters=values)
            return descent(engine, asked, pictures)

        for init in ("content", "draft"):  # loads the nets
            run(init, 1)
        slow, quick = run("content", steps), run("draft", steps // 3)
        goal = slow[-1][1]
        reached = next((seconds for seconds, loss in quick if loss <= goal), float("nan"))
        shares.append(reached / slow[-1][0])
        cells = (goal, slow[-1][0], quick[-1][1], quick[0][1], reached, shares[-1])
        table.add_row(name, *(f"{cell:.3g}" for cell in cells))
    Console().print(table)
    Console().print(f"median share of time {statistics.median(shares):.3f}")


if __name__ == "__main__":
    typer.run(main)
