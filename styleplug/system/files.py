"""Open files safely; write files completely or not at all."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from styleplug.core.errors import BadImage, OutputError

MOST_PIPED = 2**30
"""Most bytes that are read from a source without a length, such as a pipe."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # Path makes one slash of two


def not_fetched(address: str) -> str | None:
    """A sentence that a web address is not a file; None if the text is not an address."""
    if not _ADDRESS.match(address):
        return None
    return (
        f"{address!r} is an address; styleplug does not fetch pictures from the network: "
        "download it, and give the file"
    )


@contextmanager
def open_source(source: str | Path | bytes) -> Iterator[tuple[IO[bytes], str]]:
    """The source as an open file, and its name for messages, without folders.

    A pipe is read to its end first, because decoders move back and forth in a file.

    Raises:
        BadImage: no such file, an address, a folder, a device, or it cannot be opened.
    """
    if isinstance(source, bytes):
        with io.BytesIO(source) as file:
            yield file, "the picture"
        return
    path = Path(source)
    try:
        if path.is_dir():
            raise BadImage(f"{path.name or str(path)!r} is a folder; expected a picture in it")
        if not (path.is_file() or path.is_fifo()):  # reading a device may never end
            raise BadImage(not_fetched(str(source)) or f"there is no file {path.name!r}")
        handle: IO[bytes] = path.open("rb")
        if path.is_fifo():
            with handle as pipe:
                handle = io.BytesIO(read_piped(pipe))
    except (OSError, ValueError) as error:
        raise BadImage(f"the file {path.name!r} cannot be opened ({reason(error)})") from error
    with handle:
        yield handle, repr(path.name)


def read_piped(pipe: IO[bytes]) -> bytes:
    """Read a pipe to its end.

    Raises:
        BadImage: more than MOST_PIPED bytes.
    """
    data = pipe.read(MOST_PIPED + 1)
    if len(data) > MOST_PIPED:
        raise BadImage(
            f"the pipe contains more than {MOST_PIPED} bytes; save them to a file, and give the "
            "file"
        )
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write or replace a file; after an error, it has its old content or all of `data`.

    Symbolic links are followed.  A new file gets the mode of the one that it replaces.  If the path
    is not a file but for example a pipe, the data is written into it.

    Raises:
        OutputError: folder missing or read-only, disk full …
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not (target.is_file() or target.is_dir()):
            target.write_bytes(data)
            return
        temporary = target.parent / f".{secrets.token_hex(8)}.part"
        try:
            with temporary.open("xb") as file:
                with suppress(FileNotFoundError):  # a new file
                    shutil.copymode(target, temporary)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            with suppress(OSError):  # gone after the rename
                temporary.unlink()
    except (OSError, ValueError) as error:
        raise not_written(path, error) from error


def at_home(path: str | os.PathLike[str]) -> Path:
    """Replace `~` by the home folder; without one, by a folder that does not exist."""
    full = os.path.expanduser(path)
    return Path(re.sub(r"^~(?=/|$)", "/nonexistent", full))


def remove_unfinished(folder: Path, age: float = 0.0) -> None:
    """Remove partial files that a killed process left below a folder.

    Args:
        age: seconds since they were changed; younger ones may be those of other processes.
    """
    for left in folder.rglob("." + "[0-9a-f]" * 16 + ".part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime >= age:
                left.unlink()


def not_written(path: Path, error: Exception) -> OutputError:
    """The error that a file cannot be written: the reason, and what to do."""
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOENT, errno.ENOTDIR):
        why = f"the folder {str(path.parent)!r} does not exist: create it first"
    elif code in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = f"writing in {str(path.parent)!r} is not allowed: choose another folder"
    elif code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        why = "the disk is full: free some space or choose another disk"
    elif code == errno.ENAMETOOLONG:
        why = "the name is too long: choose a shorter one"
    elif code == errno.EISDIR:
        why = "there is a folder of that name: choose another name"
    else:
        why = reason(error)
    return OutputError(f"cannot write {path.name!r}: {why}")


def reason(error: Exception) -> str:
    """The error message of the system, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
