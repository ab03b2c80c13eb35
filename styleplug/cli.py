"""The command line.

What `styleplug run METHOD` accepts is read from the method's declaration: its slots and `Params`,
the engine's `Settings` and `Finish`.  Values go as text to the same validation that serves the
page, Python and HTTP, so that an error reads the same everywhere.

Results go to standard output, everything else to standard error.  Exit status: 0 done, 1 failed
or stopped, 2 a usage error.  Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from styleplug.core.errors import Cancelled, OutputError, StyleplugError, UsageError

if TYPE_CHECKING:
    from styleplug.core.frame import Frame, Report
    from styleplug.core.method import Method, Slot
    from styleplug.core.params import Params
    from styleplug.core.recipe import Recipe
    from styleplug.methods import Catalogue

FAILED, USAGE = 1, 2
INTERRUPTED = 130  # typer's status for Ctrl-C, which we count among the failures

_out = Console(soft_wrap=True)
_err = Console(stderr=True, soft_wrap=True)


def main() -> NoReturn:
    """Run the command of `sys.argv` and exit; errors become one sentence, never a traceback."""
    try:
        command(prog_name="styleplug")
    except SystemExit as leaving:
        sys.exit(FAILED if leaving.code == INTERRUPTED else leaving.code)
    except KeyboardInterrupt:
        _say("stopped")
    except UsageError as error:
        _say(str(error))
        sys.exit(USAGE)
    except StyleplugError as error:
        _say(str(error))
    except Exception as error:
        if os.environ.get("STYLEPLUG_DEBUG"):
            raise
        _say(
            f"unexpected {type(error).__name__}: {error}; "
            "set STYLEPLUG_DEBUG=1 for details, and please report it"
        )
    sys.exit(FAILED)


def _say(sentence: str) -> None:
    """A sentence for the user, on standard error."""
    _err.print(f"styleplug: {sentence}", style="red", markup=False, highlight=False)


def _note(sentence: str) -> None:
    """A remark or a warning, on standard error."""
    _err.print(sentence, style="yellow", markup=False, highlight=False)


def _json(value: Any) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def _typer(help: str, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """A group of commands with the settings that all of ours share."""
    return typer.Typer(
        cls=cls,
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )


def _catalogue() -> Catalogue:
    """The methods there are, built in and plugged in."""
    from styleplug.methods import discover

    return discover()


# --- run -------------------------------------------------------------------------------------


class _MethodGroup(TyperGroup):
    """The sub-commands of `run`: one for each method, made when it is asked for."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(_catalogue().methods)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        return _method_command(_catalogue().get(cmd_name))


app = _typer("Turn photographs into pictures in any style. Each method is a plug-in.")
run = _typer("Run a method. `styleplug run METHOD --help` lists its options.", _MethodGroup)
weights = _typer("Weight files: where they come from, and whether they are what they should be.")
app.add_typer(run, name="run")
app.add_typer(weights, name="weights")

OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        rich_help_panel="Result",
        help="Where the picture goes; the ending says the format. A run stopped with Ctrl-C "
        "leaves what it had in NAME.partial beside it.",
    ),
]
RecipeOption = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        rich_help_panel="Result",
        help="Take all settings from a recipe: a JSON file, or a PNG made by styleplug. "
        "Options given beside it win.",
    ),
]
NoRecipeOption = Annotated[
    bool,
    typer.Option("--no-recipe", rich_help_panel="Result", help="Leave the recipe out of the PNG."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print what happened as one line of JSON.")
]


def _method_command(method: Method[Any]) -> Any:
    """The command of a method; its signature is made from the declaration."""
    from styleplug.core.recipe import Finish, Settings

    groups = {"Parameters": method.params, "Settings": Settings, "Finish": Finish}

    def call(out: Path, recipe: Path | None, no_recipe: bool, json: bool, **given: Any) -> None:
        paths = {slot.id: given.get(slot.id) or [] for slot in method.inputs}
        values = {
            group: {name: given[name] for name in fields.model_fields if given[name] is not None}
            for group, fields in groups.items()
        }
        _run(_recipe(method, values, recipe), paths, out, keep_recipe=not no_recipe, as_json=json)

    options = [_slot_option(slot) for slot in method.inputs]
    options += [o for panel, fields in groups.items() for o in _field_options(fields, panel)]
    options += [
        _option("out", OutOption),
        _option("recipe", RecipeOption, None),
        _option("no_recipe", NoRecipeOption, False),
        _option("json", JsonOption, False),
    ]
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    single = _typer("")
    single.command(method.id, help=f"{escape(method.summary)}\n\n{escape(method.paper)}")(call)
    return typer.main.get_command(single)


def _option(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> Any:
    """A keyword of the signature that typer reads."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _slot_option(slot: Slot) -> inspect.Parameter:
    """`--style FILE`; repeatable, so that too many are an error and not silently dropped."""
    many = f" Give it up to {slot.most} times." if slot.most > 1 else ""
    option = typer.Option(
        f"--{slot.id}",
        metavar="FILE",
        help=escape(slot.help) + many,
        rich_help_panel="Pictures",
        show_default=False,
    )
    return _option(slot.id, Annotated[list[Path] | None, option], None)


def _field_options(fields: type[Params], panel: str) -> Iterator[inspect.Parameter]:
    """An option for every field.

    Its default is None, "not given": the only default stands in the field, as do the bounds, so
    that numbers and choices travel as text to `Params.of`.
    """
    from styleplug.core.params import bounds_of, choices_of, hint_of

    for name, info in fields.model_fields.items():
        hint = hint_of(info)
        flag = "--" + name.replace("_", "-")
        kind, metavar = str, "|".join(choices_of(info)) or "NUMBER"
        if info.annotation is bool:
            kind, flag, metavar = bool, f"{flag}/--no-{flag[2:]}", None
        elif isinstance(info.default, tuple):
            metavar = '"NUMBER …"'
        elif info.annotation is str:
            metavar = "TEXT"
        unit = hint.unit and f" {hint.unit}"
        low, high = (None if end is None else f"{end:.10g}" for end in bounds_of(info))
        range_ = f"{low} to {high}, " if low and high else ""
        option = typer.Option(
            flag,
            metavar=metavar,
            help=escape(f"{hint.help} ({range_}default {_text(info.default)}{unit})"),
            rich_help_panel=panel,
            show_default=False,
        )
        yield _option(name, Annotated[kind | None, option], None)


def _text(default: Any) -> str:
    """A default as the user would type it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ", ".join(f"{number:g}" for number in default) or "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _recipe(
    method: Method[Any], values: Mapping[str, Mapping[str, Any]], file: Path | None
) -> Recipe:
    """What to do: the recipe of `file`, if any, with the given options over it, all checked."""
    from styleplug.core.image import read_recipe
    from styleplug.core.recipe import Finish, Recipe

    base = Recipe(method=method.id)
    if file is not None:
        text = read_recipe(file)
        if text is None:
            raise UsageError(f"{file} holds no recipe; expected a PNG or JSON made by styleplug")
        base = Recipe.from_json(text)
    if base.method != method.id:
        raise UsageError(
            f"the recipe of {file} is for {base.method!r}; use `styleplug run {base.method}`"
        )
    parameters = method.params.of({**base.parameters, **values["Parameters"]})
    finish = Finish.of({**dict(base.finish), **values["Finish"]})
    fixed = {"parameters": parameters.model_dump(), "finish": finish}
    return Recipe.of({**dict(base), **values["Settings"], **fixed})


def _run(
    recipe: Recipe, paths: Mapping[str, list[Path]], out: Path, *, keep_recipe: bool, as_json: bool
) -> None:
    """Read the pictures, run, write the result and say what happened."""
    from styleplug.core.image import read, write
    from styleplug.engine import shared

    _check_writable(out)
    images = {slot: [read(path) for path in files] for slot, files in paths.items() if files}
    engine = shared()
    sizes = {slot: [(p.width, p.height) for p in many] for slot, many in images.items()}
    with _cancel_on_ctrl_c() as cancel:
        _note(engine.plan(recipe, sizes).note)
        last = _show(engine.run(recipe, images, cancel))
    report = last.report
    assert report is not None, "the engine's final frame carries its report"
    if not last.images:
        raise Cancelled("stopped before there was a picture; nothing was written")
    if report.cancelled:
        out = out.with_name(f"{out.stem}.partial{out.suffix}")
    write(last.images[0], out, recipe=report.recipe.to_json() if keep_recipe else None)
    for note in report.notes:
        _note(note)
    if as_json:
        _json({**report.model_dump(mode="json"), "out": str(out)})
    else:
        _out.print(str(out), markup=False, highlight=False)
        _err.print(_summary(report), markup=False, highlight=False)
    if report.cancelled:
        raise Cancelled(f"stopped; the picture so far is in {out}")


def _summary(report: Report) -> str:
    """What happened, for a person."""
    scores = "".join(f", {name} {value:.4g}" for name, value in report.metrics.items())
    return (
        f"{report.width}×{report.height} px in {report.seconds:.1f} s, "
        f"{report.peak_rss_mb:.0f} MB at most, {report.backend} on {report.provider}{scores}"
    )


def _check_writable(out: Path) -> None:
    """Find out before the run, not after it, that the result cannot be written.

    Raises:
        OutputError: unknown ending, the folder is missing or read-only, or `out` is a folder.
    """
    from styleplug.core.image import format_of

    format_of(out)
    if out.is_dir():
        raise OutputError(f"--out {out} is a folder; give the name of a picture in it")
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
def _cancel_on_ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that the run stops within a step; a second one ends at once."""
    cancel = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        _note("stopping after this step …")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


def _show(frames: Iterable[Frame]) -> Frame:
    """Follow a run on standard error; its last frame."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_err,
        transient=True,
    )
    last = None
    with bar:
        task = bar.add_task("starting", total=None)
        for last in frames:
            description = escape(last.note) or "working"
            bar.update(task, completed=last.step, total=last.steps or None, description=description)
    assert last is not None, "a run yields at least its final frame"
    return last


