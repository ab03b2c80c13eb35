"""The command that serves the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from styleplug.cli.console import say_note
from styleplug.core.errors import UsageError

if TYPE_CHECKING:
    from styleplug.engine import Engine

Weights = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER",
        help="A result of `styleplug train` that visitors may choose. Repeatable. To offer all "
        "results in a folder, set STYLEPLUG_RUNS to that folder.",
    ),
]
Train = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        envvar="STYLEPLUG_TRAIN",
        help="Add a tab that trains networks on uploaded pictures, and store its runs in this "
        "folder. If others can reach the page, --auth is needed too.",
    ),
]
Kept = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        envvar="STYLEPLUG_GALLERY",
        help="Keep every result in this folder, and add a tab that shows them. Not possible "
        "on a public page; if others can reach the page, --auth is needed too.",
    ),
]
Styles = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        envvar="STYLEPLUG_STYLES",
        help="Also offer the pictures of this folder and its sub-folders as styles. Visitors see "
        "their names and get copies.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        envvar="GRADIO_SERVER_NAME", help="Address to listen on; by default only this machine."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        envvar="GRADIO_SERVER_PORT",
        min=1,
        max=65535,
        help="Port to listen on; by default 7860, or the next free one.",
    ),
]
Auth = Annotated[
    str | None,
    typer.Option(
        metavar="USER:PASSWORD",
        envvar="STYLEPLUG_AUTH",
        help="Ask visitors for this name and password. With the environment variable, the "
        "password does not appear in the list of processes.",
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        envvar="STYLEPLUG_CONCURRENCY",
        min=1,
        help="How many runs compute at once, others wait; by default as many as fit the "
        "processors and the memory.",
    ),
]
Waiting = Annotated[
    int | None,
    typer.Option(
        envvar="STYLEPLUG_WAITING",
        min=1,
        help="How many runs may wait, further ones are refused; by default 128.",
    ),
]
RunsPerMinute = Annotated[
    float | None,
    typer.Option(
        envvar="STYLEPLUG_RUNS_PER_MINUTE",
        min=0,
        help="How many runs a visitor may start in a minute; 0 for any number. The visitors of one "
        "address may start four times as many. By default 12 with --share and on a Space, and any "
        "number elsewhere.",
    ),
]
SecondsPerMinute = Annotated[
    float | None,
    typer.Option(
        envvar="STYLEPLUG_SECONDS_PER_MINUTE",
        min=0,
        help="How many seconds of computing a visitor may use in a minute, as for runs; by default "
        "60 with --share and on a Space.",
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        envvar="STYLEPLUG_LOG",
        help="Write a line of JSON for each run: visitor (a hash), method, size, times, outcome.",
    ),
]
Proxies = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESSES",
        envvar="FORWARDED_ALLOW_IPS",
        help="Addresses and networks of proxies, with commas between them. The address of a "
        "visitor is then the one that such a proxy tells (X-Forwarded-For).",
    ),
]


def app_command(
    host: Host = None,
    port: Port = None,
    share: Annotated[bool, typer.Option("--share", help="Also create a public link.")] = False,
    auth: Auth = None,
    weights: Weights = None,
    train: Train = None,
    gallery: Kept = None,
    styles: Styles = None,
    mcp: Annotated[
        bool,
        typer.Option("--mcp", help="Also offer every method as a tool for agents, by MCP."),
    ] = False,
    concurrency: Concurrency = None,
    waiting: Waiting = None,
    runs_per_minute: RunsPerMinute = None,
    seconds_per_minute: SecondsPerMinute = None,
    log: Log = None,
    proxies: Proxies = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Start the page."""
    user, _, password = (auth or "").partition(":")
    if auth is not None and not (user and password):
        raise UsageError("--auth expects USER:PASSWORD, and neither may be empty")
    if share and auth is None:
        say_note("anybody with the link can use this page; set a password with --auth")
    from styleplug.ui.page import launch
    from styleplug.ui.traffic import Visitors

    engine = _engine(weights or ())
    secret = (user, password) if auth else None
    visitors = Visitors(runs_per_minute, seconds_per_minute, concurrency, waiting, log, proxies)
    launch(host, port, share, secret, engine=engine, train=train, gallery=gallery, styles=styles,
           mcp=mcp, visitors=visitors, browser=browser)  # fmt: skip


def _engine(weights: Sequence[Path]) -> Engine:
    """The engine of the page with further weights; on a ZeroGPU Space, it borrows a card.

    Raises:
        UsageError: two of the folders have the same name.
    """
    from styleplug.engine import shared

    engine = shared()
    names = [engine.add_trained(folder) for folder in weights]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"--weights: two folders have the name {twice[0]}; rename one of them")
    if os.environ.get("SPACES_ZERO_GPU"):
        from styleplug.hosts.zerogpu import ZeroEngine

        return ZeroEngine(engine)
    return engine
