"""How much sooner Gatys is there from a draft in one pass, and by its optimiser.

    python benchmarks/draft.py [--size 256] [--steps 300] [--backend onnx] [--pairs 3]
        [--content FILE --style FILE]

Method: three runs of every pair at one scale.  The baseline starts from the content and takes so
many steps of plain Adam: the paper's but for its denominator, every pixel by itself, at the rate
that was best for it.  The others take the optimiser that Gatys takes today: as many steps from
the content, and a third of them from the draft.  The runs of a pair follow one another in one
process, nets loaded; seconds are those of the steps until a loss is reached, and for the draft
the painting of it.  The photographs come with gradio; the project paints the styles.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import typer
from gradio.media import get_image
from rich.console import Console
from rich.table import Table

from styleplug.algorithms.optimisers import Adam
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.imaging import Picture, read
from styleplug.methods import gatys
from styleplug.swatches import SWATCHES

PHOTOS = ("lion.jpg", "cheetah1.jpg", "tower.jpg")
STYLES = ("waves", "night", "lilies")
PLAIN, PLAIN_RATE = partial(Adam, decay_square=0.99, shares=(1.0,)), 0.04
COLUMNS = ("pair", "baseline", "s", "content", "draft", "first", "s to the baseline's", "share")
Steps = list[tuple[float, float]]


def descent(engine: Engine, recipe: Recipe, pictures: dict[str, Any]) -> Steps:
    """Seconds since the start and loss, of every step of a run."""
    began, path = time.perf_counter(), []
    for frame in engine.run(recipe, pictures):
        if "loss" in frame.metrics and not frame.final:
            path.append((time.perf_counter() - began, frame.metrics["loss"]))
    return path


def main(
    size: int = 256,
    steps: int = 300,
    backend: str = "onnx",
    pairs: int = 3,
    content: Path | None = None,
    style: Path | None = None,
    parameters: str = "{}",
) -> None:
    """Run every pair three times, and print the table."""
    engine, started = Engine(), {"scales": 1, **json.loads(parameters)}
    given: list[tuple[str, Picture, Picture]] = [
        (f"{photo} {name}", read(get_image(photo)), read(np.asarray(SWATCHES[name].paint())))
        for photo, name in zip(PHOTOS[:pairs], STYLES, strict=False)
    ]
    if content is not None and style is not None:
        given = [(f"{content.stem} {style.stem}", read(content), read(style))]
    table = Table(title=f"{size} px, {steps} steps; from the draft {steps // 3}")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    shares = []
    for name, photo, painting in given:
        pictures = {"content": [photo], "style": [painting]}

        def run(pictures: dict[str, Any] = pictures, **values: Any) -> Steps:
            asked = {**started, **values}
            return descent(
                engine,
                Recipe(method="gatys", size=size, backend=backend, parameters=asked),
                pictures,
            )

        for init in ("content", "draft"):  # loads the nets
            run(init=init, iterations=1)
        with patch.object(gatys, "Adam", PLAIN):
            plain = run(init="content", iterations=steps, learning_rate=PLAIN_RATE)
        whole = run(init="content", iterations=steps)
        quick = run(init="draft", iterations=steps // 3)
        goal = plain[-1][1]
        reached = next((seconds for seconds, loss in quick if loss <= goal), math.inf)
        shares.append(reached / plain[-1][0])
        cells = (goal, plain[-1][0], whole[-1][1], quick[-1][1], quick[0][1], reached, shares[-1])
        table.add_row(name, *(f"{cell:.4g}" for cell in cells))
    Console(width=120).print(table)
    Console().print(f"median share of the baseline's time {statistics.median(shares):.3f}")


if __name__ == "__main__":
    typer.run(main)
