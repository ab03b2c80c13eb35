"""Find the picture files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from styleplug.core.errors import UsageError
from styleplug.imaging.formats import FORMATS

_ENDINGS = {ending for endings in FORMATS.values() for ending in endings}


def pictures_in(folder: Path, pattern: str = "", leave_out: Sequence[Path] = ()) -> list[Path]:
    """The picture files of a folder and its sub-folders, by their endings, sorted.

    No file is opened, so there may be very many.  Hidden files and folders are left out.

    Args:
        pattern: pattern of names, such as "*.jpg", or of paths below the folder, such as "a/*".
        leave_out: folders that are not searched, such as the one for the results.

    Raises:
        UsageError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}; give a picture or a folder of them")
    found, others = [], 0
    hidden = {path.resolve() for path in leave_out}
    for file in sorted(_files(folder, hidden)):
        inside = file.relative_to(folder).as_posix()
        if file.suffix.lower() not in _ENDINGS:
            others += 1
        elif not pattern or fnmatch(file.name, pattern) or fnmatch(inside, pattern):
            found.append(file)
    if not found:
        like = f" like {pattern!r}" if pattern else ""
        why = f"{others} other files" if others else "no files"
        raise UsageError(
            f"there is no picture{like} in {str(folder)!r} ({why}); expected endings such as "
            ".jpg or .png"
        )
    return found


def _files(folder: Path, hidden: set[Path]) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        place = Path(here)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (place / name).resolve() not in hidden
        ]
        yield from (place / name for name in files if not name.startswith("."))
