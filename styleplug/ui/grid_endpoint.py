"""The endpoints `/grid` and `/batch`: many runs by one call over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import BadParameter, UsageError
from styleplug.core.params import shortened
from styleplug.engine import Engine
from styleplug.engine.axes import Grid
from styleplug.engine.grid_request import ALL, grid_of, transfers
from styleplug.engine.styles import BUILT_IN, built_in
from styleplug.methods.shared.transfer import CONTENT, STYLE
from styleplug.system.jsontext import plain
from styleplug.ui.context import PageContext
from styleplug.ui.endpoint import declare
from styleplug.ui.errors import shown
from styleplug.ui.grid_form import labelled
from styleplug.ui.grid_run import GridRunner, Progress, called, packed
from styleplug.ui.results import Folder

Answer = tuple[str | None, list[dict[str, Any]]]
DEFAULTS: dict[str, Any] = {
    "content": None,
    "style": None,
    "styles": "",
    "method": "cnn",
    "over": "{}",
    "values": "{}",
    "best": "",
}
"""Inputs of both endpoints."""
DESCRIBED = {
    "content": "The pictures to change.",
    "style": "Pictures that give the style; each makes a result of its own.",
    "styles": "Names of built-in styles with commas between them, or all.",
    "method": "The method, or all.",
    "over": 'Values to try, as JSON: {"size": [256, 512], "method": ["cnn", "gatys"]}.',
    "values": 'Parameters and settings, as JSON: {"strength": 0.8}.',
    "best": "Mark the best result by style_gain or content_kept; empty for none.",
}
"""What the inputs mean."""


def publish(context: PageContext) -> None:
    """Add the endpoints to the page being built, if a method takes a content and a style.

    `/grid` returns (contact sheet, cells), `/batch` returns (ZIP, cells): one entry for each cell
    with its labels, and its scores or error.

    Args:
        context: what the page is built with.
    """
    if not transfers(context.engine.catalogue):
        return
    for name, judged, about in (
        ("grid", True, "Run every combination of values; a labelled contact sheet"),
        ("batch", False, "Paint many pictures; a ZIP of the results"),
    ):
        runner = GridRunner(context, judged=judged)
        outputs: list[Component] = [
            gr.File(label="sheet" if judged else "zip", visible=False),
            gr.JSON(label="cells", visible=False),
        ]
        inputs = [
            gr.File(label=key, file_count="multiple", visible=False)
            if key in (CONTENT, STYLE)
            else gr.Textbox(value, label=key, visible=False)
            for key, value in DEFAULTS.items()
        ]
        gr.on(
            [],
            _endpoint(context.engine, runner, name),
            inputs,
            outputs,
            api_name=name,
            api_description=about,
            preprocess=False,
            concurrency_limit=None,  # runs wait in the line of the engine
        )


def _endpoint(engine: Engine, runner: GridRunner, name: str) -> Callable[..., Iterator[Answer]]:
    """The function of an endpoint, with the names and defaults of its inputs."""

    def endpoint(*values: Any) -> Iterator[Answer]:
        cancel = threading.Event()
        try:
            given = dict(zip(DEFAULTS, values, strict=True))
            grid = _grid(engine, given)
            folder = Folder(name)
            runner.check(grid)
            labels = {number: called(grid, number, {}) for number in range(grid.count)}
            progress = Progress(grid.count)
            for progress in runner.run(grid, labels, folder, cancel, str(given["best"]), "en"):
                told = {"done": progress.ended, "of": progress.total}
                if progress.ahead:
                    told |= {"runs_before": progress.ahead.runs}
                yield None, [told]
            path = progress.sheet if name == "grid" else packed(folder, None)
            yield str(path) if path else None, _cells(grid, progress)
        except Exception as error:
            raise shown(error, "en") from error
        finally:
            cancel.set()

    declare(endpoint, name, DEFAULTS, DESCRIBED)
    return endpoint


def _grid(engine: Engine, given: Mapping[str, Any]) -> Grid:
    """The grid of a call."""
    pictures = {
        CONTENT: labelled(given[CONTENT]),
        STYLE: styles_of(given["styles"], given[STYLE]),
    }
    over, values = (mapping(key, given[key]) for key in ("over", "values"))
    method = str(given["method"])
    if method == ALL:
        over, method = {"method": transfers(engine.catalogue), **over}, ""
    present = {slot: some for slot, some in pictures.items() if some}
    return grid_of(engine.catalogue, method, present, over, values)


def styles_of(names: Any, files: Any) -> dict[str, Path]:
    """Built-in styles and uploaded ones, by name.

    Args:
        names: of built-in styles, with commas between them.
        files: the value of a component for files.

    Raises:
        UsageError: there is no such style.
        BadImage: a file is not an upload.
    """
    wanted = [one.strip() for one in str(names or "").split(",") if one.strip()]
    if strangers := sorted({*wanted} - {*BUILT_IN, ALL}):
        raise UsageError(f"there is no style {strangers[0]!r}; known are: {', '.join(BUILT_IN)}")
    chosen = BUILT_IN if ALL in wanted else wanted
    return {id: built_in(id) for id in chosen} | labelled(files)


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A JSON object, from text or from a value that is already decoded."""
    try:
        found = json.loads(value or "{}") if isinstance(value, str) else value or {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadParameter(
            f'{name} = {shortened(value)}: expected a JSON object such as {{"size": [256, 512]}}'
        )
    return dict(found)


def _cells(grid: Grid, progress: Progress) -> list[dict[str, Any]]:
    """An entry for each finished or failed cell."""
    told = []
    for number in sorted({*progress.made, *progress.failed}):
        labels = {axis.name: axis.labels[at]
                  for axis, at in zip(grid.axes, grid.place(number), strict=True)}  # fmt: skip
        entry: dict[str, Any] = {"labels": labels, "best": number == progress.best}
        if number in progress.failed:
            entry["error"] = progress.failed[number]
        else:
            made = progress.made[number]
            entry["file"] = made.path.name
            if made.report is not None:
                entry["report"] = made.report.model_dump(mode="json")
        told.append(plain(entry))
    return told
