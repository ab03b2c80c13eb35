"""Style transfer in any style, in one pass of a small network.

There is a content encoder, a style encoder and a decoder.  The style modulates the decoder at
every depth: AdaIN (Huang & Belongie 2017, arXiv:1703.06868) in all layers, similar to dual
modulation (Wang et al. 2023, "MicroAST", arXiv:2211.15313).  There is no optimisation and nothing
random.
"""

from __future__ import annotations

from collections.abc import Iterator

from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method
from styleplug.core.params import Numbers, Params, field
from styleplug.core.weight import Embedded
from styleplug.methods.shared.one_pass import OnePass
from styleplug.methods.shared.transfer import CODER, SLOTS, shares_of, style_blend, style_scale


class CnnParams(Params):
    """Parameters."""

    style_weight: float = field(
        1.0,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Style weight",
        help="0 keeps the content's own style, 1 gives the style; higher values exaggerate it.",
    )
    content_weight: float = field(
        1.0,
        ge=0.5,
        le=2.0,
        step=0.05,
        label="Content weight",
        help="How clearly the structure of the content is drawn. Raise it for sharper contours.",
    )
    style_scale: float = style_scale(smallest=0.5)
    style_blend: Numbers = style_blend()


class Cnn(Method[CnnParams]):
    """Content encoder, style encoder, decoder."""

    id = "cnn"
    title = "One pass"
    summary = "Paints the content in any style in one pass of a small network trained for it."
    paper = (
        "Huang & Belongie 2017, Arbitrary Style Transfer in Real-time with Adaptive Instance "
        "Normalization; Wang et al. 2023, MicroAST"
    )
    rank = 10
    diagram = (
        "content > [Encoder] -features> Normalise > [Decoder] > result",
        "style > [Style encoder] -code> [Decoder]",
    )
    params = CnnParams
    inputs = SLOTS
    weights = {  # noqa: RUF012
        "encoder": (CODER,),
        "painter": (Embedded("cnn", "cnn.safetensors"),),
    }
    presets = {  # noqa: RUF012
        "bold": {"style_weight": 1.5, "style_scale": 1.5},
        "delicate": {"style_weight": 0.5, "style_scale": 0.6},
        "broad_brush": {"style_scale": 2.0, "content_weight": 0.8},
        "keep_faces": {"style_weight": 0.6, "content_weight": 1.2},
        "own_colours": {"keep_colours": True},
    }
    tiled = True

    def work(self, params: CnnParams, pixels: int) -> float:
        """One step for its pixels, and a constant for the style codes."""
        return 0.1 + pixels / 1e6

    def run(self, images: Images, params: CnnParams, ctx: Context) -> Iterator[Frame]:
        """Paint the content (h w 3) in the styles, to a picture (h w 3)."""
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
