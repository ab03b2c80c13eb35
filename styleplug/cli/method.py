"""`styleplug run METHOD`: a command for each method, made from its declaration when asked for.

What it accepts is read from the method's slots and `Params` and the engine's `Settings` and
`Finish`.  Values go as text to the same validation that serves the page, Python and HTTP, so that
an error reads the same everywhere.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import Signature
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from styleplug import _base, _recipe
from styleplug.cli.console import ERR, print_json, say_note, say_result
from styleplug.cli.options import RESULT_OPTIONS, field_options, slot_option
from styleplug.core.errors import Cancelled, OutputError
from styleplug.core.frame import Frame, Report
from styleplug.core.image import format_of, read
from styleplug.core.method import Method
from styleplug.core.params import Params
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.core.sheet import write_all
from styleplug.engine import Plan, longest, shared


def method_command(method: Method[Any]) -> Any:
    """The command of a method, for typer's group `run`."""
    groups: dict[str, type[Params]] = {"Parameters": method.params, "Settings": Settings}
    if method.finishes():
        groups["Finish"] = Finish

    def call(
        out: Path,
        recipe: Path | None,
        no_recipe: bool,
        weights: Path | None,
        json: bool,
        **values: Any,
    ) -> None:
        files = {slot.id: values.pop(slot.id) or [] for slot in method.inputs}
        given = {name: value for name, value in values.items() if value is not None}
        if weights is not None:
            given["trained"] = shared().add_trained(weights)
        wanted = _recipe(method.id, _base(recipe), given)
        _run(wanted, files, out, keep_recipe=not no_recipe, as_json=json)

    options = [slot_option(slot) for slot in method.inputs]
    options += [o for panel, fields in groups.items() for o in field_options(fields, panel)]
    options += RESULT_OPTIONS
    call.__signature__ = Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    single.command(method.id, help=f"{escape(method.summary)}\n\n{escape(method.paper)}")(call)
    return typer.main.get_command(single)


def _run(
    recipe: Recipe, files: Mapping[str, list[Path]], out: Path, *, keep_recipe: bool, as_json: bool
) -> None:
    """Read the pictures, run, write the result and say what happened."""
    engine = shared()
    method = engine.catalogue.get(recipe.method)
    _check_writable(out, animated=method.animated(method.params.of(recipe.parameters)))
    most = longest(method, recipe.size)
    images = {
        slot: [read(file, longest=most[slot]) for file in many]
        for slot, many in files.items()
        if many
    }
    sizes = {slot: [(p.width, p.height) for p in many] for slot, many in images.items()}
    with cancel_on_ctrl_c() as cancel:
        frames = engine.run(recipe, images, cancel)
        say_note(_planned(engine.plan(recipe, sizes)))
        last = _show(frames)
    report = last.report
    assert report is not None, "the engine's final frame carries its report"
    if not last.images:
        raise Cancelled("stopped before there was a picture; nothing was written")
    if report.cancelled:  # never in place of a finished picture, nor to be taken for one
        out = out.with_name(f"{out.stem}.partial{out.suffix}")
    write_all(last.images, out, report.fps, report.recipe.to_json() if keep_recipe else None)
    _tell(report, out, as_json=as_json)
    if report.cancelled:
        raise Cancelled(f"stopped; the picture so far is in {out}")


def _planned(plan: Plan) -> str:
    """What a run will take, for a person."""
    known = (
        f"{plan.width}×{plan.height} px" if plan.width else "",
        "" if plan.seconds is None else f"about {max(1, round(plan.seconds))} s",
        "" if plan.peak_mb is None else f"{plan.peak_mb:.0f} MB",
        plan.note,
    )
    return ", ".join(filter(None, known))


def _check_writable(out: Path, *, animated: bool) -> None:
    """Find out before the run, not after it, that the result cannot be written.

    Raises:
        OutputError: unknown ending, or one that holds no animation, the folder is missing or
            read-only, or `out` is a folder.
    """
    if out.is_dir():
        raise OutputError(f"--out {out} is a folder; give the name of a picture in it")
    format_of(out, animated=animated)
    if not out.parent.is_dir():
        raise OutputError(f"--out {out}: there is no folder {out.parent}; make it first")
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"--out {out}: cannot write into {out.parent} ({error.strerror}); choose another folder"
        ) from None


@contextmanager
def cancel_on_ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that the run stops within a step; a second one ends at once."""
    cancel = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        say_note("stopping after this step …")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


def _show(frames: Iterable[Frame]) -> Frame:
    """Follow a run on standard error; its last frame."""
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


def _tell(report: Report, out: Path, *, as_json: bool) -> None:
    """Say what happened: a line for a program or for a person, and warnings in any case."""
    for note in report.notes:
        say_note(note)
    if as_json:
        print_json({**report.model_dump(mode="json"), "out": str(out)})
        return
    say_result(str(out))
    scores = "".join(f", {name} {value:.4g}" for name, value in report.metrics.items())
    many = f"{report.count} pictures of " if report.count > 1 else ""
    say_note(
        f"{many}{report.width}×{report.height} px in {report.seconds:.1f} s, "
        f"{report.peak_rss_mb:.0f} MB at most, {report.backend} on {report.provider}{scores}"
    )
