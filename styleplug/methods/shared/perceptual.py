"""Targets of a perceptual loss: what the features of a picture are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from styleplug.core.array import Arrays, Floats, Pixels
from styleplug.core.backend import Net
from styleplug.imaging.padding import pad_to_multiple

_CALM, _TINY = 0.4, 1e-8  # content features below this share of the styles' have less weight


def targets(
    describe: Net, content: Pixels, styles: Sequence[Pixels], shares: Sequence[float]
) -> tuple[Arrays, list[float]]:
    """Content features and the weighted mean of the styles' statistics, by name.

    For Gram matrices, this mean equals the sum of the styles' losses up to a constant.

    Args:
        describe: the function of the encoder.
        content: (h, w, 3).
        styles: (h', w', 3) each.
        shares: of the styles; they add up to 1.

    Returns:
        Also how much there is of each layer of the content's features, in [0, 1].  Flat content has
        almost none; relative to them, any brush mark would be a huge loss.
    """
    content, *styles = (pad_to_multiple(one, describe.spec.multiple) for one in (content, *styles))
    wanted, kept = describe(picture=content), []
    described = [describe(picture=style) for style in styles]
    for name in tuple(wanted):
        found = [one[name] for one in described]
        if name.startswith("content_"):
            expected = _CALM * np.dot(shares, [_size(one) for one in found]) + _TINY
            kept.append(min(1.0, _size(wanted[name]) / expected))
        else:
            wanted[name] = np.tensordot(np.array(shares, np.float32), found, 1)
    return wanted, kept


def _size(features: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(features))))
