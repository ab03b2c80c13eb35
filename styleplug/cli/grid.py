"""`styleplug batch | grid | sheet`: many runs by one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from styleplug.cli.options import Json

_QUICK = "256"  # size of pictures on a sheet
Style = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|FOLDER|NAME",
        help="A picture, a folder of pictures, the name of a built-in style, or all of these "
        "(all). Repeatable: each style makes a result of its own.",
        show_default=False,
    ),
]
Method = Annotated[
    str, typer.Option(metavar="METHOD", help="Method; several between commas, or all.")
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUES",
        help="Try several values of a parameter or setting, or several methods: "
        "size=256,512 or style_weight=0.5:2:4 (from, to, how many). Repeatable.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set a parameter or setting of all results. Repeatable.",
        show_default=False,
    ),
]
Size = Annotated[str | None, typer.Option(metavar="NUMBER", help="Long side in pixels.")]
RecipeFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Take settings from a recipe; see `styleplug run`."),
]
Scores = Annotated[
    bool, typer.Option("--scores", help="Score each result: style gain and content kept.")
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Run even if it takes weeks, or has a million results.")
]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")]
Names = Annotated[
    str | None,
    typer.Option(
        metavar="TEMPLATE",
        help="Names of the files: {content}-{style}-{method}.png; also {size}, {seed}, {number} "
        "and any parameter. The ending tells the format.",
        show_default=False,
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|ray|ray://HOST:PORT",
        help="Where to compute: on this machine, or on a Ray cluster that sees the same folders.",
    ),
]
Workers = Annotated[int, typer.Option(min=0, help="Results at a time; 0: as many as are useful.")]
Gpus = Annotated[
    float,
    typer.Option(min=0, metavar="NUMBER", help="Graphics card for each worker of a cluster: 0.5."),
]


def batch_command(
    photos: Annotated[
        list[Path], typer.Argument(help="Pictures, and folders of pictures with sub-folders.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of the results; it is created.")
    ],
    style: Style = None,
    method: Method = "cnn",
    size: Size = None,
    over: Over = None,
    set_: Set = None,
    pattern: Annotated[
        str, typer.Option(help='Only files of folders with such names: "*.jpg".')
    ] = "",
    names: Names = None,
    recipe: RecipeFile = None,
    retry_failed: Retry = False,
    scores: Scores = False,
    anyway: Anyway = False,
    engine: Engine = "local",
    workers: Workers = 0,
    gpus: Gpus = 0.0,
    shard: Annotated[
        str,
        typer.Option(
            metavar="NUMBER/COUNT",
            help="Make one of several parts: 3/8. Start each part as a process of its own, on any "
            "machine, with the same folders.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Paint many pictures: whole folders, in one or more styles.

    Results are written at once. Start the same command again to go on after a stop: what is
    finished is skipped, what changed is made again. Exit status 1 if a picture failed.
    """
    from styleplug.cli.follow import Follower, check_apart, grid_asked, styles_asked
    from styleplug.engine.grid_request import files_in
    from styleplug.engine.shard import Shard

    part = Shard.of(shard)
    check_apart(out, photos)
    pictures = {"content": files_in(photos, pattern, [out])} | styles_asked(style)
    run = Follower(grid_asked(pictures, method, over, set_, size, recipe), json)
    run.follow(
        folder=out,
        names=names,
        retry_failed=retry_failed,
        scored=scores,
        anyway=anyway,
        engine=(engine, workers, gpus),
        shard=part,
    )
    run.tell(out)


def grid_command(
    out: Annotated[Path, typer.Option(metavar="FILE", help="File of the contact sheet.")],
    content: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE|FOLDER", help="Content; repeatable.", show_default=False),
    ] = None,
    style: Style = None,
    method: Method = "cnn",
    size: Size = None,
    over: Over = None,
    set_: Set = None,
    cells: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write every result there, and resume from it."),
    ] = None,
    side: Annotated[
        int, typer.Option(min=64, max=2048, help="Long side of a picture on the sheet.")
    ] = 320,
    names: Names = None,
    best: Annotated[
        str,
        typer.Option(metavar="SCORE", help="Frame the best result by style_gain or content_kept."),
    ] = "",
    recipe: RecipeFile = None,
    retry_failed: Retry = False,
    scores: Scores = False,
    anyway: Anyway = False,
    engine: Engine = "local",
    workers: Workers = 0,
    gpus: Gpus = 0.0,
    json: Json = False,
) -> None:
    """Compare methods, parameters, styles: a labelled contact sheet.

    The last axis goes across, the others down: --over method=cnn,gatys,vae --over size=256,512.
    """
    from styleplug.cli.follow import Follower, grid_asked, styles_asked
    from styleplug.cli.streams import check_writable
    from styleplug.engine.grid_request import files_in
    from styleplug.engine.overview import Overview

    pictures = ({"content": files_in(content)} if content else {}) | styles_asked(style)
    grid = grid_asked(pictures, method, over, set_, size, recipe)
    check_writable(out, [*(content or ())], animated=False, overwrite=False)
    run = Follower(grid, json, Overview(grid, side, best))
    run.follow(
        folder=cells,
        names=names,
        retry_failed=retry_failed,
        scored=scores or bool(best),
        anyway=anyway,
        engine=(engine, workers, gpus),
    )
    run.write(out)
    run.tell(out)


def sheet_command(
    photo: Annotated[Path, typer.Argument(help="The picture.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File of the contact sheet.")],
    method: Method = "cnn",
    size: Size = _QUICK,
    set_: Set = None,
    scores: Scores = False,
    json: Json = False,
) -> None:
    """Paint a picture in every built-in style, on one sheet."""
    from styleplug.cli.follow import Follower, grid_asked, styles_asked
    from styleplug.cli.streams import check_writable
    from styleplug.engine.grid_request import ALL, files_in
    from styleplug.engine.overview import Overview

    check_writable(out, [photo], animated=False, overwrite=False)
    pictures = {"content": files_in([photo])} | styles_asked([ALL])
    grid = grid_asked(pictures, method, None, set_, size, None)
    run = Follower(grid, json, Overview(grid))
    run.follow(scored=scores)
    run.write(out)
    run.tell(out)
