"""`styleplug deploy --repo NAME`: put the page on a Hugging Face Space."""

from __future__ import annotations

from typing import Annotated

import typer

from styleplug.cli.console import ERR, say_note, say_result


def deploy_command(
    repo: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="The Space; it is created if missing.")
    ],
    private: Annotated[
        bool, typer.Option("--private", help="Create a new Space as a private one.")
    ] = False,
    hardware: Annotated[
        str,
        typer.Option(
            help="Hardware of a new Space, such as cpu-basic. The default is ZeroGPU, which free "
            "accounts may have; other hardware needs a paid plan."
        ),
    ] = "zero-a10g",
) -> None:
    """Create or update a Hugging Face Space with this version of styleplug and its weights."""
    from styleplug.hosts.space import files
    from styleplug.store.publish import send
    from styleplug.system.version import VERSION

    found = files(repo)
    say_note(f"{len(found)} files")
    with ERR.status(f"sending to {repo}"):
        address = send(found, repo, private, f"styleplug {VERSION}", hardware=hardware)
    say_result(address)
