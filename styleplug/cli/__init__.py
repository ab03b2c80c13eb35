"""The command line; `styleplug --help` lists its commands.

Results go to standard output, all other text to standard error.  With `--json`, exactly one line of
JSON is printed, also for a failure.  Exit status: 0 for success, 1 for a failed or stopped command,
2 for a usage error.  A command imports what it needs when it runs, so
`styleplug --help` is fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from itertools import pairwise
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape
from typer.core import TyperGroup

from styleplug.cli.console import (
    ERR,
    escape_unencodable,
    lines_of_json,
    print_json,
    print_rows,
    print_table,
    say_error,
    say_note,
    say_result,
)
from styleplug.cli.deploy import deploy_command
from styleplug.cli.doctor import doctor_command
from styleplug.cli.grid import batch_command, grid_command, sheet_command
from styleplug.cli.options import Json
from styleplug.cli.page import app_command
from styleplug.cli.publish import publish_command
from styleplug.cli.video import video_command
from styleplug.core.errors import StyleplugError, UsageError, WeightError
from styleplug.core.params import Params
from styleplug.system.version import VERSION

FAILED, USAGE = 1, 2
INTERRUPTED = 130  # typer's exit status for Ctrl-C; here it becomes FAILED


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit; an error is shown as one sentence, without a traceback.

    Args:
        arguments: the words after "styleplug"; by default those of this process.
    """
    escape_unencodable()
    words = list(sys.argv[1:] if arguments is None else arguments)
    before = lines_of_json()
    status: str | int | None = FAILED
    error = ""
    try:
        command(words, prog_name="styleplug")
    except SystemExit as leaving:
        status, error = leaving.code, _refused(leaving)
        if status == INTERRUPTED:
            status, error = FAILED, "stopped"
            say_error(error)
    except StyleplugError as failed:
        error = str(failed)
        status = USAGE if isinstance(failed, UsageError) else FAILED
        say_error(error)
    except Exception as failed:
        if os.environ.get("STYLEPLUG_DEBUG"):
            raise
        error = (
            f"unexpected {type(failed).__name__}: {failed}; "
            "set STYLEPLUG_DEBUG=1 for details, and please report it"
        )
        say_error(error)
    if error and "--json" in words and lines_of_json() == before:
        piped = "--out=-" in words or ("--out", "-") in pairwise(words)
        print_json({"error": error, "status": status}, on_error=piped)
    sys.exit(status)


def _refused(leaving: SystemExit) -> str:
    """The message about wrong options, which typer has shown before it leaves; else ""."""
    explain = getattr(leaving.__context__, "format_message", str)
    return str(explain())


def _group(help: str, cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        cls=cls,
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )


class _Methods(TyperGroup):
    """The commands of `run`: one for each method, created when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        from styleplug.methods import catalogue

        return sorted(catalogue().methods)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from styleplug.cli.method import method_command
        from styleplug.methods import catalogue

        return method_command(catalogue().get(cmd_name))


class _Tasks(TyperGroup):
    """The commands of `train`: one for each task, created when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        from styleplug.training import task_ids

        return list(task_ids())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from styleplug.training import load_task

        task = load_task(cmd_name)  # first, because it reports missing packages
        from styleplug.cli.train import task_command

        return task_command(task)


app = _group("Turn photographs into pictures in any style. Each method is a plug-in.")


def _say_version(asked: bool) -> None:
    if asked:
        say_result(VERSION)
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options before the command."""


run = _group("Run a method. `styleplug run METHOD --help` lists its options.", _Methods)
train = _group(
    "Train the net of a method on your own pictures. `styleplug train TASK --help` lists options.",
    _Tasks,
)
weights = _group("List, check and download weight files.")
app.add_typer(run, name="run")
app.add_typer(train, name="train")
app.add_typer(weights, name="weights")
app.command("batch")(batch_command)
app.command("grid")(grid_command)
app.command("sheet")(sheet_command)
app.command("video")(video_command)
app.command("publish")(publish_command)
app.command("deploy")(deploy_command)
app.command("doctor")(doctor_command)
app.command("app")(app_command)


@app.command()
def methods(json: Json = False) -> None:
    """List the methods."""
    from styleplug.core.recipe import Finish, Settings
    from styleplug.methods import catalogue

    found = catalogue()
    if json:
        described = [
            {
                "id": method.id,
                "title": method.title,
                "summary": method.summary,
                "paper": method.paper,
                "inputs": [
                    {"id": slot.id, "least": slot.least, "most": slot.most} for slot in method.slots
                ],
                "parameters": _schema(method.params),
                "finish": method.supports_finish(),
            }
            for method in found.methods.values()
        ]
        shared = {"settings": _schema(Settings), "finish": _schema(Finish)}
        print_json({"methods": described, **shared, "broken": dict(found.broken)})
        return
    rows = [(method.id, method.title, method.summary) for method in found.methods.values()]
    print_table(("method", "title", "what it does"), rows)
    for name, why in found.broken.items():
        say_note(f"{name} cannot be used: {why}")


def _schema(params: type[Params]) -> dict[str, Any]:
    """The JSON schema of each parameter."""
    return dict(params.model_json_schema().get("properties", {}))


@weights.command("list")
def list_weights(json: Json = False) -> None:
    """List the weight files."""
    from styleplug.store import Store

    shown = ("file", "arch", "size", "licence", "source", "present")
    print_rows(Store().listing(), shown, as_json=json)


@weights.command()
def verify(json: Json = False) -> None:
    """Check the sha256 of every weight file."""
    from styleplug.store import Store

    rows = Store().verify()
    print_rows(rows, ("file", "ok", "sha256", "why"), as_json=json)
    if wrong := [str(row["file"]) for row in rows if not row["ok"]]:
        raise WeightError(f"wrong weight files: {', '.join(wrong)}; replace them by the right ones")


@weights.command()
def fetch(
    method: Annotated[
        list[str] | None, typer.Argument(help="Methods to download weights for; by default all.")
    ] = None,
) -> None:
    """Download the preferred weights of methods, for use without a network."""
    from styleplug.methods import catalogue
    from styleplug.store import Store

    found, store, missed = catalogue(), Store(), []
    for id in method or list(found.methods):
        for key, sources in found.get(id).weights.items():
            file = _follow(store.resolve(sources))
            say_result(f"{id} {key}: {file.source}, {file.path}")
            if file.note:
                missed.append(f"{id} {key}: {file.note}")
    if missed:
        raise WeightError("; ".join(missed))


def _follow(steps: Generator[str, None, Any]) -> Any:
    """Run a generator, show what it yields on standard error, and give what it returns."""
    with ERR.status("searching") as status:
        while True:
            try:
                status.update(escape(next(steps)))
            except StopIteration as done:
                return done.value


command: Callable[..., Any] = typer.main.get_command(app)
