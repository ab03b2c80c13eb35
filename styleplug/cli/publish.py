"""`styleplug publish FOLDER --repo NAME`: send a training result to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from styleplug.cli.console import ERR, say_note, say_result


def publish_command(
    folder: Annotated[Path, typer.Argument(help="A result of `styleplug train`.")],
    repo: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Repository on the Hub; created if missing.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Create a new repository as a private one.")
    ] = False,
    message: Annotated[str, typer.Option(help="Message of the commit.")] = "",
    licence: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Licence of the result, such as MIT or cc-by-4.0; it is also written to the "
            "folder. The licences of the training pictures may limit your choice.",
        ),
    ] = "",
) -> None:
    """Send a training result to the Hugging Face Hub.

    It sends the weights, the ONNX graphs, model.toml, the model card and its sheet of samples, but
    no checkpoint, log or setup.
    """
    from styleplug.store.publish import publish, publishable
    from styleplug.training.loop.card import relicensed

    if licence:
        relicensed(folder, licence)
    files = publishable(folder)
    size = sum(file.stat().st_size for file in files.values()) / 1e6
    say_note(f"{len(files)} files, {size:.1f} MB: {', '.join(files)}")
    with ERR.status(f"sending to {repo}"):
        address = publish(folder, repo, private=private, message=message)
    say_result(address)
