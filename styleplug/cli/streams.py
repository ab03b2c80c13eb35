"""Files of a command line, and `-` for standard input or output."""

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
"""The name that stands for standard input or output."""


def read_input(name: Path) -> Path | bytes:
    """The input of this name: the path, or the bytes of standard input.

    Raises:
        UsageError: standard input is a terminal, or sends too many bytes.
    """
    if name != STANDARD:
        return name
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads standard input, but there is none: pipe a file into this command")
    return read_piped(sys.stdin.buffer)


def partial(out: Path) -> Path:
    """The file for the picture so far of a stopped run; it cannot be mistaken for a result."""
    return out if out == STANDARD else out.with_name(f"{out.stem}.partial{out.suffix}")


def kind_of(out: Path, *, animated: bool) -> str:
    """The format of the output file.

    Raises:
        OutputError: the ending is not that of a format.
    """
    return "PNG" if out == STANDARD else format_of(out, animated=animated)


def check_writable(out: Path, inputs: Sequence[Path], *, animated: bool, overwrite: bool) -> None:
    """Check before the run that the result can be written.

    Raises:
        UsageError: it cannot be written to this file, or it would replace an input.
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
                    f"{target} is an input and would be replaced: choose another --out, or add "
                    "--overwrite"
                )
            _try_name(target)
    except OutputError as error:
        raise UsageError(f"--out {out}: {error}") from error


def write_output(data: bytes, out: Path) -> None:
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
    """Whether two names belong to the same file, maybe through links."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def _try_name(path: Path) -> None:
    """Check that a file of this name can be created, with a temporary one.

    Raises:
        OutputError: the folder is missing or read-only, the name is that of a folder or too long …
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        with suppress(FileNotFoundError):
            path.lstat()  # fails if the name is too long
        with tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent):
            pass
    except OSError as error:
        raise not_written(path, error) from error
