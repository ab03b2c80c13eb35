"""Scores of generated pictures in the features of a `Perception`: quality, diversity, novelty.

The kernel distance is that of Binkowski et al. 2018 (arXiv:1801.01401): the squared maximum mean
discrepancy with a cubic polynomial kernel.  It is unbiased, so it may be below 0 for two samples of
one distribution.  Features and scale are ours: compare a value with those of real pictures and of
noise, not with published ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from styleplug.training.losses.perception import COLOUR, Perception, style_statistics

CHUNK = 32
TINY = 1e-6
FLOOR = 0.05  # smallest deviation, by the median one: some channels are constant in real pictures


@torch.no_grad()
def descriptor(perception: Perception, pictures: Tensor) -> Tensor:
    """Means and deviations (b d) of all features of pictures (b 3 h w) in [0, 1]."""
    parts = []
    for chunk in torch.split(pictures, CHUNK):
        features = perception(chunk)
        taps = [tap for tap in features if tap != COLOUR]
        each = [torch.cat(style_statistics(features[tap])[1:], dim=1) for tap in taps]
        # All taps have the same weight, whatever their number of channels.
        parts.append(torch.cat([part / part.shape[1] ** 0.5 for part in each], dim=1))
    return torch.cat(parts)


def kernel_distance(generated: Tensor, real: Tensor) -> Tensor:
    """Squared distance () between the distributions of two samples (n d) and (m d).

    Both are first divided by the deviations of the real sample, channel by channel.
    """
    deviation = (real if len(real) > 1 else torch.cat((generated, real))).std(0)
    scale = deviation.clamp_min(FLOOR * float(deviation.median())) + TINY
    x, y = generated.double() / scale, real.double() / scale
    centre = y.mean(0)
    x, y = x - centre, y - centre
    within = _off_diagonal_mean(_cubic_kernel(x, x)) + _off_diagonal_mean(_cubic_kernel(y, y))
    return within - 2 * _cubic_kernel(x, y).mean()


def diversity(generated: Tensor) -> Tensor:
    """Mean distance () between two different descriptors of a sample (n d), never 0."""
    return _off_diagonal_mean(torch.cdist(generated.double(), generated.double())).clamp_min(TINY)


def nearest(generated: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (n) to, and index (n) of, the nearest real descriptor (m d) for each of (n d)."""
    closest = torch.cdist(generated.double(), real.double()).min(dim=1)
    return closest.values, closest.indices


def _cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _off_diagonal_mean(square: Tensor) -> Tensor:
    """Mean of a symmetric matrix (n n) without its diagonal; of a single number, that number."""
    count = len(square)
    if count == 1:
        return square.mean()
    return (square.sum() - square.diagonal().sum()) / (count * (count - 1))
