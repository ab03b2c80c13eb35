"""Photographs or paintings as a kind: how their colours are spread, and what is typical of them.

Two kinds have other colours.  What has the same place in both, such as the darkest tenth, is taken
for the same.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from styleplug.training.perception import Perception, Style, chosen, joined

NEAR = 4  # crops nearest in colour, of which one is taken
CHUNK = 32  # pictures looked at together


class Kind:
    """Photographs or paintings: the colours of some crops, and their statistics.

    Args:
        perception: whose features the statistics are of.
        crops: (n 3 h w) in [0, 1].
    """

    def __init__(self, perception: Perception, crops: Tensor):
        colours = _colours(crops)
        self.mean, self.deviation = colours.mean(0), colours.std(0) + 1e-3
        self.places = self.place(colours)
        self.style = joined([perception.style(perception(some)) for some in crops.split(CHUNK)])

    def place(self, colours: Tensor) -> Tensor:
        """Where colours (b 6) lie within the kind, as numbers of variance 1."""
        return (colours - self.mean) / self.deviation

    def recolour(self, pictures: Tensor, own: Kind) -> Tensor:
        """Pictures (b 3 h w) with the colours that have the place here which theirs have there."""
        before = _colours(pictures)
        after = self.mean + self.deviation * own.place(before)
        (mean, spread), (wanted, wide) = (
            part[:, :, None, None].split(3, dim=1) for part in (before, after)
        )
        moved = (pictures - mean) * (wide.clamp_min(0) / (spread + 1e-3)) + wanted
        return moved.clamp(0, 1)

    def counterparts(self, pictures: Tensor, own: Kind, rng: np.random.Generator) -> Style:
        """Statistics of one of the crops that have nearly the same place, for each picture."""
        count = min(NEAR, len(self.places))
        apart = torch.cdist(own.place(_colours(pictures)), self.places)
        nearest = apart.topk(count, largest=False).indices
        drawn = torch.from_numpy(rng.integers(count, size=len(pictures))).to(nearest.device)
        return chosen(self.style, nearest.gather(1, drawn[:, None])[:, 0])


def _colours(pictures: Tensor) -> Tensor:
    """Means and deviations (b 6) of the colours of pictures (b 3 h w)."""
    return torch.cat((pictures.mean((2, 3)), pictures.std((2, 3))), dim=1)
