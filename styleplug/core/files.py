"""Files written wholly or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from styleplug.core.errors import OutputError


def write_file(path: Path, data: bytes) -> None:
    """Write or replace a file; whatever happens, it holds what it held before or all of `data`.

    Raises:
        OutputError: folder missing or read-only, disk full …
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # gone after the rename
                temporary.unlink()
    except (OSError, ValueError) as error:
        raise not_written(path, error) from error


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left of files that it was just writing into a folder."""
    for left in folder.glob("." + "[0-9a-f]" * 16 + ".part"):
        with suppress(OSError):
            left.unlink()


def not_written(path: Path, error: Exception) -> OutputError:
    """The error for the user who named the path: why, and what to do."""
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOENT, errno.ENOTDIR):
        why = f"the folder {str(path.parent)!r} does not exist: create it first"
    elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = f"writing in {str(path.parent)!r} is not allowed: choose another folder"
    elif code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        why = "the disk is full: free some space or choose another disk"
    elif code == errno.EISDIR:
        why = "there is a folder of that name: choose another name"
    else:
        why = reason(error)
    return OutputError(f"cannot write {path.name!r}: {why}")


def reason(error: Exception) -> str:
    """What the system said, without the path it says it of."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
