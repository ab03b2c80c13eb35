"""A picture's missing parts painted: under a mask, or beyond its sides.

A net that was trained to (Yu et al. 2019, Zhao et al. 2021: see `styleplug.nets.completion`)
says what could be there; pieces of the picture itself (Wexler et al. 2007, Barnes et al. 2009:
`styleplug.algorithms.inpainting.patches`) say how it looks near by; and the piece is put in by
its gradients (Pérez et al. 2003: `styleplug.algorithms.inpainting.poisson`).  Only the
surroundings of what is missing are worked on, so that a small hole in a large picture takes
little.  Nothing else changes.
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
from styleplug.core.errors import UsageError
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method, Slot
from styleplug.core.params import Params, field
from styleplug.core.weight import Embedded
from styleplug.imaging.picture import fitted, resize

_NET_SIDE = 144  # long side in pixels at which the net sees what is missing, as in its training
_AROUND = 1.0  # surroundings that are looked at, in long sides of what is missing
_AROUND_LEAST = 96  # pixels
_HOLE, _WINDOW = 80_000, 400_000  # pixels of a hole and around it at most that patches fill
_NOISE = 64  # numbers in a code of noise

Side = Literal["all", "left_right", "top_bottom", "left", "right", "top", "bottom"]


class CompletionParams(Params):
    """What a visitor can set."""

    count: int = field(
        3,
        ge=1,
        le=8,
        label="Proposals",
        help="How many different completions. The first ones stay the same when there are more.",
    )
    margin: float = field(
        0.0,
        ge=0.0,
        le=100.0,
        step=5.0,
        unit="%",
        label="Margin",
        help="How much the picture grows beyond its sides, in hundredths of its shorter side; "
        "0 leaves its size.",
    )
    sides: Side = field(
        "all",
        label="Sides",
        help="Where the margin is added.",
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
        help="Patches: put together from pieces of the picture itself, sharp. Both: the same, led "
        "by what a trained net imagines there. Net: that alone, quick, but only a sketch where "
        "much is missing.",
        words={"both": "Both", "patches": "Patches", "net": "Net"},
    )
    widen: int = field(
        2,
        ge=0,
        le=64,
        unit="px",
        label="Widen mask",
        help="By how many pixels mask and margin reach further into the picture, so that no rim "
        "of what was covered, or of a frame, stays.",
        advanced=True,
    )


class Completion(Method[CompletionParams]):
    """Net, patches, and a border that does not show."""

    id = "completion"
    title = "Completion"
    summary = "Fills what you paint over, or widens the picture beyond its sides, in several ways."
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
            "What to fill: paint over it. Without one, what is transparent in the picture is "
            "filled. Not needed where only a margin is added.",
            least=0,
            drawn_on="content",
        ),
    )
    weights = {"net": (Embedded("completion", "completion.safetensors"),)}  # noqa: RUF012
    rank = 95
    bounded = True  # a hole is worked on at a bounded size, and only its surroundings

    def nets(self, params: CompletionParams) -> tuple[str, ...]:
        """None where the picture's own pieces suffice."""
        return () if params.detail == "patches" else ("net",)

    def work(self, params: CompletionParams, pixels: int) -> float:
        """Proposals, each of a bounded size, and the pixels that are put in."""
        return params.count * (1 + pixels / 1e7)

    def count(self, params: CompletionParams) -> int:
        """Proposals."""
        return params.count

    def shape(self, params: CompletionParams, width: int, height: int) -> tuple[int, int]:
        """With the margins."""
        top, bottom, left, right = _margins(params, width, height)
        return left + width + right, top + height + bottom

    def run(self, images: Images, params: CompletionParams, ctx: Context) -> Iterator[Frame]:
        """Content (h w 3) and perhaps a mask to so many proposals (h' w' 3)."""
        picture, mask = _widened(images, params)
        count = params.count
        if not mask.any():  # a mask was given, but an empty one
            yield Frame(count, count, (picture,) * count, _EMPTY, final=True)
            return
        window = _window(mask)
        part, hole = picture[window], mask[window]
        detail: str = params.detail
        note = ""
        if detail != "net" and not patches.can_fill(_shrunk(part, hole)[1]):
            detail, note = _INSTEAD[detail]
        results: tuple[np.ndarray, ...] = ()
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