# --- the other commands ----------------------------------------------------------------------


@app.command()
def methods(json: JsonOption = False) -> None:
    """List the methods there are."""
    found = _catalogue()
    if json:
        described = [
            {
                "id": method.id,
                "title": method.title,
                "summary": method.summary,
                "paper": method.paper,
                "inputs": [{"id": slot.id, "most": slot.most} for slot in method.inputs],
                "parameters": method.params.model_json_schema().get("properties", {}),
            }
            for method in found.methods.values()
        ]
        _json({"methods": described, "broken": dict(found.broken)})
        return
    _table(
        ("method", "title", "what it does"),
        [(method.id, method.title, method.summary) for method in found.methods.values()],
    )
    for name, why in found.broken.items():
        _note(f"{name} could not be loaded: {why}")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A table on standard output."""
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    _out.print(table)


@weights.command("list")
def list_weights(json: JsonOption = False) -> None:
    """List the weight files at hand."""
    from styleplug.store import Store

    _rows(Store().listing(), json)


@weights.command()
def verify(json: JsonOption = False) -> None:
    """Compare the sha256 of every weight file with the one it should have."""
    from styleplug.store import Store

    rows = Store().verify()
    _rows(rows, json)
    if wrong := [str(row["file"]) for row in rows if not row["ok"]]:
        raise StyleplugError(f"not what they should be: {', '.join(wrong)}; fetch them again")


@weights.command()
def fetch(
    method: Annotated[
        list[str] | None, typer.Argument(help="Methods to fetch for; all of them if left out.")
    ] = None,
) -> None:
    """Download the weights that methods prefer, to have them when there is no network."""
    from styleplug.store import Store

    found, store, missed = _catalogue(), Store(), []
    for id in method or list(found.methods):
        for key, sources in found.get(id).weights.items():
            file = _follow(store.resolve(sources))
            _out.print(f"{id} {key}: {file.source} {file.path}", markup=False, highlight=False)
            if file.note:
                missed.append(f"{id} {key}: {file.note}")
    if missed:
        raise StyleplugError("; ".join(missed))


def _follow(steps: Any) -> Any:
    """Show the notes that a generator yields on standard error; what it returns."""
    with _err.status("looking") as status:
        while True:
            try:
                status.update(escape(next(steps)))
            except StopIteration as done:
                return done.value


def _rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Like rows, as a line of JSON or as a table."""
    if as_json:
        _json(rows)
    elif rows:
        _table(tuple(rows[0]), [tuple(str(value) for value in row.values()) for row in rows])
    else:
        _note("none")


@app.command("app")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 7860,
    share: Annotated[bool, typer.Option(help="Also make a public link, for a week.")] = False,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="USER:PASSWORD",
            envvar="STYLEPLUG_AUTH",
            help="Ask visitors for this name and password. The variable keeps it out of the list "
            "of processes.",
        ),
    ] = None,
) -> None:
    """Start the page."""


command: Callable[..., Any] = typer.main.get_command(app)
