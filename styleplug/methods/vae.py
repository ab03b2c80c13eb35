"""Style transfer in the latent of a variational autoencoder.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114.  Content and styles are
encoded, the latent of the content is moved towards those of the styles, and the result is decoded.
Large pictures are encoded and decoded in tiles; the latent is small, so it is moved as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from styleplug.algorithms.feature_statistics import adain, blend, moments, transport, whitening
from styleplug.algorithms.latents import bounded, shift, slerp, texture
from styleplug.core.array import Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method
from styleplug.core.params import Numbers, Params, field
from styleplug.core.weight import Embedded, Hub
from styleplug.imaging import tiles
from styleplug.imaging.picture import fit_pixels
from styleplug.methods.shared.transfer import SLOTS, covering, shares_of, style_blend, style_scale

_OWN = Embedded("vae", "vae.safetensors")
_TAESD = Hub(
    "taesd",
    repo="madebyollin/taesd",
    file="diffusion_pytorch_model.safetensors",
    licence="MIT",
    revision="614f76814bbe30edbe2e627ace1c2234c81a2c0e",
    sha256="db169d69145ec4ff064e49d99c95fa05d3eb04ee453de35824a6d0f325513549",
)
_BORDER = 32  # width of the mirrored border that a picture gets before it is encoded, in pixels
_LARGEST_STYLE = 2048  # pixels of a style's long side, where only its statistics count
_RIDGE = 0.03  # as in training
_TRANSFORMS = {"transport": transport, "whitening": whitening, "adain": adain}


class VaeParams(Params):
    """Parameters."""

    mode: Literal["statistics", "noise", "shift", "slerp"] = field(
        "statistics",
        label="Mode",
        help="Statistics paints the content with the colours and marks of the style. Noise style "
        "adds the texture of the style. Shift and slerp blend the two pictures, along a straight "
        "line or an arc.",
        words={
            "statistics": "Statistics",
            "noise": "Noise style",
            "shift": "Shift",
            "slerp": "Slerp",
        },
    )
    style_weight: float = field(
        1.0,
        ge=0.0,
        le=2.0,
        step=0.05,
        label="Style weight",
        help="How far the latent moves: z = content weight · (z_c + style weight · (z_s - z_c)). "
        "0 keeps the content, 1 gives the style; use about 0.5 to blend.",
    )
    content_weight: float = field(
        1.0,
        ge=0.5,
        le=2.0,
        step=0.05,
        label="Content weight",
        help="Scales the moved latent. Higher values give more contrast, lower ones a paler "
        "picture.",
    )
    style_scale: float = style_scale()
    grain: float = field(
        0.2,
        ge=0.0,
        le=0.5,
        step=0.05,
        label="Grain",
        help="For the mode statistics: strength of the noise that becomes brush marks on flat "
        "areas. Another seed gives other marks.",
        advanced=True,
    )
    encoder: Literal["styleplug", "taesd"] = field(
        "styleplug",
        label="Encoder",
        help="The autoencoder: our own, which was trained to paint, or TAESD, which is larger and "
        "has a coarser latent (10 MB from the Hugging Face Hub at first use).",
        words={"styleplug": "Our own", "taesd": "TAESD"},
    )
    moments: Literal["transport", "whitening", "adain"] = field(
        "transport",
        label="Statistics",
        help="How the statistics of the latent are matched. Transport matches mean and covariance "
        "with the least change; whitening by whitening and colouring; AdaIN matches only the means "
        "and deviations of the channels.",
        words={
            "transport": "Transport",
            "whitening": "Whitening",
            "adain": "AdaIN",
        },
        advanced=True,
    )
    style_blend: Numbers = style_blend()


class Vae(Method[VaeParams]):
    """Move the latent."""

    id = "vae"
    title = "VAE"
    summary = "Moves the latent of the content towards the styles: paints, adds texture, or blends."
    paper = "Kingma & Welling 2014, Auto-Encoding Variational Bayes"
    params = VaeParams
    inputs = SLOTS
    weights = {"styleplug": (_OWN,), "taesd": (_TAESD, _OWN)}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "bold": {"style_weight": 1.3, "grain": 0.3},
        "delicate": {"style_weight": 0.6, "grain": 0.0},
        "keep_faces": {"content_weight": 1.3, "style_weight": 0.7, "grain": 0.1},
        "own_colours": {"keep_colours": True},
        "double_exposure": {"mode": "slerp", "style_weight": 0.5},
    }
    rank = 40
    diagram = (
        "content > [Encoder] -latents> Move to the style > [Decoder] > result",
        "style > [Encoder]",
    )
    tiled = True

    def nets(self, params: VaeParams) -> tuple[str, ...]:
        """The chosen autoencoder."""
        return (params.encoder,)

    def work(self, params: VaeParams, pixels: int) -> float:
        """One step for its pixels, and a constant."""
        return 0.1 + pixels / 1e6

    def run(self, images: Images, params: VaeParams, ctx: Context) -> Iterator[Frame]:
        """Paint the content (h w 3) in the styles, to a picture (h w 3)."""
        content, styles = images["content"][0], images["style"]
        shares = shares_of("style_blend", params.style_blend, ("style",) * len(styles))
        encode, decode = (ctx.net(params.encoder, name) for name in ("encode", "decode"))
        latent = _encoded(encode, content, ctx)
        place = covering if params.mode in ("shift", "slerp") else _sized
        known = [
            _encoded(encode, place(style, content.shape, params.style_scale), ctx)
            for style in styles
        ]
        moved = _moved(latent, known, shares, params, ctx.rng)
        for done, count, picture in _decoded(
            decode, moved, content.shape, encode.spec.multiple, ctx
        ):
            yield Frame(done, count, (picture,), final=done == count)


METHOD = Vae()


def _moved(
    content: Pixels,
    styles: Sequence[Pixels],
    shares: Sequence[float],
    params: VaeParams,
    rng: np.random.Generator,
) -> Floats:
    """Move the latent of the content (1 c h w) towards those of the styles."""
    weight, scale = params.style_weight, params.content_weight
    if params.mode in ("shift", "slerp"):
        style = np.asarray(sum(np.float32(s) * z for s, z in zip(shares, styles, strict=True)))
        if params.mode == "slerp":
            moved = slerp(content, style, weight) * np.float32(scale)
        else:
            moved = shift(content, style, scale, weight)
    elif params.mode == "statistics":
        wanted = blend([moments(z[0]) for z in styles], shares)
        grain = rng.standard_normal(content.shape, np.float32)
        seeded = content + np.float32(params.grain) * grain
        matched = _TRANSFORMS[params.moments](moments(seeded[0]), wanted, _RIDGE)(seeded)
        moved = shift(content, matched, scale, weight)
    else:
        height, width = content.shape[2:]
        noise = sum(  # variances of independent samples add up
            np.float32(np.sqrt(s)) * texture(z, height, width, rng)
            for s, z in zip(shares, styles, strict=True)
        )
        means = [z.mean(axis=(2, 3), keepdims=True) for z in (content, *styles)]
        mean = sum(np.float32(s) * m for s, m in zip(shares, means[1:], strict=True))
        moved = shift(content, content + noise + mean - means[0], scale, weight)
    return bounded(moved, content, *styles)


def _sized(style: Pixels, shape: tuple[int, ...], scale: float) -> Pixels:
    """A style (h w 3) resized to the long side of the content, for its statistics."""
    side = min(_LARGEST_STYLE, max(1, round(max(shape[:2]) * scale)))
    return fit_pixels(style, side)


def _frame(length: int, multiple: int) -> tuple[int, int]:
    """Pixels by which a side is mirrored outwards at both ends: a border, and up to `multiple`."""
    border = _BORDER + -_BORDER % multiple
    return border, border + -length % multiple


def _encoded(encode: Net, picture: Pixels, ctx: Context) -> Floats:
    """The latent (1 c h w) of a picture (h w 3) and of a mirrored border around it."""
    multiple = encode.spec.multiple
    frame = [_frame(length, multiple) for length in picture.shape[:2]]
    *_, (_, _, latent) = tiles.by_tiles(
        np.pad(picture, (*frame, (0, 0)), mode="reflect"),
        lambda canvas: encode(picture=canvas)["mean"],
        multiple=multiple,
        margin=encode.spec.margin,
        check=ctx.check,
        side=tiles.SIDE + 2 * _BORDER,
    )
    return latent.transpose(2, 0, 1)[None]


def _decoded(
    decode: Net, latent: Floats, shape: tuple[int, ...], multiple: int, ctx: Context
) -> Iterator[tuple[int, int, Floats]]:
    """Tiles done, tiles in all, and the picture so far (h w 3), of what `_encoded` gave."""
    height, width = shape[:2]
    before, after = _frame(height, multiple)
    stride = (before + height + after) // latent.shape[2]
    for done, count, picture in tiles.by_tiles(
        latent[0].transpose(1, 2, 0),
        lambda canvas: decode(latent=canvas)["picture"],
        multiple=decode.spec.multiple,
        margin=decode.spec.margin,
        check=ctx.check,
        side=(tiles.SIDE + 2 * _BORDER) // stride,
    ):
        yield done, count, picture[before : before + height, before : before + width]
