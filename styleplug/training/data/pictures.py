"""Training pictures: folders of files, held in memory, cropped at random but repeatably.

Memory is bounded: a picture is held at a long side of at most LONGEST pixels, 0.8 MB at 8 bits,
and all pictures of a set take at most a fifth of the memory that the process may use.  Sets that
would take more are held smaller, down to SMALL, and if that does not suffice, only every n-th
picture is read.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from styleplug.core.errors import BadImage, UsageError
from styleplug.imaging import FORMATS, kind_of, read
from styleplug.system.machine import MB, limit_mb, processors

log = logging.getLogger(__name__)
FEW = 10  # pictures that are too precious to hold any of them out
LONGEST, SMALL = 512, 256
LEAST_HELD = 2  # of a single one nothing tells how it differs from others
TINY = 16  # pixels; of pictures that are narrower nothing can be learned
SHARE = 1 / 5  # of the memory that the process may use, for one set
READERS = 4  # files decoded at once; a file may take a gigabyte while it is


class Pictures:
    """The pictures of several folders as (h, w, 3) uint8 arrays.

    Attributes:
        arrays: the pictures, in the order of their paths.
        labels: of each the name of the folder that it lies in, its class where a task learns any.
        skipped: a sentence for each file that was no use, whatever its ending.
        notes: what else to know of the set.

    Raises:
        UsageError: no such folder, or no picture could be read.
    """

    def __init__(self, folders: Sequence[Path]):
        for _ in self._read(folders):
            pass

    @classmethod
    def reading(cls, folders: Sequence[Path]) -> Generator[tuple[int, int], None, Pictures]:
        """The same for who waits: yields how many of how many files are read."""
        pictures = cls.__new__(cls)
        yield from pictures._read(folders)
        return pictures

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray], labels: Sequence[str] = ()) -> Pictures:
        """Pictures that are in memory already; without labels they are all of one class."""
        pictures = cls.__new__(cls)
        pictures.arrays, pictures.skipped, pictures.notes = list(arrays), [], []
        pictures.labels = list(labels) or [""] * len(arrays)
        return pictures

    def _read(self, folders: Sequence[Path]) -> Generator[tuple[int, int]]:
        self.arrays: list[np.ndarray] = []
        self.labels: list[str] = []
        self.notes: list[str] = []
        files, self.skipped = _listed(folders)
        longest, every = _bounds(len(files), int(limit_mb() * MB * SHARE))
        if longest < LONGEST:
            self.notes.append(
                f"{len(files)} pictures would not fit into memory: held at {longest} px"
                + (f", and only one in {every}" if every > 1 else "")
            )
        files = files[::every]
        # Not the executor's `map`: who stops waiting must not have to wait for all the rest.
        with ThreadPoolExecutor(min(READERS, processors())) as readers:
            tasks = [readers.submit(_pixels, file, longest) for file in files]
            try:
                for done, task in enumerate(tasks, 1):
                    try:
                        array, notes = task.result()
                        self.arrays.append(array)
                        self.labels.append(files[done - 1].parent.name)
                        self.notes += notes
                    except BadImage as error:
                        self.skipped.append(str(error))
                    yield done, len(files)
            finally:
                readers.shutdown(wait=True, cancel_futures=True)
        for sentence in self.skipped:
            log.info("skipped: %s", sentence)
        log.info("%d pictures read, %d skipped", len(self.arrays), len(self.skipped))
        if not self.arrays:
            count = len(self.skipped)
            tried = f"; of {count} files none could be used" if count else ""
            first = f", the first because: {self.skipped[0]}" if count else ""
            raise UsageError(
                f"no picture found in {', '.join(map(str, folders))}: "
                f"expected files of the formats {', '.join(FORMATS)}{tried}{first}"
            )

    def __len__(self) -> int:
        return len(self.arrays)

    def split(self, share: float, *, by_class: bool = False) -> tuple[Pictures, Pictures]:
        """Training and held-out pictures; `share` of them, evenly spread, is held out.

        At least two are held out; a set of fewer than `FEW` is in both parts as a whole.

        Args:
            share: of the pictures.
            by_class: hold out this share of every class; of one with a single picture nothing, so
                that no class is left without any to learn from.
        """
        groups: dict[str, list[int]] = {}
        for number, label in enumerate(self.labels):
            groups.setdefault(label if by_class else "", []).append(number)
        held = sorted(some[i] for some in groups.values() for i in _held(len(some), share))
        if len(self) < FEW or len(held) < LEAST_HELD:
            return self, self
        learned = set(range(len(self))).difference(held)
        return self._part(sorted(learned)), self._part(held)

    def _part(self, which: Iterable[int]) -> Pictures:
        chosen = list(which)
        return Pictures.of([self.arrays[i] for i in chosen], [self.labels[i] for i in chosen])

    def crop(self, size: int, rng: np.random.Generator) -> Tensor:
        """A random square of a random picture at a random scale: (3 size size) in [0, 1]."""
        array = self.arrays[rng.integers(len(self))]
        height, width = array.shape[:2]
        # From half to all of the short side, so that brush marks come at several sizes.
        side = round(min(height, width) * rng.uniform(0.5, 1.0))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        square = Image.fromarray(array[top : top + side, left : left + side])
        pixels = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(pixels.transpose(2, 0, 1) / np.float32(255))

    def batch(self, count: int, size: int, *seed: int) -> Tensor:
        """Crops (count 3 size size) that depend on the seed alone."""
        rng = np.random.default_rng(seed)
        return torch.stack([self.crop(size, rng) for _ in range(count)])


def sheet(*rows: Tensor) -> np.ndarray:
    """Rows of pictures (b 3 h w) below each other: (h' w' 3) in [0, 1]."""
    whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return whole.clamp(0, 1).permute(1, 2, 0).cpu().numpy()


def _listed(folders: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """All picture files below folders, in an order that depends on their paths alone.

    Returns:
        The files, and a sentence for each of the others.

    Raises:
        UsageError: no such folder.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}: give one that holds pictures")
        found += (file for file in folder.rglob("*") if not file.is_dir())
    files, others = [], []
    for file in sorted(found):
        try:
            if file.is_file() and kind_of(file):  # a pipe could be read for ever
                files.append(file)
            else:
                others.append(f"{file.name} is no picture")
        except BadImage as error:
            others.append(str(error))
    return files, others


