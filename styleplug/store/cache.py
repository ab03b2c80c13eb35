"""Files of the Hub on this machine, each with a pin: the commit and the digest of its download.

A pinned file never changes, even if a branch or a mirror changes later.  Beside `NAME.safetensors`
are `NAME.json` (the pin), `NAME.part` (an unfinished download) and `NAME.lock`.  The cache of
huggingface_hub cannot hold some tensors of a file, and records no digest.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from styleplug.core.errors import DigestMismatch, HubUnavailable, WeightError
from styleplug.core.weight import Hub, WeightFile
from styleplug.store import header, hub
from styleplug.store.files import Digests, refuse_large
from styleplug.store.hub import Origin, failures, open_origin
from styleplug.store.watch import Watch

RECONNECTS = 3
"""How often a download is continued at once if the connection was cut after some data."""


class Pin(BaseModel):
    """What was downloaded; `sha256` is None until the download is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    arch: str
    repo: str
    file: str
    revision: str
    tensors: tuple[str, ...]
    licence: str
    commit: str
    size: int
    sha256: str | None = None

    @classmethod
    def read(cls, path: Path) -> Pin | None:
        """The pin in a file; None if there is no file.

        Raises:
            WeightError: the file does not contain a pin.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValidationError) as error:
            raise WeightError(
                f"{path} cannot be read ({type(error).__name__}); delete it to accept the current "
                "file"
            ) from None

    def write(self, path: Path) -> None:
        """Write it completely, or not at all."""
        fresh = path.with_suffix(".json.new")
        fresh.write_text(self.model_dump_json(indent=1) + "\n", "utf-8")
        os.replace(fresh, path)


@dataclass(frozen=True)
class _Assembly:
    """The parts of the file to store: bytes made here, then byte ranges of the origin."""

    head: bytes
    ranges: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return len(self.head) + sum(end - start for start, end in self.ranges)

    def rest(self, origin: Origin, done: int) -> Iterator[bytes]:
        """The bytes after the first `done`."""
        yield self.head[done:]
        skip = max(0, done - len(self.head))
        for start, end in self.ranges:
            begin = min(start + skip, end)
            skip -= begin - start
            yield from origin.read(begin, end)


class Entry:
    """A Hub source and its place in the cache.

    Args:
        source: the file, or the tensors of it.
        folder: the cache.
        digests: digests already computed.
    """

    def __init__(self, source: Hub, folder: Path, digests: Digests) -> None:
        self.source = source
        self._digests = digests
        chosen = [source.repo, source.file, source.revision, sorted(source.tensors)]
        key = hashlib.sha256(json.dumps(chosen).encode()).hexdigest()[:12]
        stem = f"{PurePosixPath(source.file).stem}-{key}"
        self._name = f"{source.repo} {source.file}"
        self._folder = folder / source.repo.replace("/", "--")
        self._path = self._folder / f"{stem}.safetensors"
        self._pin = self._folder / f"{stem}.json"
        self._part = self._folder / f"{stem}.part"
        self._lock = self._folder / f"{stem}.lock"

    def ready(self) -> WeightFile | None:
        """The cached file, verified; None if it is not complete yet.

        Raises:
            DigestMismatch: it is damaged.
        """
        pin = self._trusted_pin()
        if not (pin and pin.sha256 and self._path.is_file()):
            return None
        self._digests.expect(
            self._path, pin.sha256, "it is downloaded again when the Hub can be reached"
        )
        return self._file(pin)

    def fetch(self, watch: Watch) -> WeightFile:
        """Download what is missing, verify it, and pin it.

        A file that another process downloads meanwhile is used.

        Raises:
            HubUnavailable: the Hub cannot be reached, or refuses the file.
            DigestMismatch: the file is not the pinned or declared one.
            WeightError: the file is not a safetensors file, or cannot be stored.
        """
        watch.note = f"asking the Hub for {self.source.arch}"
        with self._writing():
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked(watch):
                with suppress(DigestMismatch):
                    if file := self.ready():
                        return file
                try:
                    return self._download(watch)
                except WeightError as error:
                    if not watch.stopped.is_set():  # nobody waits for it any more
                        failures.note(self.source, error)  # before another one gets the lock
                    raise

    def _file(self, pin: Pin) -> WeightFile:
        where = f"hub {pin.repo}@{pin.commit}"
        return WeightFile(self.source.arch, self._path, pin.sha256 or "", where)

    def _download(self, watch: Watch) -> WeightFile:
        """Download; the caller has the lock."""
        source = self.source
        pin = self._trusted_pin()
        origin = open_origin(source, pin.commit if pin else source.revision, watch)
        plan = self._plan(origin)
        if pin is None:
            # Stored now, so that an interrupted download continues with the same commit.
            self._part.unlink(missing_ok=True)
            pin = Pin(
                arch=source.arch,
                repo=source.repo,
                file=source.file,
                revision=source.revision,
                tensors=source.tensors,
                licence=source.licence,
                commit=origin.commit,
                size=plan.size,
            )
            pin.write(self._pin)
        self._fill(plan, origin, watch)
        watch.note = f"checking {source.arch}"
        self._verify(pin, None if source.tensors else origin.sha256)
        pin = pin.model_copy(update={"sha256": self._digests.of(self._part), "size": plan.size})
        # The pin first: after a power failure between the two, the complete part is still there.
        pin.write(self._pin)
        os.replace(self._part, self._path)
        return self._file(pin)

    def _plan(self, origin: Origin) -> _Assembly:
        """What to download, by the header of the file."""
        name = self._name
        head = b"".join(origin.read(0, min(origin.size, 2**12)))
        begin = header.length(head, origin.size, name)
        head += b"".join(origin.read(len(head), max(begin, len(head))))
        there = header.parse(head, origin.size, name)
        if not self.source.tensors:
            refuse_large(name, origin.size)
            return _Assembly(b"", ((0, origin.size),))
        if missing := sorted(set(self.source.tensors) - set(there)):
            raise WeightError(f"{name} has no tensor {', '.join(missing)}; it is another model")
        wanted = {key: there[key] for key in self.source.tensors}
        ranges: list[tuple[int, int]] = []
        for key in header.order(wanted):
            start, end = (begin + offset for offset in wanted[key].data_offsets)
            if ranges and ranges[-1][1] == start:  # neighbours are one range
                start = ranges.pop()[0]
            ranges.append((start, end))
        plan = _Assembly(header.render(wanted), tuple(ranges))
        refuse_large(name, plan.size)
        return plan

    def _fill(self, plan: _Assembly, origin: Origin, watch: Watch) -> None:
        """Complete the part; continue where it ends."""
        with self._part.open("a+b") as part:
            done = _kept(part, plan)
            if shutil.disk_usage(self._folder).free < plan.size - done:
                raise OSError(errno.ENOSPC, "not enough room")
            for attempt in range(RECONNECTS + 1):
                before = done
                try:
                    for chunk in plan.rest(origin, done):
                        part.write(chunk)
                        done += len(chunk)
                        watch.note = _progress(self.source.arch, done, plan.size)
                    break
                except HubUnavailable:
                    if done == before or attempt == RECONNECTS:
                        raise
            part.flush()
            os.fsync(part.fileno())

    def _verify(self, pin: Pin, etag: str | None) -> None:
        """Check the complete part; delete it if it is wrong."""
        expected = self.source.sha256 or pin.sha256 or etag
        try:
            if expected:
                remedy = (
                    f"fetch it again (from another mirror: HF_ENDPOINT), or delete {self._pin} "
                    "if the new file is wanted"
                )
                self._digests.expect(self._part, expected, remedy, self._name)
            header.read(self._part, self._name)
        except WeightError:
            self._part.unlink()
            if pin.sha256 is None:
                self._pin.unlink()
            raise

    def _trusted_pin(self) -> Pin | None:
        """The pin; None if the source now declares another digest."""
        pin = Pin.read(self._pin)
        declared = self.source.sha256
        if pin and pin.sha256 and declared and declared.lower() != pin.sha256:
            return None
        return pin

    @contextmanager
    def _locked(self, watch: Watch) -> Iterator[None]:
        """Lock these files against other threads and processes."""
        lock = FileLock(self._lock)
        seen = -1
        while not _acquired(lock):
            failures.recall(self.source)  # the owner of the lock may have found the Hub down
            watch.note = f"waiting for another download of {self.source.arch}"
            watch.check()
            size = 0
            with suppress(FileNotFoundError):
                size = self._part.stat().st_size
            if size != seen:
                seen = size
                watch.expect(hub.STALL, f"another download of {self.source.arch} makes no progress")
        watch.rest()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Convert errors of the disk to sentences."""
        try:
            yield
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise WeightError(
                    f"{self._folder} cannot be written to ({error.strerror}); "
                    "set HF_HOME to a folder that can"
                ) from error
            with suppress(OSError):
                self._part.unlink(missing_ok=True)  # make room
            raise WeightError(
                f"the disk of {self._folder} is full; make room, or set HF_HOME to another disk"
            ) from error


def listed(folder: Path) -> list[tuple[Path, Pin]]:
    """The complete files of a cache, with their pins; [] if the folder cannot be read."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    pins = ((path, Pin.read(path)) for path in sorted(folder.glob("*/*.json")))
    return [(path.with_suffix(".safetensors"), pin) for path, pin in pins if pin and pin.sha256]


def _kept(part: BinaryIO, plan: _Assembly) -> int:
    """Bytes of an earlier part that can be kept: all, or none if it is of another download."""
    done = part.seek(0, os.SEEK_END)
    part.seek(0)
    begun = part.read(min(done, len(plan.head)))
    if done > plan.size or begun != plan.head[: len(begun)]:
        done = part.truncate(0)
    part.seek(0, os.SEEK_END)
    return done


def _acquired(lock: FileLock) -> bool:
    """Try to get the lock for a moment."""
    try:
        lock.acquire(timeout=0.2)
        return True
    except Timeout:
        return False


def _progress(what: str, done: int, total: int) -> str:
    digits = 0 if total >= 10e6 else 1
    return f"downloading {what} {done / 1e6:.{digits}f} of {total / 1e6:.{digits}f} MB"
