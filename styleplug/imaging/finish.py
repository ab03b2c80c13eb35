"""Finish the result of a method: keep colours, apply the strength, restore transparency."""

from __future__ import annotations

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.recipe import Finish
from styleplug.imaging import Picture, bands, scale

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709, the primaries of sRGB


def finish(result: Pixels, content: Picture | None, settings: Finish) -> Pixels:
    """Finish a result.

    Args:
        result: (h, w, 3) float32 in [0, 1], from a method.
        content: the input picture, of any size; None if the method does not support finishing
            (`Method.supports_finish`).

    Returns:
        (h, w, 3) float32 in [0, 1], or (h, w, 4) if the content has transparency.
    """
    if content is None:
        return result
    if content.alpha is None and not settings.keep_colours and settings.strength == 1:
        return result
    height, width = result.shape[:2]
    content = scale(content, width, height)
    finished = np.empty((height, width, 3 if content.alpha is None else 4), np.float32)
    for rows in bands(height, width):
        before, after = content.pixels[rows], result[rows]
        if settings.keep_colours:
            after = recolour(after, before)
        if settings.strength < 1:
            after = before + np.float32(settings.strength) * (after - before)
        finished[rows, :, :3] = after
        if content.alpha is not None:
            finished[rows, :, 3] = content.alpha[rows]
    return finished


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
    luma = (light @ _LUMA)[:, :, None]
    chroma = colours - (colours @ _LUMA)[:, :, None]
    # For each channel, the part of its chroma that fits between black and white.
    room = np.where(chroma > 0, 1 - luma, luma)
    part = np.min(room / np.maximum(np.abs(chroma), 1e-6), axis=2, keepdims=True)
    result: Pixels = np.clip(luma + chroma * np.minimum(part, 1), 0, 1)
    return result.astype(np.float32, copy=False)
