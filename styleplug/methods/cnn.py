"""Any style in one pass of a small net.

A content encoder, a style encoder and a decoder that the style modulates at every depth: AdaIN
(Huang & Belongie 2017, arXiv:1703.06868) carried on through the decoder, as in dual modulation
(Wang et al. 2023, "MicroAST", arXiv:2211.15313).  Nothing is optimised and nothing is random.
"""

from __future__ import annotations

from collections.abc import Iterator

from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method
from styleplug.core.params import Numbers, Params, field, shares_of
from styleplug.core.weight import Embedded
from styleplug.methods.shared.one_pass import OnePass
from styleplug.methods.shared.transfer import SLOTS, style_blend, style_scale


class CnnParams(Params):
    """What a visitor can set."""

    style_weight: float = field(
        1.0,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Style weight",
        help="0 paints the content in its own style, 1 in the style's; more exaggerates.",
    )
    content_weight: float = field(
        1.0,
        ge=0.25,
        le=4.0,
        step=0.05,
        label="Content weight",
        help="How firmly the content's structure is drawn. Raise it for harder contours.",
    )
    style_scale: float = style_scale(smallest=0.5)
    style_blend: Numbers = style_blend()


class Cnn(Method[CnnParams]):
    """Content encoder, style encoder, decoder."""

    id = "cnn"
    title = "One pass"
    summary = "Paints the content in any style at once, with a small net that was taught to."
    paper = (
        "Huang & Belongie 2017, Arbitrary Style Transfer in Real-time with Adaptive Instance "
        "Normalization; Wang et al. 2023, MicroAST"
    )
    rank = 10
    params = CnnParams
    inputs = SLOTS
    weights = {  # noqa: RUF012
        "encoder": (Embedded("styleplug_encoder", "styleplug_encoder.safetensors"),),
        "painter": (Embedded("cnn", "cnn.safetensors"),),
    }
    tiled = True

    def work(self, params: CnnParams, pixels: int) -> float:
        """One step of its pixels, and what describing the pictures takes."""
        return 0.1 + pixels / 1e6

    def run(self, images: Images, params: CnnParams, ctx: Context) -> Iterator[Frame]:
        """Content (h w 3) and styles to the picture (h w 3)."""
        content, styles = images["content"][0], images["style"]
        shares = shares_of("style_blend", params.style_blend, ("style",) * len(styles))
        net = OnePass.of(ctx, "encoder", "painter")
        code = net.blended(styles, shares, params.style_scale)
        if params.style_weight != 1:
            own = net.code_of(content)
            code = own + params.style_weight * (code - own)
        for done, tiles, picture in net.paints(content, code, ctx, params.content_weight):
            yield Frame(done, tiles, (picture,), final=done == tiles)


METHOD = Cnn()