_EMPTY = "the mask marks nothing, so nothing was filled: paint over what is to be replaced"
_LITTLE = "too little of the picture is left to take pieces from: "
_INSTEAD = {  # by what was asked for: what is done where there are no pieces
    "both": ("net", _LITTLE + "the net alone has filled it"),
    "patches": ("shades", _LITTLE + "it was filled with shades of what is around"),
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


def _widened(images: Images, params: CompletionParams) -> tuple[np.ndarray, np.ndarray]:
    """The picture (h w 3) with its margins, and what of it (h w) is to be filled.

    Raises:
        UsageError: nothing is to be filled, or nothing would be left to go by.
    """
    picture = images["content"][0]
    height, width = picture.shape[:2]
    top, bottom, left, right = _margins(params, width, height)
    given = images.get("mask", ())
    if not given and not top + bottom + left + right:
        raise UsageError(
            "there is nothing to complete: no mask came, nothing is transparent and the margin is "
            "0. Paint over what is to be filled, or set a margin to widen the picture"
        )
    pads = ((top, bottom), (left, right))
    drawn = given[0][:, :, 0] >= 0.5 if given else np.zeros((height, width), bool)
    mask = dilate(np.pad(drawn, pads, constant_values=True), params.widen)
    if mask.all():
        raise UsageError(
            "the mask covers the whole picture, or all of it is transparent, so nothing is left to "
            "go by: leave a part of it free" + (" or widen the mask less" if params.widen else "")
        )
    return np.pad(picture, (*pads, (0, 0)), mode="edge"), mask


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    """What is missing and its surroundings."""
    spans = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    longest = max(int(span[-1] - span[0]) + 1 for span in spans)
    around = max(_AROUND_LEAST, math.ceil(_AROUND * longest))
    rows, columns = (
        slice(max(0, int(span[0]) - around), min(length, int(span[-1]) + 1 + around))
        for span, length in zip(spans, mask.shape, strict=True)
    )
    return rows, columns


def _smaller(picture: np.ndarray, mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture (h w 3) at a smaller size; what is masked does not bleed into what is known."""
    known = (~mask).astype(np.float32)
    share = resize(known, width, height)[:, :, None]
    seen = resize(picture * known[:, :, None], width, height)
    return np.asarray(np.clip(seen / np.maximum(share, 1e-3), 0, 1) * (share > 1e-3))


def _shrunk(picture: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Picture and mask at the size at which patches fill it."""
    height, width = mask.shape
    factor = min(1.0, math.sqrt(_HOLE / mask.sum()), math.sqrt(_WINDOW / mask.size))
    if factor == 1:
        return picture, mask
    width, height = fitted(width, height, max(1, math.floor(factor * max(width, height))))
    share = resize(mask.astype(np.float32), width, height)
    return _smaller(picture, mask, width, height), share > 0.02


def _piece(
    picture: np.ndarray,
    mask: np.ndarray,
    detail: str,
    rng: np.random.Generator,
    ctx: Context,
    *,
    first: bool,
) -> np.ndarray:
    """A picture (h w 3), good under the mask (h w) and a little around it.

    The first takes after a place with such surroundings; the others are freer, so that they differ.
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


def _imagined(
    picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator, ctx: Context
) -> np.ndarray:
    """What the net makes of a picture, at the size at which it sees it."""
    fill = ctx.net("net", "fill")
    unit = fill.spec.multiple
    height, width = mask.shape
    sides = fitted(width, height, min(_NET_SIDE, max(width, height)))
    width, height = (max(2, round(side / unit)) * unit for side in sides)
    seen = _smaller(picture, mask, width, height)
    share = resize(mask.astype(np.float32), width, height)
    unknown = (share > 0.02).astype(np.float32)[None, None]
    filled = fill(
        picture=np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32),
        mask=unknown,
        noise=rng.standard_normal((1, _NOISE), np.float32),
        grain=rng.standard_normal(unknown.shape, np.float32),
    )["filled"]
    return np.asarray(filled[0].transpose(1, 2, 0))
