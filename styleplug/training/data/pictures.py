"""Training pictures: files in folders, held in memory, cropped at random but reproducibly.

Memory is limited.  A picture has a long side of at most MAX_SIDE pixels, 0.8 MB with 8 bits, and a
set of pictures takes at most a fifth of the memory that the process may use.  Larger sets are
stored with a smaller side, down to MIN_SIDE; if that is not enough, only every n-th picture is
read.
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

from styleplug.core.array import Bytes, Pixels
from styleplug.core.errors import BadImage, UsageError
from styleplug.imaging import FORMATS, kind_of, read
from styleplug.system.machine import MB, limit_mb, processors

log = logging.getLogger(__name__)
MIN_TO_SPLIT = 10  # pictures; smaller sets are not split
MAX_SIDE, MIN_SIDE = 512, 256
MIN_HELD_OUT = 2  # a single one has no spread
MIN_WIDTH = 16  # pixels; narrower pictures are skipped
MEMORY_SHARE = 1 / 5  # of the usable memory, for one set
READERS = 4  # files decoded at once; one may need a gigabyte


class Pictures:
    """The pictures of several folders as (h, w, 3) uint8 arrays.

    Attributes:
        arrays: the pictures, in the order of their paths.
        labels: for each picture the name of its folder, which is its class where a task has
            classes.
        skipped: a sentence for each file that could not be used.
        notes: other sentences to show.

    Raises:
        UsageError: no such folder, or no picture could be read.
    """

    def __init__(self, folders: Sequence[Path]):
        for _ in self._read(folders):
            pass

    @classmethod
    def reading(cls, folders: Sequence[Path]) -> Generator[tuple[int, int], None, Pictures]:
        """Like the constructor, but yields (files read, files in total)."""
        pictures = cls.__new__(cls)
        yield from pictures._read(folders)
        return pictures

    @classmethod
    def of(cls, arrays: Sequence[Bytes], labels: Sequence[str] = ()) -> Pictures:
        """Pictures that are already in memory; without labels they belong to one class."""
        pictures = cls.__new__(cls)
        pictures.arrays, pictures.skipped, pictures.notes = list(arrays), [], []
        pictures.labels = list(labels) or [""] * len(arrays)
        return pictures

    def _read(self, folders: Sequence[Path]) -> Generator[tuple[int, int]]:
        self.arrays: list[Bytes] = []
        self.labels: list[str] = []
        self.notes: list[str] = []
        files, self.skipped = _find_files(folders)
        longest, every = _memory_limits(len(files), int(limit_mb() * MB * MEMORY_SHARE))
        found, files = len(files), files[::every]
        # Not `map` of the executor: a caller that stops would wait for all files.
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
        reduced = longest < MAX_SIDE and any(max(a.shape[:2]) == longest for a in self.arrays)
        if reduced or every > 1:
            self.notes.insert(
                0,
                f"{found} pictures do not fit into memory: stored at {longest} px"
                + (f", and only one in {every}" if every > 1 else ""),
            )
        for sentence in self.skipped:
            log.info("skipped: %s", sentence)
        log.info("%d pictures read, %d skipped", len(self.arrays), len(self.skipped))
        if not self.arrays:
            count = len(self.skipped)
            tried = f"; none of {count} files could be used" if count else ""
            first = f", the first because: {self.skipped[0]}" if count else ""
            raise UsageError(
                f"no picture found in {', '.join(map(str, folders))}: "
                f"expected files of the formats {', '.join(FORMATS)}{tried}{first}"
            )

    def __len__(self) -> int:
        return len(self.arrays)

    def split(self, share: float, *, by_class: bool = False) -> tuple[Pictures, Pictures]:
        """Training and held-out pictures; the held-out ones are evenly spread.

        At least two are held out.  With fewer than `MIN_TO_SPLIT` pictures, both parts are the
        whole set.

        Args:
            share: of the pictures that are held out.
            by_class: hold out this share of every class, but nothing of a class with one picture,
                so that every class has training pictures.
        """
        groups: dict[str, list[int]] = {}
        for number, label in enumerate(self.labels):
            groups.setdefault(label if by_class else "", []).append(number)
        held = sorted(some[i] for some in groups.values() for i in _held_out(len(some), share))
        if len(self) < MIN_TO_SPLIT or len(held) < MIN_HELD_OUT:
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
        # Half to all of the short side, so that brush marks have several sizes.
        side = round(min(height, width) * rng.uniform(0.5, 1.0))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        square = Image.fromarray(array[top : top + side, left : left + side])
        pixels = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(pixels.transpose(2, 0, 1) / np.float32(255))

    def batch(self, count: int, size: int, *seed: int) -> Tensor:
        """Crops (count 3 size size) that depend on the seed only."""
        rng = np.random.default_rng(seed)
        return torch.stack([self.crop(size, rng) for _ in range(count)])


def sheet(*rows: Tensor) -> Pixels:
    """Rows of pictures (b 3 h w), one below the other: (h' w' 3) in [0, 1]."""
    whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return whole.clamp(0, 1).permute(1, 2, 0).cpu().numpy()


def _find_files(folders: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """All picture files below folders, sorted by path.

    Returns:
        The files, and a sentence for each other file.

    Raises:
        UsageError: no such folder.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}; give one with pictures")
        found += (file for file in folder.rglob("*") if not file.is_dir())
    files, others = [], []
    for file in sorted(found):
        try:
            if file.is_file() and kind_of(file):  # reading a pipe might never end
                files.append(file)
            else:
                others.append(f"{file.name} is not a picture")
        except BadImage as error:
            others.append(str(error))
    return files, others


def _held_out(count: int, share: float) -> range:
    """Indices of the held-out pictures: one in 1 / share, but at least two of four or more.

    >>> [len(_held_out(count, 0.05)) for count in (1, 2, 4, 30, 200)]
    [0, 1, 2, 2, 10]
    """
    return range(0, count - 1, max(2, min(round(1 / share), count // 2)))


def _memory_limits(count: int, budget: int) -> tuple[int, int]:
    """Long side, and one in how many, so that `count` pictures fit into `budget` bytes.

    >>> _memory_limits(1000, 2**30), _memory_limits(4000, 2**30), _memory_limits(16000, 2**30)
    ((512, 1), (299, 1), (256, 3))
    """
    longest = int((budget / max(1, 3 * count)) ** 0.5)
    if longest >= MIN_SIDE:
        return min(MAX_SIDE, longest), 1
    return MIN_SIDE, -(-3 * count * MIN_SIDE**2 // max(1, budget))


def _pixels(file: Path, longest: int) -> tuple[Bytes, tuple[str, ...]]:
    """A picture (h, w, 3) uint8, and notes about it.

    Raises:
        BadImage: unreadable or too narrow; the message names the file.
    """
    try:
        picture = read(file, longest=longest)
    except BadImage as error:
        named = "" if file.name in str(error) else f"{file.name}: "
        raise BadImage(f"{named}{error}") from error
    if min(picture.width, picture.height) < MIN_WIDTH:
        raise BadImage(
            f"{file.name} is {picture.width} × {picture.height} pixels (a long side of {longest} "
            f"at most): too narrow for training, at least {MIN_WIDTH} are needed"
        )
    return np.rint(picture.pixels * 255).astype(np.uint8), picture.notes
