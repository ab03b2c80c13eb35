"""Operations on latents: move the latent of a picture towards that of a style.

A latent is an array (1 c h w), float32; most nets are trained to give it unit variance.
"""

from __future__ import annotations

import numpy as np

from styleplug.algorithms.feature_statistics import Moments, moments, transport
from styleplug.core.array import Floats

SLACK = 0.5
"""How far a latent may leave the known range, as a share of this range."""
_COARSE = 8.0  # scale in positions; slower changes are not brush marks


def shift(content: Floats, style: Floats, content_weight: float, style_weight: float) -> Floats:
    """The latent content_weight · (z_c + style_weight · (z_s - z_c)); all of one shape."""
    moved = content + np.float32(style_weight) * (style - content)
    return np.asarray(np.float32(content_weight) * moved)


def slerp(content: Floats, style: Floats, share: float) -> Floats:
    """Spherical interpolation between two latents.

    Shoemake 1985, "Animating Rotation with Quaternion Curves".  Linear interpolation passes nearer
    to the origin than samples of high-dimensional Gaussians; this one keeps the distance.
    """
    first, second = (part.astype(np.float64).ravel() for part in (content, style))
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    cosine = first @ second / lengths if lengths else 1.0
    angle = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
    if np.sin(angle) < 1e-3:  # the same or opposite directions: the arc is not defined
        return shift(content, style, 1.0, share)
    near, far = (np.float32(np.sin(s * angle) / np.sin(angle)) for s in (1 - share, share))
    return np.asarray(near * content + far * style)


def texture(style: Floats, height: int, width: int, rng: np.random.Generator) -> Floats:
    """A sample (1 c height width) of a Gaussian texture model of a style's latent, without mean.

    It has the covariance of the latent and its correlations between near positions: white noise,
    filtered by the latent (Galerne, Gousseau & Morel 2011, "Random Phase Textures").  Slow changes
    are removed, so that it adds brush marks but no blotches.
    """
    centred = style[0] - style[0].mean(axis=(1, 2), keepdims=True)
    marks = centred[:, :height, :width]
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    fine = 1 - np.exp(-(rows**2 + columns**2) * _COARSE**2 / 2)
    noise = np.fft.rfft2(rng.standard_normal((height, width))) * fine
    spectra = (np.fft.rfft2(channel, (height, width)) for channel in marks)
    sample = np.stack([np.fft.irfft2(one * noise, (height, width)) for one in spectra])
    wanted = Moments(np.zeros(len(style[0])), moments(style[0]).covariance)
    return transport(moments(sample), wanted)(sample[None])


def bounded(latent: Floats, *known: Floats) -> Floats:
    """Clip a latent to about the ranges of its channels in known latents, to decode well."""
    lows = np.minimum.reduce([part.min(axis=(2, 3), keepdims=True) for part in known])
    highs = np.maximum.reduce([part.max(axis=(2, 3), keepdims=True) for part in known])
    slack = np.float32(SLACK) * (highs - lows)
    return np.asarray(np.clip(latent, lows - slack, highs + slack))
