"""Training pictures as one tensor on the device, so that no step waits for the CPU."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from styleplug.core.array import Bytes, Indices
from styleplug.training.data.pictures import Pictures

MARGIN = 1.3  # side of the stored squares by that of a crop


class Bank:
    """The middle squares of pictures; batches are drawn from them on the device.

    Args:
        pictures: each with a label.
        size: side of the drawn pictures, in pixels.
        device: where the squares are stored, as 8-bit numbers.
        margin: side of the stored squares divided by `size`.  Batches are random crops of them,
            with a random side of at least `size`.  With 1 the squares are drawn as they are.
        classes: names of the labels in the order of their numbers; None: the names that occur.
        mirrored: whether drawn pictures are mirrored at random.

    Attributes:
        labels: number (n) of the class of each picture.
        classes: their names, in alphabetical order unless given.
        drawn: indices (count) of the pictures of the last batch.
    """

    def __init__(
        self,
        pictures: Pictures,
        size: int,
        device: torch.device,
        *,
        margin: float = MARGIN,
        classes: tuple[str, ...] | None = None,
        mirrored: bool = True,
    ):
        self.size, self.mirrored = size, mirrored
        side = round(margin * size)
        squares = np.stack([_middle_square(array, side) for array in pictures.arrays])
        self.squares = torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous().to(device)
        self.classes = classes or tuple(sorted(set(pictures.labels)))
        numbers = [self.classes.index(label) for label in pictures.labels]
        self.labels = torch.tensor(numbers, device=device)
        self.drawn = torch.zeros(0, dtype=torch.long, device=device)

    def __len__(self) -> int:
        return len(self.squares)

    def draw(self, rng: np.random.Generator, count: int, indices: Indices | None = None) -> Tensor:
        """A batch (count 3 size size) in [0, 1], each picture cropped and perhaps mirrored.

        Args:
            rng: decides which pictures, and how they are cropped and mirrored.
            indices: the pictures to take, instead of random ones.
        """
        if indices is None:
            indices = rng.integers(len(self), size=count)
        device = self.squares.device
        self.drawn = torch.from_numpy(indices.astype(np.int64)).to(device)
        squares = self.squares[self.drawn].float() / 255
        sides = rng.uniform(self.size / squares.shape[-1], 1, len(indices))
        offset = rng.uniform(-1, 1, (2, len(indices))) * (1 - sides)
        mirror = np.where(self.mirrored & (rng.random(len(indices)) < 0.5), -1.0, 1.0)
        if squares.shape[-1] == self.size:
            flipped = torch.from_numpy(mirror < 0).to(device)[:, None, None, None]
            return torch.where(flipped, squares.flip(3), squares)
        # Maps (x, y) of a crop to (x, y) of its square; both run from -1 to 1.
        affine = np.zeros((len(indices), 2, 3))
        affine[:, 0, 0], affine[:, 1, 1] = mirror * sides, sides
        affine[:, :, 2] = offset.T
        positions = F.affine_grid(
            torch.from_numpy(affine.astype(np.float32)).to(device),
            [len(indices), 3, self.size, self.size],
            align_corners=False,
        )
        return F.grid_sample(squares, positions, padding_mode="reflection", align_corners=False)


def _middle_square(array: Bytes, side: int) -> Bytes:
    """The middle square of a picture (h w 3), resized: (side side 3) uint8."""
    height, width = array.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    middle = Image.fromarray(array[top : top + short, left : left + short])
    return np.asarray(middle.resize((side, side), Image.Resampling.LANCZOS))
