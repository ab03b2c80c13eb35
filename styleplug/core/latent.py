"""Arithmetic of latents: a picture's latent moved towards a style's.

A latent is an array (1 c h w), float32, near unit variance where its net was trained so.
"""

from __future__ import annotations

import numpy as np

SLACK = 0.5
"""Share of the known range by which a latent may leave it."""


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
    """A sample (1 c height width) of the Gaussian that a style's latent is expressed as.

    It has mean 0, the latent's covariance, and its correlations between positions: white noise
    filtered by the latent itself (Galerne, Gousseau & Morel 2011, "Random Phase Textures"), so
    that marks and not specks are added.
    """
    centred = style - style.mean(axis=(2, 3), keepdims=True)
    centred = centred[:, :, :height, :width]
    count = centred.shape[2] * centred.shape[3]
    noise = np.fft.rfft2(rng.standard_normal((height, width)))
    return np.concatenate(
        [
            np.fft.irfft2(np.fft.rfft2(channel, (height, width)) * noise, (height, width))
            for channel in centred[0]
        ]
    ).reshape(1, -1, height, width).astype(np.float32) / np.float32(np.sqrt(count))


def bounded(latent: np.ndarray, *known: np.ndarray) -> np.ndarray:
    """A latent kept near the ranges that its channels have in known ones, so that it decodes."""
    lows = np.minimum.reduce([part.min(axis=(2, 3), keepdims=True) for part in known])
    highs = np.maximum.reduce([part.max(axis=(2, 3), keepdims=True) for part in known])
    slack = np.float32(SLACK) * (highs - lows)
    return np.asarray(np.clip(latent, lows - slack, highs + slack))
