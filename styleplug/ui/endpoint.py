"""The HTTP endpoint of a method, with the parameter names and defaults of its declaration."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from styleplug.system.jsontext import plain
from styleplug.ui.errors import shown
from styleplug.ui.form import Form
from styleplug.ui.live import follow
from styleplug.ui.results import Folder
from styleplug.ui.traffic import Traffic

if TYPE_CHECKING:
    from styleplug.engine import Engine


def declare(
    endpoint: Callable[..., Any],
    name: str,
    defaults: Mapping[str, Any],
    described: Mapping[str, str],
) -> None:
    """Give the function of an endpoint what gradio reads from it, also as a tool of MCP.

    Args:
        endpoint: a function of any number of values.
        name: the name of the tool.
        defaults: of its inputs, by name and in order.
        described: texts on the inputs by name.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(key, kind, default=value) for key, value in defaults.items()]
    )
    endpoint.__name__ = name
    lines = [f"    {key}: {' '.join(text.split())}" for key, text in described.items()]
    endpoint.__doc__ = "\n".join((name, "", "Args:", *lines))


SCORES = "scores"
"""Name of the input that asks for scores, as on the command line and in Python."""


def publish(form: Form, engine: Engine, traffic: Traffic, scored: gr.Checkbox) -> None:
    """Add the endpoint `/METHOD` to the page being built.

    It returns (image, report).  During the run, there is no image, and the report is the progress,
    or before the run `runs_before` and the estimated `seconds` until it begins.
    At the end, the image is a PNG with its recipe (a sheet of several pictures; a WebP for an
    animation), and the report is that of the run.  Methods with a content and a style also take
    `scores`, the value of the checkbox `scored`.
    """
    method = form.method
    names, inputs = form.names, form.components
    defaults, described = form.defaults, form.described
    if form.judged:
        names, inputs = [*names, SCORES], [*inputs, scored]
        defaults = defaults | {SCORES: False}
        described = described | {SCORES: "Report style gain and content kept."}
    picture = gr.Image(label="image", format="png", visible=False)
    report = gr.JSON(label="report", visible=False)

    def endpoint(*values: Any) -> Iterator[tuple[str | None, dict[str, Any]]]:
        given = dict(zip(names, values, strict=True))
        cancel = threading.Event()
        try:
            wanted = bool(given.get(SCORES))
            recipe, title = form.recipe(given), form.title(given)
            plan = engine.plan(recipe, form.sizes(given))
            size = f"{plan.width}x{plan.height}"
            with traffic.run(method.id, size, plan.seconds, cancel) as turn:
                for ahead in turn:
                    yield None, {"runs_before": ahead.runs, "seconds": round(ahead.seconds, 1)}
                run = engine.run(recipe, form.read(given), cancel, scored=wanted)
                for moment in follow(run, cancel):
                    frame = moment.frame
                    if frame.report is None:
                        yield None, {"step": frame.step, "steps": frame.steps, "note": frame.note}
                        continue
                    kept = Folder(title).keep(frame)
                    yield str(kept), plain(frame.report.model_dump(mode="json"))
        except Exception as error:
            raise shown(error, "en") from error

    declare(endpoint, method.id, defaults, described)
    gr.on(
        [],
        endpoint,
        inputs,
        [picture, report],
        api_name=method.id,
        api_description=f"{method.title}. {method.summary}",
        preprocess=False,
        concurrency_limit=None,  # runs wait in the line of the engine
    )
