"""Finish the result of a method: keep colours, paint only a part, blend, restore transparency."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from styleplug.algorithms.feature_statistics import Moments, moments, transport
from styleplug.core.array import Floats, Pixels
from styleplug.core.recipe import Finish
from styleplug.imaging import Picture, bands, resize, scale
from styleplug.imaging.colour import LUMA

_COLOUR_RIDGE = 0.05  # of the mean variance; it keeps noise in pale pictures from becoming colours
_ENOUGH = 2**20  # pixels for the statistics of colours
_BLACK = 0.1  # a mask is black below this value; JPEG leaves faint marks around an edge


def finish(
    result: Pixels,
    content: Picture | None,
    settings: Finish,
    mask: Picture | None = None,
    regions: Picture | None = None,
) -> Pixels:
    """Finish a result.

    Args:
        result: (h, w, 3) float32 in [0, 1], from a method.
        content: the input picture, of any size; None if the method does not support finishing
            (`Method.supports_finish`).
        mask: the part to paint, of any size; None for all.
        regions: the same; it is never inverted.

    Returns:
        (h, w, 3) float32 in [0, 1], or (h, w, 4) if the content has transparency.
    """
    if content is None:
        return result
    whole = settings.strength == 1 and mask is None and regions is None
    if content.alpha is None and not settings.keep_colours and whole:
        return result
    height, width = result.shape[:2]
    content = scale(content, width, height)
    part = None if mask is None else coverage(mask, width, height, settings)[:, :, None]
    if regions is not None:
        upright = settings.model_copy(update={"mask_invert": False})
        inside = coverage(regions, width, height, upright)[:, :, None]
        part = inside if part is None else part * inside
    if settings.keep_colours and settings.keep_colours_by == "result":
        result = match_colours(result, content.pixels)
    finished = np.empty((height, width, 3 if content.alpha is None else 4), np.float32)
    for rows in bands(height, width):
        before, after = content.pixels[rows], result[rows]
        if settings.keep_colours and settings.keep_colours_by == "luma":
            after = recolour(after, before)
        if not whole:
            share = np.float32(settings.strength) * (1 if part is None else part[rows])
            after = before + share * (after - before)
        finished[rows, :, :3] = after
        if content.alpha is not None:
            finished[rows, :, 3] = content.alpha[rows]
    return finished


def coverage(mask: Picture, width: int, height: int, settings: Finish) -> Floats:
    """How much of a result each pixel shows: (height, width) in [0, 1].

    The share rises linearly from the border of the mask inwards, so nothing changes outside.

    Args:
        mask: white marks what is painted, or opaque if it has transparency.
    """
    marks = marks_of(mask, width, height)
    marks = 1 - marks if settings.mask_invert else marks
    marks = np.where(marks < _BLACK, 0, marks).astype(np.float32, copy=False)
    # Half of a square around a pixel of a straight border is inside.
    inside = blurred((marks > 0).astype(np.float32), settings)
    return marks * np.clip(2 * inside - 1, 0, 1)


def marks_of(mask: Picture, width: int, height: int) -> Floats:
    """What a mask marks, white or opaque: (height, width) in [0, 1]."""
    marks = mask.pixels.mean(axis=2) if mask.alpha is None else mask.alpha
    return resize(marks.astype(np.float32, copy=False), width, height)


def blurred(marks: Floats, settings: Finish) -> Floats:
    """Marks (h, w) in [0, 1], blurred over the width of the soft border."""
    radius = round(settings.mask_feather * max(marks.shape))
    levels = Image.fromarray((marks * 255 + 0.5).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.BoxBlur(radius)), np.float32) / np.float32(255)


def recolour(light: Pixels, colours: Pixels) -> Pixels:
    """Combine the luma of one picture with the chroma of another.

    Chroma is the difference from grey, R - Y, G - Y, B - Y, as in YCbCr.  If a colour is outside
    [0, 1] with its new luma, its chroma is reduced.  Clipping each channel separately would change
    hue and luma.

    Args:
        light: (h, w, 3) in [0, 1], gives luma.
        colours: (h, w, 3) in [0, 1], gives chroma.

    Returns:
        (h, w, 3) float32 in [0, 1].
    """
    luma = (light @ LUMA)[:, :, None]
    chroma = colours - (colours @ LUMA)[:, :, None]
    # For each channel, the part of its chroma that fits between black and white.
    room = np.where(chroma > 0, 1 - luma, luma)
    part = np.min(room / np.maximum(np.abs(chroma), 1e-6), axis=2, keepdims=True)
    result: Pixels = np.clip(luma + chroma * np.minimum(part, 1), 0, 1)
    return result.astype(np.float32, copy=False)


def match_colours(picture: Pixels, wanted: Pixels) -> Pixels:
    """Give a picture the mean and the covariance of another's colours.

    Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", arXiv:1606.05897; here
    with the map of optimal transport, which changes colours least.

    Args:
        picture: (h, w, 3) in [0, 1].
        wanted: (h', w', 3) in [0, 1], gives the colours.

    Returns:
        (h, w, 3) float32 in [0, 1].
    """
    move = transport(_colours(picture), _colours(wanted), _COLOUR_RIDGE)
    matrix, offset = move.matrix.T.astype(np.float32), move.offset.astype(np.float32)
    matched = np.empty_like(picture)
    for rows in bands(*picture.shape[:2]):
        np.clip(picture[rows] @ matrix + offset, 0, 1, out=matched[rows])
    return matched


def _colours(picture: Pixels) -> Moments:
    """The moments of the colours; of a large picture, of a grid of its pixels."""
    every = max(1, round(math.sqrt(picture.shape[0] * picture.shape[1] / _ENOUGH)))
    return moments(picture[::every, ::every].transpose(2, 0, 1))
