"""Photographs or paintings as a kind: how their colours are spread, and what is typical of them.

Two kinds have other colours.  What has the same place in both, such as the darkest tenth, is taken
for the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleplug.training.losses.perception import COLOUR, Perception, Style, joined, style_statistics

NEAR = 8  # crops nearest in colour, whose mean is taken
CHUNK = 32  # pictures looked at together


class Kind:
    """Photographs or paintings: the colours of some crops, and their statistics.

    Args:
        perception: whose features the statistics are of; None: only colours are known.
        crops: (n 3 h w) in [0, 1].
    """

    def __init__(self, perception: Perception | None, crops: Tensor):
        colours = _colours(crops)
        self.mean, self.deviation = colours.mean(0), colours.std(0) + 1e-3
        self.places = self.place(colours)
        self.style: Style = {}
        if perception is not None:
            parts = [perception.style(perception(some)) for some in crops.split(CHUNK)]
            self.style = joined(parts)

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

    def counterparts(self, pictures: Tensor, own: Kind) -> Style:
        """Statistics to ask for, for each picture, of what becomes of it as one of this kind.

        Its own colours moved to their place here; all else the mean of the crops nearest to it.
        """
        apart = torch.cdist(own.place(_colours(pictures)), self.places)
        nearest = apart.topk(min(NEAR, len(self.places)), largest=False).indices
        asked: Style = {
            tap: tuple(part[nearest].mean(1) for part in parts) for tap, parts in self.style.items()
        }
        return asked | {COLOUR: style_statistics(self.recolour(pictures, own))}


def _colours(pictures: Tensor) -> Tensor:
    """Means and deviations (b 6) of the colours of pictures (b 3 h w)."""
    return torch.cat((pictures.mean((2, 3)), pictures.std((2, 3))), dim=1)
