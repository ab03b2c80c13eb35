"""The files of training runs: uploads, ZIPs with a folder for each class, and results as a ZIP."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from gradio.utils import get_upload_folder

from styleplug.core.errors import UsageError
from styleplug.system.files import not_written
from styleplug.training.loop.folder import CHECKPOINT
from styleplug.training.loop.setup import FILE
from styleplug.ui.uploads import uploaded

MOST = 5000  # most files for one run, and most styles
BYTES = 4 * 10**9  # most bytes of all files
LISTING = 8 * 10**6  # most bytes of the list of files in a ZIP
NAME = 60  # most characters of the name of a class or a file
PICTURES, STYLES = "pictures", "styles"  # sub-folders of a run
_MISSING = {
    PICTURES: "Training pictures are missing: add some first.",
    STYLES: "Styles are missing: this task also needs paintings or patterns. Add some first.",
}
KEPT_BACK = {PICTURES, STYLES, FILE, CHECKPOINT}  # not in the ZIP: large, or with private paths


def files_of(payload: Any, what: str) -> list[Path]:
    """The uploaded files in the value of a component.

    Raises:
        UsageError: there are none, or too many.
    """
    if not isinstance(payload, list) or not payload:
        raise UsageError(_MISSING[what])
    if len(payload) > MOST:
        raise _too_many(len(payload))
    return [uploaded(one) for one in payload]


def check_size(size: int) -> None:
    """Check the bytes of all files.

    Raises:
        UsageError: there are too many.
    """
    if size > BYTES:
        raise UsageError(
            f"The files have {size / 1e9:.1f} GB; at most {BYTES / 1e9:.0f} GB are "
            "accepted here. For more, use styleplug train."
        )


def _too_many(count: int) -> UsageError:
    return UsageError(
        f"{count:,} files are too many; at most {MOST:,} are accepted here. For more, "
        "use styleplug train."
    )


def lay(files: Sequence[Path], place: Path) -> None:
    """Move uploads into a folder, as links if possible; ZIPs are unpacked.

    The page deletes its uploads after an hour, but a run may be resumed much later.

    Raises:
        UsageError: a ZIP cannot be accepted.
        OutputError: the folder cannot be written.
    """
    try:
        place.mkdir()
        for number, file in enumerate(files):
            if file.suffix.lower() == ".zip":
                _unpack(file, place)
                continue
            goal = place / file.name
            if goal.exists():  # the same name: a sub-folder keeps both names
                goal = place / str(number) / file.name
                goal.parent.mkdir()
            try:
                os.link(file, goal)
            except OSError:  # another disk, or one without links
                shutil.copyfile(file, goal)
    except OSError as error:
        raise not_written(place, error) from error


def check_classes(place: Path) -> None:
    """Check that pictures are in several folders, which are classes.

    Raises:
        UsageError: there is one class only.
    """
    if len({file.parent for file in place.rglob("*") if file.is_file()}) < 2:
        raise UsageError(
            "This task learns classes, and all pictures are in one. Upload a ZIP that has a folder "
            "for each class, or a ZIP for each class."
        )


def _unpack(pack: Path, place: Path) -> None:
    """Unpack the files of a ZIP: each into a folder with the name of its folder, its class.

    Only that name and the name of the file are used, cleaned; the path in the ZIP is not.
    """
    _check_listing(pack)
    left = BYTES
    try:
        with ZipFile(pack) as inside:
            entries = list(_files_in(inside, pack.name))
            if len(entries) > MOST:
                raise _too_many(len(entries))
            for number, entry in enumerate(entries):
                path = PurePosixPath(entry.filename)
                folder = place / (_clean(path.parent.name) or _clean(pack.stem) or "class")
                folder.mkdir(exist_ok=True)
                name = f"{_clean(path.stem) or 'picture'}-{number}{_clean(path.suffix[1:], '.')}"
                with inside.open(entry) as source, (folder / name).open("wb") as goal:
                    left -= _copy(source, goal, left)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise UsageError(
            f"{pack.name} is not a ZIP that can be read ({error}); pack the folders again."
        ) from error


def _check_listing(pack: Path) -> None:
    """Check the size of the list of files, before it is read into memory."""
    with pack.open("rb") as file:
        file.seek(-min(pack.stat().st_size, 2**16 + 22), os.SEEK_END)
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    size = int.from_bytes(end[at + 12 : at + 16], "little")
    if at >= 0 and (size > LISTING or b"PK\x06\x07" in end):  # the latter: a ZIP64
        raise UsageError(f"{pack.name} has too many files; make several smaller ZIPs.")


def _files_in(inside: ZipFile, name: str) -> Iterator[ZipInfo]:
    """The files of a ZIP without hidden ones.

    Raises:
        UsageError: one is a link, encrypted, or outside the ZIP.
    """
    for entry in inside.infolist():
        path = PurePosixPath(entry.filename)
        mode = entry.external_attr >> 16
        if path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]", entry.filename):
            raise UsageError(f"{name} names a file outside its folders; pack the folders again.")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UsageError(f"{name} contains a link; pack the pictures themselves.")
        if entry.flag_bits & 1:
            raise UsageError(f"{name} is encrypted; pack the folders without a password.")
        if not (entry.is_dir() or any(part.startswith((".", "__MACOSX")) for part in path.parts)):
            yield entry


def _copy(source: IO[bytes], goal: IO[bytes], left: int) -> int:
    """Copy a file; what a ZIP says about sizes is not believed."""
    size = 0
    while part := source.read(2**20):
        size += len(part)
        check_size(size + BYTES - left)
        goal.write(part)
    return size


def _clean(name: str, before: str = "") -> str:
    """A name with letters, digits, spaces, "-" and "_" only; `before` is put before it."""
    cleaned = re.sub(r"[^\w -]+", "-", name)[:NAME].strip(" -")
    return cleaned and before + cleaned


def packed(folder: Path) -> Path | None:
    """The results of a run as a ZIP that the page may serve; None if there are none.

    It contains no training pictures and no paths of this machine.
    """
    if not folder.exists():
        return None
    path = served() / f"styleplug-{folder.name}.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as pack:
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(folder)
            private = inside.parts[0] in KEPT_BACK or inside.name.startswith(".")
            if file.is_file() and not private:
                pack.write(file, Path(folder.name) / inside)
    return path


def served() -> Path:
    """A new folder below the folder that the page serves; its name cannot be guessed."""
    path = Path(get_upload_folder()) / secrets.token_hex(20)
    path.mkdir(parents=True)
    return path
