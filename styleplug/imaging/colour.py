"""Convert colours to sRGB: from an ICC profile, from cICP, or from gamma and primaries of a PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from styleplug.core.array import Doubles, Floats, Pixels
from styleplug.imaging.picture import bands

Curve = Callable[[Floats], Floats]
Primaries = tuple[float, ...]
"""CIE x and y of red, green, blue and white."""

_D65 = (0.3127, 0.3290)
_SRGB: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_PRIMARIES: dict[int, Primaries] = {  # by their number in ITU-T H.273
    1: _SRGB,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
    22: (0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *_D65),
}
BT2020, PQ, HLG = 9, 16, 18
"""Primaries and transfer functions of high dynamic range, by their number in ITU-T H.273."""
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of red, green and blue in the luma of ITU-R BT.709, which has the primaries of sRGB."""
PAPER = 203.0  # cd/m² of white paper in a picture of high dynamic range (ITU-R BT.2408)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True)
class Space:
    """The colour space of a picture that is not sRGB.

    Args:
        curve: converts values in [0, 1] to light, where 1 is white.
        matrix: (3, 3) converts light in the picture's primaries to light in those of sRGB.
        bright: whether colours may be brighter than white.
        narrow: whether black is 16/255 and white is 235/255.
    """

    curve: Curve
    matrix: Floats
    bright: bool = False
    narrow: bool = False


def convert_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB with an ICC profile; without a valid one, as Pillow converts to RGB."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(
                image, io.BytesIO(profile), srgb, outputMode="RGB"
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


def space_of(info: Mapping[Any, Any]) -> Space | None:
    """The colour space that a file gives, apart from an ICC profile; None if it is sRGB.

    Args:
        info: `info` of a Pillow picture.  "cicp" (primaries, curve, matrix, full range; numbers of
            ITU-T H.273) has precedence over an ICC profile; "gamma" and "chromaticity" (white
            first) are used only without a profile.
    """
    if "cicp" in info:
        primaries, curve, _, full = info["cicp"]
        return _space(_PRIMARIES.get(primaries, _SRGB), *_curve(curve), narrow=not full)
    if info.get("icc_profile") or "srgb" in info:
        return None
    gamma, corners = info.get("gamma", 0), info.get("chromaticity", (*_D65, *_SRGB[:6]))
    power = 1 / gamma if 0.1 < gamma < 10 else 2.2
    curve = _light if abs(power / 2.2 - 1) < 0.05 else lambda values: values**power
    return _space((*corners[2:], *corners[:2]), curve)


def to_srgb(pixels: Pixels, space: Space) -> None:
    """Convert pixels (h, w, 3) in [0, 1] in place; colours outside sRGB are clipped."""
    for rows in bands(*pixels.shape[:2]):
        values = pixels[rows]
        if space.narrow:
            values = np.clip((values * 255 - 16) / 219, 0, 1)
        pixels[rows] = encoded(space.curve(values) @ space.matrix.T)


def encoded(light: Floats) -> Floats:
    """Light, where 1 is white, with the curve of sRGB; what is outside [0, 1] is clipped."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _space(
    primaries: Primaries, curve: Curve, bright: bool = False, *, narrow: bool = False
) -> Space | None:
    """The space with these properties; None if it is sRGB within the precision of a file."""
    same = all(abs(one - other) < 0.002 for one, other in zip(primaries, _SRGB, strict=True))
    if same and curve is _light and not narrow:
        return None
    matrix = np.eye(3, dtype=np.float32)
    with suppress(np.linalg.LinAlgError, ZeroDivisionError):  # the file is damaged
        matrix = np.linalg.solve(_xyz(_SRGB), _xyz(primaries)).astype(np.float32)
    return Space(curve, matrix, bright, narrow)


def _xyz(primaries: Primaries) -> Doubles:
    """The matrix (3, 3) from light in these primaries to CIE XYZ, with white adapted to sRGB."""
    corners = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _pairs(primaries)]).T
    white, daylight = corners[:, 3], np.array([_D65[0], _D65[1], 1 - sum(_D65)]) / _D65[1]
    light = corners[:, :3] * np.linalg.solve(corners[:, :3], white)
    cones = (_BRADFORD @ daylight) / (_BRADFORD @ white)
    adapted: Doubles = np.linalg.solve(_BRADFORD, cones[:, None] * (_BRADFORD @ light))
    return adapted


def _pairs(numbers: Primaries) -> list[tuple[float, float]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _curve(number: int) -> tuple[Curve, bool]:
    """The curve with this number in ITU-T H.273, and whether it goes beyond white."""
    curves: dict[int, Curve] = {
        4: lambda values: values**2.2,
        5: lambda values: values**2.8,
        8: lambda values: values,
        PQ: _pq,
        HLG: _hlg,
    }
    # Browsers and viewers show the curves of television (1, 6, 14, 15) as sRGB.
    return curves.get(number, _light), number in (PQ, HLG)


def _light(values: Floats) -> Floats:
    """The curve of sRGB."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _pq(values: Floats) -> Floats:
    """The perceptual quantiser (SMPTE ST 2084)."""
    root = values ** (1 / 78.84375)
    quotient = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    light: Floats = quotient ** (1 / 0.1593017578125) * (10_000 / PAPER)
    return light


def _hlg(values: Floats) -> Floats:
    """Hybrid log-gamma (ITU-R BT.2100), for a screen of 1000 cd/m²."""
    bright = (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12
    scene: Floats = np.where(values <= 0.5, values**2 / 3, bright)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    light: Floats = scene * luminance[:, :, None] ** 0.2
    return light * (1000 / PAPER)
