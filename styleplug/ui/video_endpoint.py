"""The endpoint `/video`: a painted clip by one call over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from styleplug.core.errors import UsageError
from styleplug.core.params import described
from styleplug.core.recipe import Part, Settings
from styleplug.engine import Engine
from styleplug.engine.request import recipe_of
from styleplug.engine.video import painters
from styleplug.methods.shared.transfer import STYLE
from styleplug.system.jsontext import plain
from styleplug.ui.context import PageContext
from styleplug.ui.endpoint import declare
from styleplug.ui.errors import shown
from styleplug.ui.grid_endpoint import DESCRIBED as OF_GRID
from styleplug.ui.grid_endpoint import mapping, styles_of
from styleplug.ui.uploads import uploaded
from styleplug.ui.video_run import Asked, VideoRunner

Answer = tuple[str | None, dict[str, Any]]
DEFAULTS: dict[str, Any] = {
    "clip": None,
    "style": None,
    "styles": "",
    "method": "cnn",
    "values": "{}",
    **{name: info.default for name, info in Part.model_fields.items()},
}
"""Inputs of the endpoint."""
TOLD = ("frames", "skipped", "cuts", "seconds", "notes")  # of a report
DESCRIBED = {
    "clip": "The video to paint.",
    "style": "Pictures that give the style; several are blended.",
    "styles": OF_GRID["styles"],
    "method": "The method: any that repaints a picture.",
    "values": OF_GRID["values"],
    **{name: described(info) for name, info in Part.model_fields.items()},
}
"""What the inputs mean."""


def publish(context: PageContext, runner: VideoRunner) -> None:
    """Add the endpoint to the page being built.

    It returns (video, report).  During the run there is no video, and the report is the progress,
    or `runs_before` while it waits.  A call that is cancelled is stopped.

    Args:
        context: what the page is built with.
        runner: paints.
    """
    inputs = [
        gr.File(label=key, file_count="multiple" if key == STYLE else "single", visible=False)
        if key in ("clip", STYLE)
        else gr.Number(value, label=key, visible=False)
        if key in Part.model_fields
        else gr.Textbox(value, label=key, visible=False)
        for key, value in DEFAULTS.items()
    ]
    gr.on(
        [],
        _endpoint(context.engine, context.settings, runner),
        inputs,
        [gr.File(label="video", visible=False), gr.JSON(label="report", visible=False)],
        api_name="video",
        api_description="Paint a video without flicker; an MP4 with its sound",
        preprocess=False,
        concurrency_limit=None,  # runs wait in the line of the engine
    )


def _endpoint(
    engine: Engine, settings: type[Settings], runner: VideoRunner
) -> Callable[..., Iterator[Answer]]:
    """The function of the endpoint, with the names and defaults of its inputs."""

    def endpoint(*values: Any) -> Iterator[Answer]:
        cancel = threading.Event()
        try:
            asked = _asked(engine, settings, dict(zip(DEFAULTS, values, strict=True)))
            for moment in runner.run(asked, cancel):
                if report := moment.report:
                    told = {name: getattr(report, name) for name in TOLD}
                    ended = {"stopped": report.cancelled, "run": report.run.model_dump(mode="json")}
                    yield str(report.out), plain(told | ended)
                elif moment.ahead:
                    yield None, {"runs_before": moment.ahead.runs}
                else:
                    yield None, {"frame": moment.number, "frames": moment.count}
        except Exception as error:
            raise shown(error, "en") from error
        finally:
            cancel.set()

    declare(endpoint, "video", DEFAULTS, DESCRIBED)
    return endpoint


def _asked(engine: Engine, settings: type[Settings], given: Mapping[str, Any]) -> Asked:
    """What a call asks for.

    Raises:
        StyleplugError: a value is wrong, or something is missing.
    """
    if not given["clip"]:
        raise UsageError("a video is missing: choose one")
    id, known = str(given["method"]), painters(engine.catalogue)
    if id not in known:
        raise UsageError(f"unknown method {id!r}; known are: {', '.join(known)}")
    recipe = recipe_of(engine.catalogue.get(id), mapping("values", given["values"]), None, settings)
    styles = list(styles_of(given["styles"], given[STYLE]).values())
    part = Part.of({name: given[name] for name in Part.model_fields})
    return Asked(uploaded(given["clip"]), recipe, {STYLE: styles}, part)
