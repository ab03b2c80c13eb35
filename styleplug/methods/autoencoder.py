"""Encode, transform the features, decode, from coarse to fine; nothing is trained on styles.

Li et al. 2017, "Universal Style Transfer via Feature Transforms" (arXiv:1705.08086).  The nets are
trained only to reconstruct pictures.  Between encoder and decoder, the features of the content get
the statistics of the style.  The result of a coarser level is the content of the next finer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from styleplug.algorithms import feature_statistics as transforms
from styleplug.core.array import Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.errors import BadParameter
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method
from styleplug.core.params import Numbers, Params, field
from styleplug.core.weight import Embedded
from styleplug.imaging import tiles as tiling
from styleplug.imaging.picture import fit_pixels, reduce_pixels
from styleplug.methods.shared.transfer import SLOTS, covering, shares_of, style_blend, style_scale

MEASURED_SIDE = 768
"""Long side of content and styles when their statistics are measured."""
COSTS = {4: 0.4, 3: 0.35, 2: 0.2, 1: 0.05}
"""Share of each level in the work of all four."""
SIDE = 448  # of a tile: two pictures at once, at full resolution and in many channels
MULTIPLE = 8  # of a tile's sides, at every level
TRANSFORMS = {
    "transport": transforms.transport,
    "whitening": transforms.whitening,
    "adain": transforms.adain,
}


class AutoencoderParams(Params):
    """Parameters."""

    transform: Literal["transport", "whitening", "adain", "mix"] = field(
        "transport",
        label="Transform",
        help="How the features are changed. Transport and whitening give them the correlations of "
        "the style; transport changes them least, whitening is rougher. AdaIN sets only means and "
        "deviations, and is milder. Mix adds the features of the style to those of the content, "
        "which blends the two pictures.",
        words={
            "transport": "Transport",
            "whitening": "Whitening",
            "adain": "AdaIN",
            "mix": "Mix",
        },
    )
    forms: float = field(
        0.7,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Forms",
        help="Strength at the coarsest level, which changes large shapes. 0 skips it.",
    )
    texture: float = field(
        0.7,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Texture",
        help="Strength at the second level, which changes grain and pattern. 0 skips it.",
    )
    strokes: float = field(
        0.7,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Strokes",
        help="Strength at the third level, which changes brush marks and contours. 0 skips it.",
    )
    colours: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Colours",
        help="Strength at the finest level, which matches the colours once more. 0 skips it.",
    )
    detail: float = field(
        0.7,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Detail",
        help="How much is kept of the detail that the decoders cannot reconstruct. 1 keeps every "
        "contour of the content; 0 loses small details.",
    )
    style_scale: float = style_scale()
    style_blend: Numbers = style_blend()
    content_weight: float = field(
        0.6,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Content weight",
        help="For mix only: weight of the content. The share of the style is its weight divided by "
        "the sum of both.",
        advanced=True,
    )
    style_weight: float = field(
        0.4,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Style weight",
        help="For mix only: weight of the style. At 0.4, beside a content weight of 0.6, the "
        "result is 40% style where the strongest level has strength 1.",
        advanced=True,
    )

    def strengths(self) -> dict[int, float]:
        """The levels in use, coarse to fine, with their strengths."""
        every = {4: self.forms, 3: self.texture, 2: self.strokes, 1: self.colours}
        return {level: strength for level, strength in every.items() if strength}


@dataclass(frozen=True)
class Level:
    """Encoder and decoder of one level."""

    encode: Net
    decode: Net
    check: Callable[[], None]

    def features(self, pictures: Pixels) -> Floats:
        """(b 3 h w) to (b c h/s w/s)."""
        return self.encode(picture=pictures)["features"]

    def pictures(self, features: Floats) -> Pixels:
        """(b c h/s w/s) to (b 3 h w)."""
        return self.decode(features=features)["picture"]

    def moments(self, picture: Pixels) -> transforms.Moments:
        """Statistics of the features of a picture (h w 3); its border counts as any other part."""
        for *_, features in self.tiles(picture, self.features):
            found = features
        return transforms.moments(found.transpose(2, 0, 1))

    def tiles(
        self, picture: Pixels, apply: Callable[[Floats], Floats]
    ) -> Iterator[tuple[int, int, Floats]]:
        """`by_tiles` with what encoder and decoder of this level see around a pixel."""
        seen, stride = self.encode.spec, self.encode.spec.multiple
        margin = seen.margin + stride * self.decode.spec.margin
        lay = partial(tiling.by_tiles, multiple=MULTIPLE, margin=margin)
        yield from lay(picture, apply, side=min(SIDE, tiling.SIDE), check=self.check)

    def paint(
        self, picture: Pixels, change: Callable[[Floats], Floats], detail: float
    ) -> Iterator[tuple[int, int, Floats]]:
        """Encode, change and decode a picture.

        Args:
            picture: (h w 3n), n pictures on top of each other, the content first.
            change: features (n c h/s w/s) to features (1 c h/s w/s).
            detail: share of what the content loses by encoding and decoding alone that is put back.
        """

        def apply(canvas: Pixels) -> Pixels:
            pictures = canvas.reshape(-1, 3, *canvas.shape[2:])
            features = self.features(pictures)
            painted = self.pictures(change(features))
            if detail:
                painted += detail * (pictures[:1] - self.pictures(features[:1]))
            return np.asarray(np.clip(painted, 0, 1))

        yield from self.tiles(picture, apply)


class Autoencoder(Method[AutoencoderParams]):
    """Encode, transform, decode."""

    id = "autoencoder"
    title = "Autoencoder"
    summary = "Gives the content's features the style's statistics, level by level."
    paper = "Li et al. 2017, Universal Style Transfer via Feature Transforms"
    params = AutoencoderParams
    inputs = SLOTS
    weights = {"net": (Embedded("autoencoder", "autoencoder.safetensors"),)}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "bold": {"forms": 1.0, "texture": 1.0, "strokes": 1.0, "detail": 1.0},
        "delicate": {"forms": 0.3, "texture": 0.4, "strokes": 0.5, "detail": 0.4, "colours": 0.6},
        "keep_faces": {"forms": 0.0, "texture": 0.5, "strokes": 0.9},
        "colours_only": {"forms": 0.0, "texture": 0.0, "strokes": 0.0, "detail": 0.0},
        "own_colours": {"keep_colours": True},
    }
    tiled = True
    rank = 30
    diagram = (
        "content > [Encoder] -features> Match statistics > [Decoder] > result",
        "style > [Encoder]",
        "[Decoder] -4 levels> [Encoder]",
    )

    def work(self, params: AutoencoderParams, pixels: int) -> float:
        """One step of its pixels, where all levels are used, and what measuring takes."""
        return 0.1 + sum(COSTS[level] for level in params.strengths()) * pixels / 1e6

    def run(self, images: Images, params: AutoencoderParams, ctx: Context) -> Iterator[Frame]:
        """Content (h w 3) and styles to the picture (h w 3)."""
        picture, styles = images["content"][0], images["style"]
        shares = shares_of("style_blend", params.style_blend, ("style",) * len(styles))
        strengths = params.strengths()
        if not strengths:
            yield Frame(
                1,
                1,
                (picture,),
                note="all strengths are 0, so the picture was not changed",
                final=True,
            )
        for place, (number, strength) in enumerate(strengths.items()):
            encode, decode = (ctx.net("net", f"{kind}code{number}") for kind in ("en", "de"))
            level = Level(encode, decode, check=ctx.check)
            if params.transform == "mix":
                layers, change = _mixed(picture, styles, shares, params, _kept(params, strength))
            else:
                change = _changed(level, picture, styles, shares, params, drawn=place > 0)
                layers, change = picture, change.at(strength)
            for done, tiles, shown in level.paint(layers, change, params.detail):
                step, steps = place * tiles + done, len(strengths) * tiles
                yield Frame(step, steps, (shown,), final=step == steps)
            picture = shown


METHOD = Autoencoder()


def _changed(
    level: Level,
    picture: Pixels,
    styles: Sequence[Pixels],
    shares: Sequence[float],
    params: AutoencoderParams,
    *,
    drawn: bool,
) -> transforms.Affine:
    """The map of a picture's features, which a decoder has drawn or not, to styles' statistics."""
    seen = reduce_pixels(picture, MEASURED_SIDE)
    side = max(seen.shape[:2]) * params.style_scale
    parts = [level.moments(fit_pixels(style, side)) for style in styles]
    wanted = transforms.blend(parts, shares)
    content = level.moments(seen)
    change = TRANSFORMS[params.transform](content, wanted)
    return transforms.damped(change, content, wanted) if drawn else change


def _kept(params: AutoencoderParams, strength: float) -> float:
    """Share that a level with this strength keeps of its picture when mixing.

    The result of a level is the picture of the next one, so shares multiply.  Their product is the
    share of the content in the result, whatever levels are used.

    Raises:
        BadParameter: both weights are 0.
    """
    both = params.content_weight + params.style_weight
    if not both:
        raise BadParameter(
            "content_weight and style_weight are both 0, so there is nothing to mix: raise one"
        )
    strengths = params.strengths().values()
    content = 1 - max(strengths) * params.style_weight / both
    return float(content ** (strength / sum(strengths)))


def _mixed(
    picture: Pixels,
    styles: Sequence[Pixels],
    shares: Sequence[float],
    params: AutoencoderParams,
    kept: float,
) -> tuple[Floats, Callable[[Floats], Floats]]:
    """The picture with the styles under it, and how their features are added up.

    Args:
        kept: share of the picture; the styles have the rest.
    """
    weights = [kept, *((1 - kept) * share for share in shares)]
    shape = picture.shape[:2]
    layers = np.empty(
        (*shape, 3 * (1 + len(styles))), np.float16
    )  # they are as large as the result
    layers[..., :3] = picture
    for place, style in enumerate(styles, 1):
        layers[..., 3 * place : 3 * place + 3] = covering(style, shape, params.style_scale)
    return layers, lambda parts: transforms.mix(parts, weights)
