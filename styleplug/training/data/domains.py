"""The two domains of an unpaired translation: their colours and style statistics.

The two domains have different colours.  Colours with the same position in the distribution of
their domain, such as the darkest tenth, are taken as corresponding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleplug.training.losses.perception import (
    COLOUR,
    Perception,
    Style,
    concatenated,
    style_statistics,
)

NEIGHBOURS = 8  # nearest crops by colour, which are averaged
CHUNK = 32  # pictures in one batch


class Domain:
    """Photographs or paintings: the colours of some crops, and their style statistics.

    Args:
        perception: gives the features for the statistics; None: only colours are stored.
        crops: (n 3 h w) in [0, 1].
    """

    def __init__(self, perception: Perception | None, crops: Tensor):
        colours = _colours(crops)
        self.mean, self.deviation = colours.mean(0), colours.std(0) + 1e-3
        self.standardised = self.standardise(colours)
        self.style: Style = {}
        if perception is not None:
            parts = [perception.style(perception(some)) for some in torch.split(crops, CHUNK)]
            self.style = concatenated(parts)

    def standardise(self, colours: Tensor) -> Tensor:
        """Colours (b 6) relative to the domain, with mean 0 and variance 1."""
        return (colours - self.mean) / self.deviation

    def recolour(self, pictures: Tensor, own: Domain) -> Tensor:
        """Pictures (b 3 h w) of the domain `own` with the corresponding colours of this domain."""
        before = _colours(pictures)
        after = self.mean + self.deviation * own.standardise(before)
        (mean, deviation), (new_mean, new_deviation) = (
            torch.split(part[:, :, None, None], 3, dim=1) for part in (before, after)
        )
        recoloured = (pictures - mean) * (
            new_deviation.clamp_min(0) / (deviation + 1e-3)
        ) + new_mean
        return recoloured.clamp(0, 1)

    def style_targets(self, pictures: Tensor, own: Domain) -> Style:
        """Style targets in this domain for pictures (b 3 h w) of the domain `own`.

        The target of the colours are the corresponding colours.  All other targets are means over
        the crops with the nearest colours.
        """
        distances = torch.cdist(own.standardise(_colours(pictures)), self.standardised)
        nearest = distances.topk(min(NEIGHBOURS, len(self.standardised)), largest=False).indices
        targets: Style = {
            tap: tuple(part[nearest].mean(1) for part in parts) for tap, parts in self.style.items()
        }
        return targets | {COLOUR: style_statistics(self.recolour(pictures, own))}


def _colours(pictures: Tensor) -> Tensor:
    """Means and standard deviations (b 6) of the colours of pictures (b 3 h w)."""
    return torch.cat((pictures.mean((2, 3)), pictures.std((2, 3))), dim=1)
