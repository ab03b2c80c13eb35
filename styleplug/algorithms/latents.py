"""Arithmetic of latents: a picture's latent moved towards a style's.

A latent is an array (1 c h w), float32, near unit variance where its net was trained so.
"""

from __future__ import annotations

import numpy as np

from styleplug.algorithms.feature_statistics import Moments, moments, transport

NOISE = 128
"""Numbers of noise that a generated picture is made of."""
SLACK = 0.5
"""Share of the known range by which a latent may leave it."""
_COARSE = 8.0  # positions; what changes more slowly is no mark


def shift(
    content: np.ndarray, style: np.ndarray, content_weight: float, style_weight: float
) -> np.ndarray:
    """The latent content_weight · (z_c + style_weight · (z_s - z_c)); all of one shape."""
    moved = content + np.float32(style_weight) * (style - content)
    return np.asarray(np.float32(content_weight) * moved)


def slerp(content: np.ndarray, style: np.ndarray, share: float) -> np.ndarray:
    """So much of the way from one latent to another, along the sphere they lie on.

    Shoemake 1985, "Animating Rotation with Quaternion Curves".  A straight way passes nearer to
    the origin than high-dimensional Gaussians ever come; this one keeps its distance.
    """
    first, second = (part.astype(np.float64).ravel() for part in (content, style))
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    cosine = first @ second / lengths if lengths else 1.0
    angle = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
    if np.sin(angle) < 1e-3:  # one direction, or opposite ones: there is no arc to follow
        return shift(content, style, 1.0, share)
    near, far = (np.float32(np.sin(s * angle) / np.sin(angle)) for s in (1 - share, share))
    return np.asarray(near * content + far * style)


def texture(style: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A sample (1 c height width) of the Gaussian that a style's latent is expressed as, less mean.

    It has the latent's covariance, and its correlations between near positions: white noise
    filtered by the latent (Galerne, Gousseau & Morel 2011, "Random Phase Textures"), without what
    changes slowly, so that marks are added and neither specks nor blotches.
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


def bounded(latent: np.ndarray, *known: np.ndarray) -> np.ndarray:
    """A latent kept near the ranges that its channels have in known ones, so that it decodes."""
    lows = np.minimum.reduce([part.min(axis=(2, 3), keepdims=True) for part in known])
    highs = np.maximum.reduce([part.max(axis=(2, 3), keepdims=True) for part in known])
    slack = np.float32(SLACK) * (highs - lows)
    return np.asarray(np.clip(latent, lows - slack, highs + slack))
