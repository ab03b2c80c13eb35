"""`styleplug run METHOD`: a command for each method, created from its declaration.

Its options come from the slots and `Params` of the method and from `Settings` and `Finish`.  Values
are validated as text by the same code as for the page, Python and HTTP, so error messages are the
same everywhere.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from styleplug.cli.console import ERR, print_json, say_note, say_result
from styleplug.cli.options import (
    RESULT_OPTIONS,
    command_of,
    field_options,
    preset_option,
    slot_option,
)
from styleplug.cli.streams import (
    STANDARD,
    check_writable,
    kind_of,
    partial,
    read_input,
    write_output,
)
from styleplug.core.errors import Cancelled, UsageError
from styleplug.core.frame import Frame, Report
from styleplug.core.method import Method
from styleplug.core.params import Params
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.engine import Plan, shared
from styleplug.engine.request import base_of, pictures_of, recipe_of
from styleplug.imaging.sheet import encode_all


@dataclass(frozen=True)
class ResultOptions:
    """The options that say what is done with the result."""

    out: Path
    no_recipe: bool
    keep_metadata: bool
    overwrite: bool
    scores: bool
    json: bool


def method_command(method: Method[Any]) -> Any:
    """The command of a method, for typer's group `run`."""
    groups: dict[str, type[Params]] = {"Parameters": method.params, "Settings": Settings}
    if method.supports_finish():
        groups["Finish"] = Finish

    def call(
        recipe: Path | None, weights: Path | None, preset: str | None = None, **values: Any
    ) -> None:
        asked = ResultOptions(**{name: values.pop(name) for name in ResultOptions.__annotations__})
        files = {slot.id: values.pop(slot.id) or [] for slot in method.slots}
        values = {name: value for name, value in values.items() if value is not None}
        inputs = [*chain.from_iterable(files.values()), *([recipe] if recipe else [])]
        if inputs.count(STANDARD) > 1:
            raise UsageError("standard input can be read only once: use - for one input only")
        if weights is not None:
            values["trained"] = shared().add_trained(weights)
        base = base_of(method, read_input(recipe) if recipe else None, preset)
        wanted = recipe_of(method, values, base)
        animated = method.animated(method.params.of(wanted.parameters))
        check_writable(asked.out, inputs, animated=animated, overwrite=asked.overwrite)
        _run(method, wanted, files, asked)

    options = [slot_option(slot) for slot in method.slots]
    options += [o for panel, fields in groups.items() for o in field_options(fields, panel)]
    options += [*RESULT_OPTIONS, *preset_option(method.presets)]
    about = [escape(method.summary), escape(method.paper)]
    about += ["A picture is a file or a pipe; - reads standard input."] if method.inputs else []
    return command_of(method.id, "\n\n".join(about), options, call)


def _run(
    method: Method[Any], recipe: Recipe, files: Mapping[str, list[Path]], asked: ResultOptions
) -> None:
    """Read the pictures, run the method, write the result and print a summary."""
    engine = shared()
    sources = {slot: [read_input(file) for file in many] for slot, many in files.items()}
    images = pictures_of(method, recipe.size, sources)
    sizes = {slot: [(p.width, p.height) for p in many] for slot, many in images.items()}
    first = next((many[0] for many in images.values()), None)
    with cancel_on_signals() as cancel:
        frames = engine.run(recipe, images, cancel, scored=asked.scores)
        say_note(_planned(engine.plan(recipe, sizes)))
        last = _show(frames)
        report = last.report
        assert report is not None, "the engine's final frame carries its report"
        if not last.images:
            raise Cancelled("stopped before there was a picture; nothing was written")
        out = partial(asked.out) if report.cancelled else asked.out
        kept = None if asked.no_recipe else report.recipe.to_json()
        origin = first.origin if first and asked.keep_metadata else None
        kind = kind_of(out, animated=report.fps > 0)
        write_output(encode_all(last.images, kind, report.fps, kept, origin), out)
    _summarise(report, out, as_json=asked.json)
    if report.cancelled:
        place = "on standard output" if out == STANDARD else f"in {out}"
        raise Cancelled(f"stopped; the picture so far is {place}")


def _planned(plan: Plan) -> str:
    """The estimate for a run, as text."""
    known = (
        f"{plan.width}×{plan.height} px" if plan.width else "",
        "" if plan.seconds is None else f"about {max(1, round(plan.seconds))} s",
        "" if plan.added_mb is None else f"{plan.added_mb:.0f} MB more memory",
        plan.note,
    )
    return ", ".join(filter(None, known))


@contextmanager
def cancel_on_signals() -> Iterator[threading.Event]:
    """Ctrl-C or SIGTERM sets the event, so that the run stops after a step; again: at once."""
    cancel = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        say_note("stopping after this step …")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(frames: Iterable[Frame]) -> Frame:
    """Show the progress of a run on standard error; return its last frame."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    last = None
    with Progress(*columns, console=ERR, transient=True) as progress:
        bar = progress.add_task("starting", total=None)
        for last in frames:
            doing = escape(last.note) or "working"
            progress.update(bar, completed=last.step, total=last.steps or None, description=doing)
    assert last is not None, "a run yields at least its final frame"
    return last


def _summarise(report: Report, out: Path, *, as_json: bool) -> None:
    """Print the notes, and a line about the run: JSON, or text for people."""
    for note in report.notes:
        say_note(note)
    piped = out == STANDARD  # standard output then holds the picture only
    if as_json:
        print_json({**report.model_dump(mode="json"), "out": str(out)}, on_error=piped)
        return
    if not piped:
        say_result(str(out))
    told = {**report.metrics, **report.scores}
    scores = "".join(f", {name} {value:.4g}" for name, value in told.items())
    many = f"{report.count} pictures of " if report.count > 1 else ""
    say_note(
        f"{many}{report.width}×{report.height} px in {report.seconds:.1f} s, "
        f"{report.peak_rss_mb:.0f} MB at most, {report.backend} on {report.provider}{scores}"
    )
