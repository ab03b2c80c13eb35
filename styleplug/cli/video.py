"""`styleplug video CLIP`: paint a clip without flicker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from styleplug.cli.console import ERR, print_json, say_note, say_result
from styleplug.cli.grid import RecipeFile, Set, Size
from styleplug.cli.options import Json
from styleplug.core.errors import Cancelled, UsageError
from styleplug.core.params import described
from styleplug.core.recipe import Part

if TYPE_CHECKING:
    from styleplug.engine.video import VideoReport, VideoRun


Style = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|NAME",
        help="A picture, or the name of a built-in style. Repeatable: styles are blended.",
        show_default=False,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Paint only what is white or opaque in this picture."),
]


def _declared(name: str, flag: str) -> Any:
    """The option for one of `Part`."""
    return typer.Option(
        flag, metavar="NUMBER", help=described(Part.model_fields[name]), show_default=False
    )


Out = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="File for the result: .mp4, .mov, .mkv or .webm. If you stop with Ctrl-C, the frames "
        "so far are in NAME.partial beside it.",
    ),
]


def video_command(
    clip: Annotated[Path, typer.Argument(help="The video.")],
    out: Out,
    style: Style = None,
    method: Annotated[str, typer.Option(metavar="METHOD", help="Method.")] = "cnn",
    mask: Mask = None,
    smooth: Annotated[str | None, _declared("smooth", "--smooth")] = None,
    start: Annotated[str | None, _declared("start", "--from")] = None,
    end: Annotated[str | None, _declared("end", "--to")] = None,
    fps: Annotated[str | None, _declared("fps", "--fps")] = None,
    size: Size = None,
    set_: Set = None,
    recipe: RecipeFile = None,
    json: Json = False,
) -> None:
    """Paint a video frame by frame, without flicker.

    The sound is copied. Memory does not grow with the length. It needs PyAV and OpenCV, which the
    extra `video` installs.
    """
    from styleplug.cli.follow import pair
    from styleplug.cli.method import cancel_on_signals
    from styleplug.engine import shared
    from styleplug.engine.grid_request import styles_in
    from styleplug.engine.request import base_of, request_of
    from styleplug.engine.video import VideoRun

    if out.resolve() == clip.resolve():
        raise UsageError(f"{out} is the video itself and would be replaced: choose another --out")
    values: dict[str, Any] = {"mask": mask, **dict(pair(one, "--set") for one in set_ or [])}
    values |= {} if size is None else {"size": size}
    values |= {"style": list(styles_in(style).values())} if style else {}
    found = shared().catalogue.get(method)
    wanted, pictures = request_of(found, values, base_of(found, recipe, None))
    asked = {"smooth": smooth, "start": start, "end": end, "fps": fps}
    part = Part.of({name: value for name, value in asked.items() if value is not None})
    with cancel_on_signals() as cancel:
        run = VideoRun(shared(), wanted, clip, pictures, out, part, cancel)
        _show(run)
    _summarise(run, as_json=json)


def _show(run: VideoRun) -> None:
    """Show the progress on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True) as progress:
        bar = progress.add_task("", total=run.count or None)
        for frame in run:
            progress.update(bar, completed=frame.number, total=frame.count)


def _summarise(run: VideoRun, *, as_json: bool) -> None:
    """Print the notes and a line about the run.

    Raises:
        Cancelled: it was stopped.
    """
    report = run.report
    assert report is not None, "an iterated run has a report"
    for note in report.notes:
        say_note(note)
    if as_json:
        told = {"frames": report.frames, "skipped": report.skipped, "cuts": report.cuts}
        print_json({**told, "seconds": report.seconds, "out": str(report.out),
                    "run": report.run.model_dump(mode="json")})  # fmt: skip
    else:
        say_result(str(report.out))
        say_note(_line(report))
    if report.cancelled:
        raise Cancelled(f"stopped; the frames so far are in {report.out}")


def _line(report: VideoReport) -> str:
    damaged = f", {report.skipped} damaged frames left out" if report.skipped else ""
    scenes = f", {report.cuts + 1} scenes" if report.cuts else ""
    return (
        f"{report.frames} frames of {report.run.width}×{report.run.height} px in "
        f"{report.seconds:.1f} s ({report.frames / report.seconds:.1f} a second){scenes}{damaged}"
    )
