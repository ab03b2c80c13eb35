"""Scores of a style transfer by the embedded encoder: style gain, and content kept.

style_gain    1 - D(result, style) / D(content, style): 0 for the unchanged content, 1 for a result
              whose Gram matrices are those of the style.  D is the mean over layers of the
              relative squared error of Gram matrices.
content_kept  1 - D(result, content) / D(style, content), where D is the relative squared error of
              the content features: 1 for the unchanged content, 0 for a result that is as different
              from the content as the style is.

Use them to compare results of one pair.  `cnn` and `gatys` use the same encoder, so their scores
are too good; `benchmarks/judge.py` has other measures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from styleplug.core.array import Arrays, Pixels
from styleplug.core.backend import Net
from styleplug.imaging.padding import pad_to_multiple
from styleplug.imaging.picture import fit_pixels, resize, within

SIDE = 512
"""Longest side at which pictures are compared."""
_TINY = 1e-8


def scores(
    describe: Net,
    result: Pixels,
    content: Pixels,
    styles: Sequence[Pixels],
    shares: Sequence[float],
) -> dict[str, float]:
    """The scores of a result.

    Args:
        describe: gives Gram matrices and content features of a picture.
        result: (h, w, 3) float32 in [0, 1].
        content: (h, w, 3), of any size.
        styles: (h, w, 3) each.
        shares: shares of the styles; they add up to 1.
    """
    across, down = within(result.shape[1], result.shape[0], SIDE)

    def seen(picture: Pixels) -> Arrays:
        return describe(picture=pad_to_multiple(picture, describe.spec.multiple))

    painted, given = (seen(resize(one, across, down)) for one in (result, content))
    described = [seen(fit_pixels(style, max(across, down))) for style in styles]
    grams = [name for name in describe.spec.outputs if name.startswith("gram_")]
    wanted = {
        name: np.tensordot(np.array(shares, np.float32), [one[name] for one in described], 1)
        for name in grams
    }
    kept = [name for name in describe.spec.outputs if name.startswith("content_")]
    stretched = seen(resize(styles[int(np.argmax(shares))], across, down))
    gain = _distance(painted, wanted, grams) / max(_distance(given, wanted, grams), _TINY)
    lost = _distance(painted, given, kept) / max(_distance(stretched, given, kept), _TINY)
    return {"style_gain": 1 - gain, "content_kept": 1 - lost}


def _distance(found: Arrays, wanted: Arrays, names: Sequence[str]) -> float:
    """Mean over arrays of the relative squared error."""
    return float(
        np.mean([np.square(found[n] - wanted[n]).sum() / (np.square(wanted[n]).sum() + _TINY)
                 for n in names])
    )  # fmt: skip
