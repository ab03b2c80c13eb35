"""How good made pictures are, in the features of a `Perception`: near real ones, various, new.

The kernel distance is that of Binkowski et al. 2018 (arXiv:1801.01401): the squared maximum mean
discrepancy under a cubic polynomial kernel, without bias, so that it may fall below 0 for two
samples of one kind.  Features and scale are ours: compare it with the figures of real pictures
and of noise that stand beside it, not with other people's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleplug.training.losses.perception import COLOUR, Perception, style_statistics

CHUNK = 32
TINY = 1e-6


@torch.no_grad()
def descriptor(perception: Perception, pictures: Tensor) -> Tensor:
    """Means and deviations (b d) of all features of pictures (b 3 h w) in [0, 1]."""
    parts = []
    for chunk in pictures.split(CHUNK):
        features = perception(chunk)
        taps = [tap for tap in features if tap != COLOUR]
        each = [torch.cat(style_statistics(features[tap])[1:], dim=1) for tap in taps]
        # Every tap counts the same, whatever its channels and their size.
        parts.append(torch.cat([part / part.shape[1] ** 0.5 for part in each], dim=1))
    return torch.cat(parts)


def kernel_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared distance () of the kinds that two samples of descriptors (n d), (m d) come from.

    Both are first divided by the deviations of the wanted, channel by channel; where that is a
    single one, by those of both.
    """
    scale = (wanted if len(wanted) > 1 else torch.cat((found, wanted))).std(0) + TINY
    x, y = found.double() / scale, wanted.double() / scale
    middle = y.mean(0)
    x, y = x - middle, y - middle
    return _apart(_kernel(x, x)) + _apart(_kernel(y, y)) - 2 * _kernel(x, y).mean()


def diversity(found: Tensor) -> Tensor:
    """Mean distance () between two different descriptors of a sample (n d), never 0."""
    return _apart(torch.cdist(found.double(), found.double())).clamp_min(TINY)


def nearest(found: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """For each descriptor (n d) the distance (n) to, and number (n) of, the nearest known (m d)."""
    closest = torch.cdist(found.double(), known.double()).min(dim=1)
    return closest.values, closest.indices


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _apart(square: Tensor) -> Tensor:
    """Mean of a symmetric matrix (n n) without its diagonal; of a single number itself."""
    count = len(square)
    if count == 1:
        return square.mean()
    return (square.sum() - square.diagonal().sum()) / (count * (count - 1))
