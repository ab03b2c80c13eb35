"""What a command line names: files, and `-` for standard input and output."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from styleplug.core.errors import OutputError, UsageError
from styleplug.imaging import format_of
from styleplug.system.files import not_written, read_piped, write_file

STANDARD = Path("-")
"""Standard input, or standard output, in place of a file."""


def given(name: Path) -> Path | bytes:
    """What is to be read for a name: the file, or all that comes from standard input.

    Raises:
        UsageError: nothing can come from there, or too much came.
    """
    if name != STANDARD:
        return name
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads standard input, but none came: pipe a file into this command")
    return read_piped(sys.stdin.buffer)


def partial(out: Path) -> Path:
    """Where the picture so far goes: never in place of a finished one, nor to be taken for one."""
    return out if out == STANDARD else out.with_name(f"{out.stem}.partial{out.suffix}")


def kind_of(out: Path, *, animated: bool) -> str:
    """The format that is written there.

    Raises:
        OutputError: the ending names none.
    """
    return "PNG" if out == STANDARD else format_of(out, animated=animated)


def check_writable(out: Path, inputs: Sequence[Path], *, animated: bool, overwrite: bool) -> None:
    """Find out before the run, not after it, that the result cannot be written.

    Raises:
        UsageError: it cannot be written under this name, or it would replace an input.
    """
    if out == STANDARD:
        if sys.stdout.isatty():
            raise UsageError("--out - writes a picture, not text: send it to a file or a program")
        return
    try:
        format_of(out, animated=animated)
        for target in (out, partial(out)):
            if not overwrite and any(_same(target, one) for one in inputs):
                raise UsageError(
                    f"{target} is one of the inputs, and would be replaced: choose another --out, "
                    "or add --overwrite"
                )
            _try_name(target)
    except OutputError as error:
        raise UsageError(f"--out {out}: {error}") from error


def deliver(data: bytes, out: Path) -> None:
    """Write a result.

    Raises:
        OutputError: it cannot be written.
    """
    if out == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_file(out, data)


def _same(one: Path, other: Path) -> bool:
    """Whether two names are those of one file, by whatever links."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def _try_name(path: Path) -> None:
    """Make what could be the file, and remove it.

    Raises:
        OutputError: the folder is missing or read-only, a folder has the name, it is too long …
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        with suppress(FileNotFoundError):
            path.lstat()  # tells a name that is too long
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):
            pass
    except OSError as error:
        raise not_written(path, error) from error
