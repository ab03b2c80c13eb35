"""Fill missing parts of a picture: under a mask, or beyond its sides.

A network proposes the content of the hole (Yu et al. 2019, Zhao et al. 2021: see
`styleplug.nets.completion`).  Patches of the same picture give the detail (Wexler et al. 2007,
Barnes et al. 2009: `styleplug.algorithms.inpainting.patches`).  The piece is inserted by Poisson
blending (Pérez et al. 2003: `styleplug.algorithms.inpainting.poisson`).  Only a window around the
hole is processed, so a small hole in a large picture is fast.  The rest of the picture stays as it
is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from styleplug.algorithms.inpainting import patches
from styleplug.algorithms.inpainting.poisson import (
    border_visibility,
    dilate,
    poisson_blend,
    solve_poisson,
)
from styleplug.core.array import Mask, Pixels
from styleplug.core.errors import UsageError
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field
from styleplug.core.weight import Embedded
from styleplug.imaging.picture import fitted, resize, within

_NET_SIDE = 144  # long side of the window for the net in pixels, as in its training
_AROUND = 1.0  # margin of the window around the hole, in long sides of the hole
_AROUND_LEAST = 96  # smallest margin in pixels
_HOLE, _WINDOW = 80_000, 400_000  # most pixels of hole and window when patches fill it

Side = Literal["all", "left_right", "top_bottom", "left", "right", "top", "bottom"]


class CompletionParams(Params):
    """Parameters."""

    count: int = field(
        3,
        ge=1,
        le=8,
        label="Proposals",
        help="Number of different completions. A larger number keeps the first ones.",
    )
    margin: float = field(
        0.0,
        ge=0.0,
        le=50.0,
        step=5.0,
        unit="%",
        label="Margin",
        help="Width of the new border, in percent of the shorter side of the picture; 0 adds no "
        "border.",
    )
    sides: Side = field(
        "all",
        label="Sides",
        help="The sides where the margin is added.",
        words={
            "all": "All",
            "left_right": "Left and right",
            "top_bottom": "Top and bottom",
            "left": "Left",
            "right": "Right",
            "top": "Top",
            "bottom": "Bottom",
        },
    )
    detail: Literal["both", "patches", "net"] = field(
        "both",
        label="Detail",
        help="Patches: copies patches of the picture, which is sharp. Both: the same, guided by "
        "the proposal of a network. Net: the proposal alone, which is fast, but blurred in large "
        "holes.",
        words={"both": "Both", "patches": "Patches", "net": "Net"},
    )
    widen: int = field(
        2,
        ge=0,
        le=64,
        unit="px",
        label="Widen mask",
        help="Extends mask and margin into the picture by this many pixels, so that no rim of the "
        "covered object, or of a frame, stays.",
        advanced=True,
    )


class Completion(Method[CompletionParams]):
    """Network proposal, patches, Poisson blending."""

    id = "completion"
    title = "Completion"
    summary = "Fills what you paint over, or extends the picture; gives several proposals."
    paper = (
        "Yu et al. 2019, Free-Form Image Inpainting with Gated Convolution; Wexler et al. 2007, "
        "Space-Time Completion of Video; Pérez et al. 2003, Poisson Image Editing"
    )
    params = CompletionParams
    inputs = (
        Slot("content", "Picture", "The picture to complete."),
        Slot(
            "mask",
            "Mask",
            "Paint over the parts to fill. Without a mask, the transparent parts of the picture "
            "are filled. It is not needed if only a margin is added.",
            least=0,
            drawn_on="content",
        ),
    )
    weights = {"net": (Embedded("completion", "completion.safetensors"),)}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "repair": {"count": 3},
        "quick": {"count": 1, "detail": "net"},
        "sharp": {"count": 3, "detail": "patches", "widen": 4},
        "widen": {"margin": 25.0, "sides": "left_right", "count": 2},
        "zoom_out": {"margin": 25.0, "count": 2},
    }
    rank = 95
    diagram = (
        "content > [Network] -draft> Search patches > Blend colours > result",
        "mask > [Network]",
        "content -patches> Search patches",
    )
    bounded = True  # only a window around the hole is processed, at a bounded size

    def nets(self, params: CompletionParams) -> tuple[str, ...]:
        """The net, unless only patches are used."""
        return () if params.detail == "patches" else ("net",)

    def work(self, params: CompletionParams, pixels: int) -> float:
        """A constant for each proposal, and the pixels of the result."""
        return params.count * (1 + pixels / 1e7)

    def count(self, params: CompletionParams) -> int:
        """Number of proposals."""
        return params.count

    def shape(self, params: CompletionParams, width: int, height: int) -> tuple[int, int]:
        """The size including the margins."""
        top, bottom, left, right = _margins(params, width, height)
        return left + width + right, top + height + bottom

    def run(self, images: Images, params: CompletionParams, ctx: Context) -> Iterator[Frame]:
        """Complete the content (h w 3), with or without a mask, to proposals (h' w' 3)."""
        picture, mask = _widened(images, params)
        count = params.count
        if not mask.any():  # the given mask is empty
            yield Frame(count, count, (picture,) * count, _EMPTY, final=True)
            return
        window = _window(mask)
        part, hole = picture[window], mask[window]
        detail: str = params.detail
        note = ""
        if detail != "net" and not patches.can_fill(_shrunk(part, hole)[1]):
            detail, note = _INSTEAD[detail]
        results: tuple[Pixels, ...] = ()
        shown = []
        for done, rng in enumerate(ctx.rng.spawn(count), 1):
            ctx.check()
            piece = _piece(part, hole, detail, rng, ctx, first=done == 1)
            result = picture.copy()
            result[window] = poisson_blend(part, piece, hole)
            shown.append(border_visibility(result[window], hole))
            results += (result,)
            metrics = {"border": float(np.mean(shown))}
            yield Frame(done, count, results, note, metrics, final=done == count)


METHOD = Completion()

_EMPTY = "the mask is empty, so nothing was filled: paint over the part to replace"
_LITTLE = "too little of the picture is left to copy patches from: "
_INSTEAD = {  # detail asked for -> what is done if there are too few patches, and the note
    "both": ("net", _LITTLE + "only the net filled it"),
    "patches": ("shades", _LITTLE + "it was filled with the colours around the hole"),
}


def _margins(params: CompletionParams, width: int, height: int) -> tuple[int, int, int, int]:
    """Pixels added above, below, left and right."""
    pixels = round(params.margin / 100 * min(width, height))
    added = {
        "all": ("top", "bottom", "left", "right"),
        "left_right": ("left", "right"),
        "top_bottom": ("top", "bottom"),
    }.get(params.sides, (params.sides,))
    top, bottom, left, right = (
        pixels * (side in added) for side in ("top", "bottom", "left", "right")
    )
    return top, bottom, left, right


def _widened(images: Images, params: CompletionParams) -> tuple[Pixels, Mask]:
    """The picture (h w 3) with its margins, and the mask (h w) of what is to be filled.

    Raises:
        UsageError: nothing is to be filled, or everything is.
    """
    picture = images["content"][0]
    height, width = picture.shape[:2]
    top, bottom, left, right = _margins(params, width, height)
    given = images.get("mask", ())
    if not given and not top + bottom + left + right:
        raise UsageError(
            "there is nothing to complete: there is no mask, nothing is transparent and the margin "
            "is 0. Paint over the part to fill, or set a margin to extend the picture"
        )
    pads = ((top, bottom), (left, right))
    drawn = given[0][:, :, 0] >= 0.5 if given else np.zeros((height, width), bool)
    mask = dilate(np.pad(drawn, pads, constant_values=True), params.widen)
    if mask.all():
        raise UsageError(
            "the mask covers the whole picture, or all of it is transparent, so there is nothing "
            "to fill it from: leave a part of the picture free"
            + (" or widen the mask less" if params.widen else "")
        )
    return np.pad(picture, (*pads, (0, 0)), mode="edge"), mask


def _window(mask: Mask) -> tuple[slice, slice]:
    """The window around the hole."""
    spans = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    longest = max(int(span[-1] - span[0]) + 1 for span in spans)
    around = max(_AROUND_LEAST, math.ceil(_AROUND * longest))
    rows, columns = (
        slice(max(0, int(span[0]) - around), min(length, int(span[-1]) + 1 + around))
        for span, length in zip(spans, mask.shape, strict=True)
    )
    return rows, columns


def _smaller(picture: Pixels, mask: Mask, width: int, height: int) -> Pixels:
    """Downscale a picture (h w 3); masked pixels do not affect known ones."""
    known = (~mask).astype(np.float32)
    share = resize(known, width, height)[:, :, None]
    seen = resize(picture * known[:, :, None], width, height)
    return np.asarray(np.clip(seen / np.maximum(share, 1e-3), 0, 1) * (share > 1e-3))


def _shrunk(picture: Pixels, mask: Mask) -> tuple[Pixels, Mask]:
    """Picture and mask at the size at which patches fill it."""
    height, width = mask.shape
    factor = min(1.0, math.sqrt(_HOLE / mask.sum()), math.sqrt(_WINDOW / mask.size))
    if factor == 1:
        return picture, mask
    width, height = fitted(width, height, max(1, math.floor(factor * max(width, height))))
    share = resize(mask.astype(np.float32), width, height)
    return _smaller(picture, mask, width, height), share > 0.02


def _piece(
    picture: Pixels,
    mask: Mask,
    detail: str,
    rng: np.random.Generator,
    ctx: Context,
    *,
    first: bool,
) -> Pixels:
    """A filled picture (h w 3), valid under the mask (h w) and a little around it.

    The first proposal may start from a copy of a similar place; the others do not, so they differ.
    """
    if detail == "shades":
        return solve_poisson(picture, ~mask, mask)
    imagined = None if detail == "patches" else _imagined(picture, mask, rng, ctx)
    if imagined is not None and detail == "net":
        return resize(imagined, *mask.shape[::-1])
    small, hole = _shrunk(picture, mask)
    found = patches.fill(small, hole, rng, ctx.check, imagined, match_context=first)
    if hole.shape == mask.shape:
        return found.picture
    return patches.upscale_fill(picture, mask, found)


def _imagined(picture: Pixels, mask: Mask, rng: np.random.Generator, ctx: Context) -> Pixels:
    """The proposal of the network, at the size of its input."""
    fill = ctx.net("net", "fill")
    unit = fill.spec.multiple
    height, width = mask.shape
    sides = within(width, height, _NET_SIDE)
    width, height = (max(2, round(side / unit)) * unit for side in sides)
    seen = _smaller(picture, mask, width, height)
    share = resize(mask.astype(np.float32), width, height)
    unknown = (share > 0.02).astype(np.float32)[None, None]
    filled = fill(
        picture=np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32),
        mask=unknown,
        **{name: noise.draw(rng, height, width) for name, noise in fill.spec.noises.items()},
    )["filled"]
    return np.asarray(filled[0].transpose(1, 2, 0))
