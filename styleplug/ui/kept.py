"""The folder of a gallery: every result with its recipe, in a sub-folder for each method.

Only a page of one's own keeps results.  Other programs may add, change and delete files there.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from styleplug.core.errors import StyleplugError, UsageError
from styleplug.imaging import ENDINGS, read, write
from styleplug.system.files import not_written, remove_unfinished, write_file

SIDE = 320  # long side of a thumbnail
NAME = 160  # most bytes of a name without its ending
THUMBNAILS = ".thumbnails"


@dataclass(frozen=True)
class Kept:
    """A result in the folder.

    Args:
        name: its path below the folder, with "/".
        path: the file.
        time: when it was written, in seconds.
        stamp: changes with the file.
    """

    name: str
    path: Path
    time: float
    stamp: str

    @property
    def method(self) -> str:
        """The sub-folder, which is the id of its method; "" for a file beside these folders."""
        return self.name.rpartition("/")[0].partition("/")[0]


class Gallery:
    """The folder.

    Args:
        folder: it is created.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._thumbnails = self.folder / THUMBNAILS
        try:
            self._thumbnails.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.folder)
            known = {self._thumbnail(one).name for one in self.results()}
            for left in self._thumbnails.iterdir():
                if left.name not in known:
                    left.unlink(missing_ok=True)
        except OSError as error:
            raise not_written(self.folder / "results", error) from error

    def keep(self, result: Path, method: str) -> Path:
        """Copy a result into the folder, under its cleaned name, and with a number if it is taken.

        Raises:
            OutputError: it cannot be written.
        """
        stem = re.sub(r"[^\w.+-]+", "-", result.stem).strip(".-")
        stem = stem.encode()[:NAME].decode(errors="ignore") or "result"
        place = self.folder / method
        number, path = 1, place / f"{stem}{result.suffix}"
        try:
            place.mkdir(exist_ok=True)
            while True:
                with suppress(FileExistsError):
                    path.open("xb").close()  # no other process takes the name now
                    break
                number += 1
                path = place / f"{stem}-{number}{result.suffix}"
            try:
                write_file(path, result.read_bytes())
            except BaseException:
                path.unlink()
                raise
        except OSError as error:
            raise not_written(path, error) from error
        return path

    def results(self, method: str = "", text: str = "") -> list[Kept]:
        """The results, the newest first.

        Args:
            method: only those of this method.
            text: only those with this text in their names.
        """
        wanted = text.casefold()
        found = [
            one
            for one in self._all(self.folder, "")
            if (not method or one.method == method) and wanted in one.name.casefold()
        ]
        return sorted(found, key=lambda one: (-one.time, one.name))

    def _all(self, folder: Path | str, above: str) -> Iterator[Kept]:
        """The pictures below a folder; links, and empty or hidden files, are left out."""
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                name = f"{above}{entry.name}"
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from self._all(entry.path, f"{name}/")
                elif entry.name.lower().endswith(tuple(ENDINGS)):
                    with suppress(OSError):  # deleted just now
                        seen = entry.stat(follow_symlinks=False)
                        if seen.st_size and entry.is_file(follow_symlinks=False):
                            stamp = f"{name}|{seen.st_size}|{seen.st_mtime_ns}"
                            yield Kept(name, Path(entry.path), seen.st_mtime, stamp)

    def find(self, name: object) -> Path:
        """The file of a result.

        Raises:
            UsageError: there is no such result.
        """
        parts = PurePosixPath(str(name)).parts
        path = self.folder.joinpath(*parts)
        inside = bool(parts) and not any(part.startswith((".", "/")) for part in parts)
        folder = self.folder.resolve()
        try:
            if inside and path.is_file() and path.resolve() == folder.joinpath(*parts):
                return path
        except (OSError, ValueError):
            pass
        raise UsageError("This result is no longer in the gallery.")

    def delete(self, name: object) -> None:
        """Delete a result; its thumbnail goes when the page starts the next time.

        Raises:
            UsageError: there is no such result.
            OutputError: it may not be deleted.
        """
        path = self.find(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise not_written(path, error) from error

    def thumbnail(self, one: Kept) -> Path | None:
        """A small copy of a result, made once; None if it is not a picture."""
        path = self._thumbnail(one)
        try:
            if not path.exists():
                write(read(one.path, longest=SIDE), path)
        except (StyleplugError, OSError):
            return None
        return path

    def _thumbnail(self, one: Kept) -> Path:
        digest = blake2b(one.stamp.encode(errors="surrogateescape"), digest_size=16).hexdigest()
        return self._thumbnails / f"{digest}.webp"

    def pack(self, results: Sequence[Kept], path: Path) -> None:
        """Write results as a ZIP; those that were deleted are left out.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            with zipfile.ZipFile(path, "w", strict_timestamps=False) as pack:
                for one in results:
                    with suppress(FileNotFoundError, PermissionError):
                        pack.write(one.path, one.name)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise not_written(path, error) from error
