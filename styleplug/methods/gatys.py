"""Style transfer by optimising the picture.

Gatys, Ecker & Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks".  Pixels are
changed until features at a deep layer are like the content's, and statistics like the styles'.  A
frame of a video starts from the moved result before it and stays like it (Ruder, Dosovitskiy & Brox
2016, "Artistic Style Transfer for Videos", arXiv:1604.08610).

Departures from the paper: losses are relative to their targets (for flat content, to a share of
the styles), so that one weight suits every encoder.  A draft of `cnn` comes first, sizes go from
coarse to fine, the picture stays within [0, 1], a total variation loss is added, and the result is
a running average of the last steps, which removes the noise of the optimiser.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np

from styleplug.algorithms.flow import temporal
from styleplug.algorithms.optimisers import LBFGS, Adam, Loss, descend
from styleplug.core.array import Arrays, Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method
from styleplug.core.params import Numbers, Params, field
from styleplug.core.weight import VGG19, Embedded
from styleplug.imaging.padding import crop_padding, pad_to_multiple
from styleplug.imaging.picture import fit_pixels, fitted, resize
from styleplug.methods.shared.one_pass import STYLE_SIDE, OnePass
from styleplug.methods.shared.perceptual import targets
from styleplug.methods.shared.transfer import (
    CODER,
    ENCODER,
    SLOTS,
    shares_of,
    style_blend,
    style_scale,
)

_PAINTER = Embedded("cnn", "cnn.safetensors")
_RATE = 0.05  # learning rate of Adam; at this value, L-BFGS takes full steps
_ENOUGH = 5  # steps of full size; a shorter run takes smaller ones
_TEMPORAL = 400.0  # weight of the temporal loss where the frame before is fully trusted
_SMALLEST = 64  # long side of the coarsest scale, at least, in pixels


class GatysParams(Params):
    """Parameters."""

    style_weight: float = field(
        20.0,
        ge=0.0,
        le=200.0,
        step=1.0,
        label="Style weight",
        help="How similar the picture must be to the style. Raise it for stronger brush marks.",
    )
    content_weight: float = field(
        3.0,
        ge=0.0,
        le=100.0,
        step=0.1,
        label="Content weight",
        help="How similar the picture must be to the content. Raise it to keep more structure.",
    )
    style_scale: float = style_scale(largest=4.0)
    iterations: int = field(
        40,
        ge=1,
        le=2000,
        label="Iterations",
        help="Steps at each scale. More steps give a closer match and take longer.",
    )
    encoder: Literal["styleplug", "vgg19"] = field(
        "styleplug",
        label="Encoder",
        help="The network whose features are compared: our own small one, or VGG-19 as in the "
        "paper (52 MB from the Hugging Face Hub at first use; about twelve times slower).",
        words={"styleplug": "Our own", "vgg19": "VGG-19"},
    )
    init: Literal["content", "draft", "style", "noise"] = field(
        "draft",
        label="Start from",
        help="The picture at the first step. A draft painted in one pass is closest to the result. "
        "The content keeps its own colours longer. Noise and style keep less structure.",
        words={"content": "Content", "draft": "Draft", "style": "Style", "noise": "Noise"},
        advanced=True,
    )
    scales: int = field(
        2,
        ge=1,
        le=6,
        label="Scales",
        help="Number of sizes from coarse to fine, each twice the one before. More give larger "
        "marks.",
        advanced=True,
    )
    style_blend: Numbers = style_blend()
    style_loss: Literal["gram", "moments", "wasserstein"] = field(
        "gram",
        label="Style loss",
        help="How features are compared with the style: by Gram matrices (the paper), by means and "
        "deviations of channels, or by the Wasserstein distance of Gaussians.",
        words={
            "gram": "Gram matrices",
            "moments": "Means and deviations",
            "wasserstein": "Wasserstein distance",
        },
        advanced=True,
    )
    content_loss: Literal["mse", "l1"] = field(
        "mse",
        label="Content loss",
        help="Squared or absolute difference of the content's features.",
        words={"mse": "Squared", "l1": "Absolute"},
        advanced=True,
    )
    layer_weights: Numbers = field(
        (),
        label="Layer weights",
        help="Weight of each style layer, fine to coarse, for example 1, 1, 1, 1, 1. Empty: equal.",
        advanced=True,
    )
    variation_weight: float = field(
        20.0,
        ge=0.0,
        le=50.0,
        step=0.1,
        label="Smoothness",
        help="Weight of the total variation loss. Raise it to reduce speckle.",
        advanced=True,
    )
    optimiser: Literal["adam", "lbfgs"] = field(
        "adam",
        label="Optimiser",
        help="Adam improves steadily. L-BFGS, as in the paper, is fast at first and needs more "
        "memory.",
        words={"adam": "Adam", "lbfgs": "L-BFGS"},
        advanced=True,
    )
    learning_rate: float = field(
        _RATE,
        ge=0.0001,
        le=1.0,
        step=0.005,
        label="Learning rate",
        help="Largest change of a pixel in one step of Adam (1 is black to white). "
        f"L-BFGS computes its own steps; {_RATE} takes them in full.",
        advanced=True,
    )


class Gatys(Method[GatysParams]):
    """Optimise the pixels."""

    id = "gatys"
    title = "Gatys"
    summary = "Paints the content with the brush marks of the styles; you see every step."
    paper = "Gatys, Ecker & Bethge 2016, Image Style Transfer Using Convolutional Neural Networks"
    rank = 20
    diagram = (
        "content > Picture > [Encoder] -features> Compare -gradient> Change pixels > result",
        "style > [Encoder]",
        "Change pixels -repeat> Picture",
    )
    params = GatysParams
    inputs = SLOTS
    follows = True
    weights = {  # noqa: RUF012
        "styleplug": (ENCODER,),
        "vgg19": (VGG19, ENCODER),
        "coder": (CODER,),
        "painter": (_PAINTER,),
    }
    presets = {  # noqa: RUF012
        "bold": {"style_weight": 80.0, "content_weight": 1.5, "style_scale": 1.5},
        "delicate": {"style_weight": 10.0, "content_weight": 5.0, "style_scale": 0.7},
        "broad_brush": {"style_scale": 2.5, "scales": 3},
        "keep_faces": {"content_weight": 15.0, "init": "content"},
        "own_colours": {"keep_colours": True},
    }

    def nets(self, params: GatysParams) -> tuple[str, ...]:
        """The chosen encoder, and the nets that paint the draft."""
        drafting = ("coder", "painter") if params.init == "draft" else ()
        return tuple(dict.fromkeys((params.encoder, *drafting)))

    def work(self, params: GatysParams, pixels: int) -> float:
        """Steps × megapixels; each coarser scale has a quarter of the pixels."""
        share = sum(0.25**i for i in range(params.scales))
        return params.iterations * share * pixels / 1e6

    def run(self, images: Images, params: GatysParams, ctx: Context) -> Iterator[Frame]:
        """Paint the content (h w 3) in the styles, to a picture (h w 3)."""
        describe = ctx.net(params.encoder, "describe")
        loss = ctx.net(params.encoder, params.style_loss)
        content, styles = images["content"][0], images["style"]
        fixed = _loss_weights(params, describe)
        sizes = _scales(content.shape, params.scales)
        steps, done = len(sizes) * params.iterations, 0
        picture = _start(images, sizes[0], params, ctx)
        for width, height in sizes:
            given = {**fixed, **_targets(describe, resize(content, width, height), styles, params)}
            start = pad_to_multiple(resize(picture, width, height), describe.spec.multiple)
            optimiser = Adam() if params.optimiser == "adam" else LBFGS()
            rates = [_rate(params, step) for step in range(params.iterations)]
            losses: Loss = partial(loss, **given)
            if ctx.before is not None:
                seen = (
                    resize(one, width, height) for one in (ctx.before.picture, ctx.before.trust)
                )
                before, trust = (pad_to_multiple(one, describe.spec.multiple) for one in seen)
                start += trust * (before - start)
                losses = temporal(losses, before, trust, _TEMPORAL)
            for canvas, found in descend(optimiser, losses, start, rates):
                ctx.check()
                picture, done = crop_padding(canvas, height, width), done + 1
                metrics = _metrics(found, given)
                yield Frame(done, steps, (picture,), metrics=metrics, final=done == steps)


METHOD = Gatys()


def _loss_weights(params: GatysParams, describe: Net) -> Arrays:
    """The weight arrays that are the same at every scale; layer weights add up to the total."""
    layers = [n.removeprefix("gram_") for n in describe.spec.outputs if n.startswith("gram_")]
    shares = np.array(shares_of("layer_weights", params.layer_weights, layers), dtype=np.float32)
    return {
        "style_weights": shares * np.float32(params.style_weight),
        "content_l1": np.array(params.content_loss == "l1", dtype=np.float32),
        "variation_weight": np.array(params.variation_weight, dtype=np.float32),
    }


def _scales(shape: tuple[int, ...], count: int) -> list[tuple[int, int]]:
    """Widths and heights from coarse to fine, the last one that of the shape (h w 3)."""
    sides = [max(shape) / 2**level for level in reversed(range(count))]
    return [fitted(shape[1], shape[0], s) for s in sides if s >= _SMALLEST or s == sides[-1]]


def _targets(
    describe: Net, content: Pixels, styles: tuple[Pixels, ...], params: GatysParams
) -> Arrays:
    """Content features, their weights, and the statistics of the styles."""
    side = max(content.shape[:2]) * params.style_scale
    shares = shares_of("style_blend", params.style_blend, ("style",) * len(styles))
    fitting = [fit_pixels(style, side) for style in styles]
    wanted, kept = targets(describe, content, fitting, shares)
    weights = np.power(kept, 1 if params.content_loss == "l1" else 2) / len(kept)
    return {**wanted, "content_weights": (params.content_weight * weights).astype(np.float32)}


def _start(images: Images, size: tuple[int, int], params: GatysParams, ctx: Context) -> Pixels:
    """The picture (h w 3) to start from."""
    first = images["style" if params.init == "style" else "content"][0]
    start = resize(first, *size)
    if params.init == "draft":
        net, side = OnePass.of(ctx, "coder", "painter"), max(size) * params.style_scale
        shares = shares_of("style_blend", params.style_blend, ("style",) * len(images["style"]))
        code = net.blended(images["style"], shares, side / STYLE_SIDE)
        *_, (_, _, start) = net.paints(start, code, ctx)
    if params.init == "noise":  # the colours of the content without its structure
        noise = ctx.rng.standard_normal(start.shape, dtype=np.float32)
        start = np.clip(start.mean((0, 1)) + noise * start.std((0, 1)), 0, 1)
    return start


def _rate(params: GatysParams, step: int) -> float:
    """Learning rate: constant in the first half, then falling to a tenth.

    The first steps of Adam move every pixel by the whole rate.  Too few steps to correct that are
    smaller, or they would only add noise to the start.
    """
    whole = params.learning_rate / (1.0 if params.optimiser == "adam" else _RATE)
    whole *= min(1.0, params.iterations / _ENOUGH)
    return whole * (1 - 0.9 * max(0.0, 2 * step / params.iterations - 1))


def _metrics(found: Arrays, weights: Arrays) -> dict[str, float]:
    """The weighted terms of the loss."""
    content = float(found["content_losses"] @ weights["content_weights"])
    style = float(found["style_losses"] @ weights["style_weights"])
    variation = float(found["variation_loss"] * weights["variation_weight"])
    terms = {"content": content, "style": style, "variation": variation}
    return {"loss": sum(terms.values()), **terms}
