"""`styleplug train TASK`: a command for each training task, created from its declaration.

Its options come from the parameters of the task and of the loop; values are validated as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from inspect import Parameter
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from styleplug.cli.console import ERR, print_json, say_note, say_result
from styleplug.cli.method import cancel_on_signals
from styleplug.cli.options import JSON, command_of, field_options, option
from styleplug.core.errors import Cancelled
from styleplug.training.loop import train
from styleplug.training.loop.progress import Progress, Report, format_values
from styleplug.training.loop.setup import Loop, Setup
from styleplug.training.loop.task import TaskSpec


def task_command(task: TaskSpec) -> Any:
    """The command of a task, for typer's group `train`."""

    def call(
        data: list[Path] | None,
        out: Path,
        resume: bool,
        teacher: Path | None,
        json: bool,
        styles: list[Path] | None = None,
        **values: Any,
    ) -> None:
        setup = (Setup.resumed if resume else Setup.of)(
            task,
            out=out,
            data=data or (),
            styles=styles or (),
            teacher=teacher,
            options={name: value for name, value in values.items() if value is not None},
        )
        _train(setup, as_json=json)

    options = [*_run_options(task), JSON]
    options += [*field_options(Loop, "Training"), *field_options(task.params, "Parameters")]
    return command_of(task.id, escape(task.summary), options, call)


def _run_options(task: TaskSpec) -> Iterator[Parameter]:
    """The options that say what a run reads and writes."""
    folders: dict[str, str] = {"data": "Training pictures, including sub-folders. Repeatable."}
    if task.takes_styles:
        folders["styles"] = "Paintings or patterns that give the styles. Repeatable."
    for name, help in folders.items():
        yield option(name, list[Path] | None, help, "Run", metavar="FOLDER")
    yield option(
        "out",
        Path,
        "Folder for checkpoint, weights, samples, curve and log.",
        "Run",
        default=Parameter.empty,
        metavar="FOLDER",
    )
    yield option(
        "resume",
        bool,
        "Continue the run in --out from its last checkpoint. No other option is needed; limits, "
        "rate, device and intervals may be changed.",
        "Run",
        default=False,
    )
    yield option(
        "teacher",
        Path | None,
        "Weights (safetensors) of VGG-19 or SqueezeNet 1.0, or vgg19 to download those of VGG-19 "
        "from the Hub: compare pictures by its features instead of those of the embedded encoder.",
        "Run",
        metavar="FILE",
    )


def _train(setup: Setup, *, as_json: bool) -> None:
    """Train, show the progress, and print a summary at the end."""
    with cancel_on_signals() as cancel:
        report = _show(train(setup, cancel))
    if report is None:  # this is not the main process
        return
    if as_json:
        print_json({**asdict(report), "out": str(setup.out)})
    else:
        say_result(str(setup.out))
    counted = f", {len(report.skipped)} files skipped" if report.skipped else ""
    say_note(
        f"{report.step} steps in {report.seconds / 60:.1f} min on {report.device}, "
        f"{report.pictures} pictures{counted}; best at step {report.best_step}: "
        f"{format_values(report.best)}"
    )
    if report.stopped:
        raise Cancelled(
            f"stopped at step {report.step}; the run is kept in {setup.out}: continue with --resume"
        )


def _show(run: Iterable[Progress]) -> Report | None:
    """Show a run on standard error: a bar, and a line for new scores; return its report."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    report, scores = None, None
    with Bar(*columns, console=ERR, transient=True) as bars:
        bar = bars.add_task("starting", total=None, left="")
        for progress in run:
            for warning in progress.warnings:
                say_note(warning)
            if progress.scores and progress.scores != scores:
                scores = progress.scores
                say_note(
                    f"step {progress.step}: {format_values(progress.losses)}; "
                    f"held out: {format_values(scores)}"
                )
            known = progress.step > 0
            bars.update(
                bar,
                completed=progress.share,
                total=1.0 if known else None,
                description=_doing(progress),
                left="" if progress.remaining is None else f"{_long(progress.remaining)} left",
            )
            report = progress.report
    return report


def _doing(progress: Progress) -> str:
    """The text of the bar."""
    if not progress.step:
        return escape(progress.note)
    of = f"/{progress.steps}" if progress.steps else ""
    total = f", loss {sum(progress.losses.values()):.4g}" if progress.losses else ""
    return f"step {progress.step}{of}{total}"


def _long(seconds: float) -> str:
    """A duration as text."""
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
