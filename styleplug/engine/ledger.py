"""The ledger of a folder of results: one line of JSON for each cell that ended.

It is `ledger.jsonl` in the folder of the results.  A cell is finished if its newest line says so,
its recipe and inputs are the same as before, and its file exists.  Only one process at a time
writes to a ledger.  Each shard of a grid has a ledger of its own (`ledger-3-of-8.jsonl`), and
reads those of the others.  A truncated line of a killed process is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from filelock import FileLock, Timeout

from styleplug.core.errors import StyleplugError, UsageError
from styleplug.core.frame import Report
from styleplug.core.recipe import Recipe
from styleplug.engine.cells import Cell
from styleplug.engine.memo import Memo
from styleplug.engine.shard import WHOLE, Shard
from styleplug.system.files import not_written, remove_unfinished
from styleplug.system.jsontext import to_json

FILE = "ledger.jsonl"
VERSION = 1
_HEAD = "styleplug_ledger"  # key of the first line, whose value is the version
_DONE, _FAILED = b"d", b"f"
_RECIPES = 10_000  # most digests that are remembered
_DIGITS = 32  # of a digest in a line
_PATIENCE = 1.0  # seconds to wait for a lock; others hold it shortly when they start
_STALE = 3600.0  # seconds after which no process still writes a partial file
Known = Literal["done", "failed"]


class Ledger:
    """The ledger of a folder.  It locks the folder until `close`.

    In memory it keeps about 250 bytes for each line.

    Args:
        folder: the folder; it is created.
        shard: the part of the grid that this process makes.

    Raises:
        UsageError: another process writes there, or the ledger is of a later version.
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, shard: Shard = WHOLE) -> None:
        self.folder, self._shard = folder, shard
        self._files: list[Path] = []  # all ledgers of the folder that were read
        self._digests: Memo[str] = Memo(len, 2**24)
        self._known: dict[bytes, bytes] = {}
        self._recipes: dict[int, tuple[Recipe, str]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked(self._at(self.path))
        except OSError as error:
            raise not_written(self.path, error) from error
        try:
            own = {self._at(self.path), *folder.glob(f".ledger-*-of-{shard.count}.lock")}
            for other in {*folder.glob(".ledger*.lock")} - own:  # it may make the same cells
                self._locked(other).release()
            self._read()
            self._file = self._opened()
        except BaseException:
            self._lock.release()
            raise

    @staticmethod
    def _at(ledger: Path) -> Path:
        """The lock of a ledger."""
        return ledger.with_name(f".{ledger.stem}.lock")

    def _locked(self, lock: Path) -> FileLock:
        """A lock, acquired.

        Raises:
            UsageError: another process has it.
        """
        found = FileLock(lock, timeout=_PATIENCE, thread_local=False)
        try:
            found.acquire()
        except Timeout:
            raise UsageError(
                f"another styleplug is writing to {str(self.folder)!r}: wait for its end, or "
                "choose another folder"
            ) from None
        return found

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / FILE.replace(".", f"{self._shard.suffix}.")

    def count(self, state: Known) -> int:
        """Number of cells in a state, including those of other grids."""
        mark = _DONE if state == "done" else _FAILED
        return sum(value[:1] == mark for value in self._known.values())

    def state(self, cell: Cell) -> Known | None:
        """How a cell ended before; None if it has to be made (again)."""
        value = self._known.get(_short(cell.file))
        if value is None:
            return None
        done = value[:1] == _DONE
        if done and not os.path.exists(f"{self.folder}/{cell.file}"):
            return None
        mark, recipe, stamp, digest = value[:1], value[1:17], value[17:33], value[33:49]
        if recipe != _short(self._recipe(cell.recipe)):
            return None
        try:
            seen = _short(_stamp(cell))
            if seen != stamp:
                if _short(self._inputs(cell)) != digest:
                    return None
                self._known[_short(cell.file)] = mark + recipe + seen + value[33:]
        except OSError:
            return None  # the run will report what is wrong with it
        return "done" if done else "failed"

    def row(self, cell: Cell) -> dict[str, Any]:
        """The newest line of a cell; empty if there is none."""
        value = self._known.get(_short(cell.file))
        if value is None:
            return {}
        path = self._files[int.from_bytes(value[49:51], "big")]
        with path.open("rb") as file:
            file.seek(int.from_bytes(value[51:], "big"))
            row: dict[str, Any] = json.loads(file.readline())
        return row

    def add(
        self, cell: Cell, report: Report | None = None, error: StyleplugError | None = None
    ) -> None:
        """Add how a cell ended.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            inputs, stamp = self._inputs(cell), _stamp(cell)
        except OSError:  # an input is missing; the cell is tried again when it exists
            inputs, stamp = {}, ""
        row: dict[str, Any] = {
            "file": cell.file,
            "state": "failed" if report is None else "done",
            "recipe": self._recipe(cell.recipe),
            "inputs": inputs,
            "stamp": stamp,
            "labels": cell.labels,
        }
        if report is not None:
            row |= {"seconds": round(report.seconds, 3), "width": report.width,
                    "height": report.height, "scores": report.scores}  # fmt: skip
        if error is not None:
            row |= {"error": str(error), "kind": type(error).__name__}
        try:
            at = self._file.seek(0, os.SEEK_END)
            self._file.write(to_json(row).encode() + b"\n")
            self._file.flush()
        except OSError as failed:
            raise not_written(self.path, failed) from failed
        self._note(row, len(self._files) - 1, at)

    def close(self) -> None:
        """Unlock the folder."""
        with suppress(OSError):
            self._file.close()
        self._lock.release()

    # Reading and writing ----------------------------------------------------------------

    def _read(self) -> None:
        """Read the lines of earlier runs: the ledger of this one last, others by their age."""
        try:
            remove_unfinished(self.folder, _STALE if self._shard.count > 1 else 0.0)
            others = {path: path.stat().st_mtime for path in self.folder.glob("ledger*.jsonl")}
            others.pop(self.path, None)
            self._files = [*sorted(others, key=lambda path: others[path]), self.path]
            for number, path in enumerate(self._files):
                if path.exists():
                    self._read_one(number, path)
        except OSError as error:
            raise not_written(self.path, error) from error

    def _read_one(self, number: int, path: Path) -> None:
        """Read a ledger; lines of other shards are left out."""
        with path.open("rb") as lines:
            at = 0
            for line in lines:
                with suppress(ValueError, TypeError, KeyError, AttributeError):
                    row = json.loads(line)
                    if _HEAD in row:
                        _check_version(row[_HEAD], path)
                    elif row["file"] in self._shard:
                        self._note(row, number, at)
                at += len(line)

    def _note(self, row: Mapping[str, Any], ledger: int, at: int) -> None:
        """Store the digests of a line that starts at this byte of a ledger."""
        mark = {"done": _DONE, "failed": _FAILED}[row["state"]]
        parts = (row["recipe"], row["stamp"], row["inputs"])
        self._known[_short(row["file"])] = b"".join(
            (mark, *map(_short, parts), ledger.to_bytes(2, "big"), at.to_bytes(8, "big"))
        )

    def _opened(self) -> IO[bytes]:
        """The file, ready for the next line; a truncated line is ended."""
        try:
            file = self.path.open("ab+")
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                file.write(to_json({_HEAD: VERSION}).encode() + b"\n")
            else:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.flush()
        except OSError as error:
            raise not_written(self.path, error) from error
        return file

    def _recipe(self, recipe: Recipe) -> str:
        """The digest of a recipe; many cells share one."""
        known = self._recipes.get(id(recipe))
        if known is None:
            if len(self._recipes) > _RECIPES:
                self._recipes.clear()
            known = self._recipes[id(recipe)] = recipe, recipe_digest(recipe)  # keeps the id
        return known[1]

    # Digests ----------------------------------------------------------------------------

    def _inputs(self, cell: Cell) -> dict[str, Any]:
        """Digests of the pictures of a cell by slot; a single one without a list."""
        found = {slot: [self._digest(one) for one in some] for slot, some in cell.pictures.items()}
        return {slot: some if len(some) > 1 else some[0] for slot, some in found.items() if some}

    def _digest(self, source: Any) -> str:
        """The digest of a picture; that of a file is computed again only after a change."""
        return self._digests.of(_key(source), lambda: _sha256(source))


def recipe_digest(recipe: Recipe) -> str:
    """The digest of a recipe."""
    return hashlib.sha256(recipe.to_json().encode()).hexdigest()[:_DIGITS]


def _short(value: Any) -> bytes:
    """A digest of 16 bytes of a value in a line."""
    text = value if isinstance(value, str) else to_json(value)
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).digest()


def _key(source: Any) -> tuple[Any, ...]:
    """A key that changes with a picture; for a file: path, size and time."""
    if isinstance(source, str | Path):
        seen = os.stat(source)
        return str(source), seen.st_size, seen.st_mtime_ns
    return (id(source),)


def _stamp(cell: Cell) -> str:
    """A digest that changes with the pictures of a cell."""
    kept = [_key(one)[1:] if isinstance(one, str | Path) else _sha256(one)
            for some in cell.pictures.values() for one in some]  # fmt: skip
    return hashlib.sha256(repr(kept).encode()).hexdigest()[:_DIGITS]


def _sha256(source: Any) -> str:
    """The digest of a picture."""
    if isinstance(source, str | Path):
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()[:_DIGITS]
    array = np.asarray(getattr(source, "pixels", source))
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:_DIGITS]


def _check_version(version: object, path: Path) -> None:
    """Check that this version can read a ledger.

    Raises:
        UsageError: it cannot.
    """
    if version != VERSION:
        raise UsageError(
            f"{str(path)!r} is a ledger of version {version!r}, this styleplug reads version "
            f"{VERSION}: use the styleplug that wrote it, or choose another folder"
        )