def _held(count: int, share: float) -> range:
    """Places of those held out of so many: one in 1 / share, but two of four or more.

    >>> [len(_held(count, 0.05)) for count in (1, 2, 4, 30, 200)]
    [0, 1, 2, 2, 10]
    """
    return range(0, count - 1, max(2, min(round(1 / share), count // 2)))


def _bounds(count: int, budget: int) -> tuple[int, int]:
    """Long side, and one in how many, of `count` pictures that are to fit into a budget of bytes.

    >>> _bounds(1000, 2**30), _bounds(4000, 2**30), _bounds(16000, 2**30)
    ((512, 1), (299, 1), (256, 3))
    """
    longest = int((budget / max(1, 3 * count)) ** 0.5)
    if longest >= SMALL:
        return min(LONGEST, longest), 1
    return SMALL, -(-3 * count * SMALL**2 // max(1, budget))


def _pixels(file: Path, longest: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """A picture (h, w, 3) uint8, and what to know of it.

    Raises:
        BadImage: unreadable or tiny; names the file.
    """
    try:
        picture = read(file, longest=longest)
    except BadImage as error:
        named = "" if file.name in str(error) else f"{file.name}: "
        raise BadImage(f"{named}{error}") from error
    if min(picture.width, picture.height) < TINY:
        raise BadImage(
            f"{file.name} is {picture.width} × {picture.height} pixels (a long side of {longest} "
            f"at most): too narrow to learn from, at least {TINY} are needed"
        )
    return np.rint(picture.pixels * 255).astype(np.uint8), picture.notes
