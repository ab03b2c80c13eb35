"""Training pictures as one tensor where the nets are, so that no step waits for the processor."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from styleplug.training.data.pictures import Pictures

ROOM = 1.3  # how much larger than a crop the held squares are, as a rule


class Bank:
    """The middle squares of pictures, from which batches are drawn on the device.

    Args:
        pictures: with a label each.
        size: side of what is drawn, in pixels.
        device: that holds them, as 8-bit numbers.
        room: how much larger the held squares are than `size`: crops are drawn, random squares
            of a random side from `size` up to all of it.  At 1 squares are drawn as they are.
        classes: names of the labels, in the order of their numbers; those found where None.

    Attributes:
        labels: number (n) of each picture's class.
        classes: their names, in the order of the alphabet.
        chosen: numbers (count) of the pictures of the last draw.
    """

    def __init__(
        self,
        pictures: Pictures,
        size: int,
        device: torch.device,
        *,
        room: float = ROOM,
        classes: tuple[str, ...] | None = None,
    ):
        self.size = size
        side = round(room * size)
        squares = np.stack([_square(array, side) for array in pictures.arrays])
        self.squares = torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous().to(device)
        self.classes = classes or tuple(sorted(set(pictures.labels)))
        numbers = [self.classes.index(label) for label in pictures.labels]
        self.labels = torch.tensor(numbers, device=device)
        self.chosen = torch.zeros(0, dtype=torch.long, device=device)

    def __len__(self) -> int:
        return len(self.squares)

    def draw(self, rng: np.random.Generator, count: int, of: np.ndarray | None = None) -> Tensor:
        """A batch (count 3 size size) in [0, 1], each picture mirrored by chance.

        Args:
            rng: decides which, how they are cropped and mirrored.
            count: pictures.
            of: numbers of the pictures to take, instead of any.
        """
        numbers = rng.integers(len(self), size=count) if of is None else np.asarray(of)
        device = self.squares.device
        self.chosen = torch.from_numpy(numbers.astype(np.int64)).to(device)
        squares = self.squares[self.chosen].float() / 255
        sides = rng.uniform(self.size / squares.shape[-1], 1, len(numbers))
        room = rng.uniform(-1, 1, (2, len(numbers))) * (1 - sides)
        mirror = np.where(rng.random(len(numbers)) < 0.5, -1.0, 1.0)
        if squares.shape[-1] == self.size:
            flipped = torch.from_numpy(mirror < 0).to(device)[:, None, None, None]
            return torch.where(flipped, squares.flip(3), squares)
        # (x, y) of the square that a crop's (x, y) comes from, both from -1 to 1.
        affine = np.zeros((len(numbers), 2, 3))
        affine[:, 0, 0], affine[:, 1, 1] = mirror * sides, sides
        affine[:, :, 2] = room.T
        where = F.affine_grid(
            torch.from_numpy(affine.astype(np.float32)).to(device),
            [len(numbers), 3, self.size, self.size],
            align_corners=False,
        )
        return F.grid_sample(squares, where, padding_mode="reflection", align_corners=False)


def _square(array: np.ndarray, side: int) -> np.ndarray:
    """The middle square of a picture (h w 3), at a side: (side side 3) uint8."""
    height, width = array.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    middle = Image.fromarray(array[top : top + short, left : left + short])
    return np.asarray(middle.resize((side, side), Image.Resampling.LANCZOS))
