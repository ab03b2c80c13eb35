"""Training pictures: folders of files, held in memory, cropped at random but repeatably."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

log = logging.getLogger(__name__)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
LONGEST = 512  # larger pictures are reduced to it once, at reading


class Pictures:
    """The pictures of several folders as (h, w, 3) uint8 arrays.

    Raises:
        ValueError: no picture could be read.
    """

    def __init__(self, folders: Sequence[Path]):
        files = sorted(
            file
            for folder in folders
            for file in folder.rglob("*")
            if file.suffix.lower() in SUFFIXES
        )
        with ThreadPoolExecutor() as readers:
            self.arrays = [array for array in readers.map(_read, files) if array is not None]
        log.info("%d pictures read, %d skipped", len(self.arrays), len(files) - len(self.arrays))
        if not self.arrays:
            raise ValueError(
                f"no picture found in {', '.join(map(str, folders))}: "
                f"expected files ending in {', '.join(sorted(SUFFIXES))}"
            )

    def __len__(self) -> int:
        return len(self.arrays)

    def split(self, share: float) -> tuple[Pictures, Pictures]:
        """Training and held-out pictures; `share` of them, evenly spread, is held out."""
        every = max(2, round(1 / share))
        held, rest = Pictures.__new__(Pictures), Pictures.__new__(Pictures)
        held.arrays = self.arrays[::every]
        rest.arrays = [a for i, a in enumerate(self.arrays) if i % every]
        return rest, held

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


def _read(file: Path) -> np.ndarray | None:
    """One picture, or None (named in the log) where the file cannot be read."""
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        log.warning("skipped %s: %s", file, error)
        return None
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)
