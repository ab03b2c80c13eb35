"""Style transfer in one pass, by the nets of `cnn` and the style encoder.

The method `cnn` uses it, and `gatys` for the draft that it starts from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from styleplug.core.array import Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.method import Context
from styleplug.imaging.padding import pad_to_multiple
from styleplug.imaging.picture import fit_pixels, reduce_pixels
from styleplug.imaging.tiles import by_tiles

STYLE_SIDE = 256
"""Long side of a style when it is encoded; brush marks get the size that they have there."""
MEASURED_SIDE = 1024
"""Long side at which the content's statistics are measured."""


@dataclass(frozen=True)
class OnePass:
    """The functions of the nets.

    Args:
        describe: the style encoder's "describe".
        code: computes the style code from its output.
        measure: computes the means and deviations of the content's features.
        paint: the painter.
    """

    describe: Net
    code: Net
    measure: Net
    paint: Net

    @classmethod
    def of(cls, ctx: Context, encoder: str, painter: str) -> OnePass:
        """Get them from the context, by the keys of `Method.weights`."""
        functions = (ctx.net(painter, name) for name in ("code", "measure", "paint"))
        return cls(ctx.net(encoder, "describe"), *functions)

    def code_of(self, picture: Pixels, scale: float = 1.0) -> Floats:
        """The style code (1 k) of a picture (h w 3), resized by `scale` first."""
        seen = fit_pixels(picture, max(64, round(STYLE_SIDE * scale)))
        canvas = pad_to_multiple(seen, self.describe.spec.multiple)
        found = self.describe(picture=canvas)
        return self.code(**{name: found[name] for name in self.code.spec.inputs})["code"]

    def blended(
        self, styles: Sequence[Pixels], shares: Sequence[float], scale: float = 1.0
    ) -> Floats:
        """The weighted mean of the style codes (1 k) of pictures; the shares add up to 1."""
        codes = [self.code_of(style, scale) for style in styles]
        return np.tensordot(np.array(shares, np.float32), np.stack(codes), axes=1)

    def paints(
        self, content: Pixels, code: Floats, ctx: Context, content_weight: float = 1.0
    ) -> Iterator[tuple[int, int, Pixels]]:
        """Paint a picture (h w 3) in the style of a style code.

        Yields:
            Tiles done, tiles in all, and the picture so far (h w 3).
        """
        spec = self.paint.spec
        whole = pad_to_multiple(reduce_pixels(content, MEASURED_SIDE), spec.multiple)
        known = self.measure(picture=whole)
        known["content_deviation"] = known["content_deviation"] / np.float32(content_weight)

        def apply(canvas: Pixels) -> Pixels:
            return self.paint(picture=canvas, code=code, **known)["painted"]

        yield from by_tiles(
            content, apply, multiple=spec.multiple, margin=spec.margin, check=ctx.check
        )
