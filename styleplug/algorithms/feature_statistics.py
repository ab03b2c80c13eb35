"""Transforms that match the statistics of features to those of others, and mixing of features.

Except for `mix`, they are affine maps of the c features at a position.  A map is computed once from
the moments of whole pictures, and then applied to each tile, so tiles fit together.  The strength
interpolates between the identity and the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from styleplug.core.array import Doubles, Floats

RIDGE = 1e-3
"""Share of the mean variance that is added to every variance before a matrix is inverted, so that
directions with almost no variance are not amplified to noise."""
FLAT = 0.1
"""Content is flat if its variance is below this share of the style's; that of photographs is at
least a quarter."""


@dataclass(frozen=True)
class Moments:
    """Mean (c) and covariance (c c) of features, in float64."""

    mean: Doubles
    covariance: Doubles


@dataclass(frozen=True)
class Affine:
    """The map x -> matrix · x + offset of the features at a position: (c c) and (c)."""

    matrix: Doubles
    offset: Doubles

    def __call__(self, features: Floats | Doubles) -> Floats:
        """Apply the map to features (b c h w): same shape, float32."""
        b, c, h, w = features.shape
        matrix, offset = self.matrix.astype(np.float32), self.offset.astype(np.float32)
        mapped = matrix @ features.reshape(b, c, h * w) + offset[:, None]
        return np.asarray(mapped.reshape(b, c, h, w), np.float32)

    def at(self, strength: float) -> Affine:
        """Interpolate between the identity (0) and this map (1)."""
        rest = (1 - strength) * np.eye(len(self.offset))
        return Affine(rest + strength * self.matrix, strength * self.offset)


def moments(features: Floats | Doubles) -> Moments:
    """The moments of features (c h w) over their positions."""
    flat = features.reshape(len(features), -1).astype(np.float64)
    mean = flat.mean(axis=1)
    centred = flat - mean[:, None]
    return Moments(mean, centred @ centred.T / flat.shape[1])


def blend(parts: Sequence[Moments], shares: Sequence[float]) -> Moments:
    """The average of moments, weighted by shares that add up to 1."""
    pairs = list(zip(parts, shares, strict=True))
    mean = sum(share * part.mean for part, share in pairs)
    covariance = sum(share * part.covariance for part, share in pairs)
    return Moments(np.asarray(mean), np.asarray(covariance))


def whitening(content: Moments, style: Moments, ridge: float = RIDGE) -> Affine:
    """Whitening and colouring: remove the content's correlations, then add those of the style.

    Li et al. 2017, "Universal Style Transfer via Feature Transforms", arXiv:1705.08086.
    """
    white = _power(content.covariance, -0.5, ridge)
    colour = _power(style.covariance, 0.5, ridge)
    return _onto(content, style, colour @ white)


def transport(content: Moments, style: Moments, ridge: float = RIDGE) -> Affine:
    """Optimal transport: the map to the style's moments that changes the features least.

    Lu et al. 2019, "A Closed-form Solution to Universal Style Transfer", arXiv:1906.00668.
    """
    white = _power(content.covariance, -0.5, ridge)
    root = _power(content.covariance, 0.5, ridge)
    wanted = style.covariance + _lift(style.covariance, ridge)
    return _onto(content, style, white @ _power(root @ wanted @ root, 0.5, 0.0) @ white)


def adain(content: Moments, style: Moments, ridge: float = RIDGE) -> Affine:
    """Give each channel the mean and the deviation of the style.

    Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
    Normalization", arXiv:1703.06868.
    """
    variances = [
        np.diag(part.covariance + _lift(part.covariance, ridge)) for part in (content, style)
    ]
    return _onto(content, style, np.diag(np.sqrt(variances[1] / variances[0])))


def damped(change: Affine, content: Moments, style: Moments) -> Affine:
    """The map, or for flat content a weaker one that only moves its mean fully.

    A decoder draws a faint grid on flat content, which must not become as strong as a style.  The
    map gets weaker in proportion to the variance of the content.
    """
    varies, expected = np.trace(content.covariance), FLAT * np.trace(style.covariance)
    if varies >= expected:
        return change
    share = varies / expected
    matrix = share * change.matrix + (1 - share) * np.eye(len(change.offset))
    return _onto(content, style, matrix)


def mix(parts: Floats, weights: Sequence[float]) -> Floats:
    """Weighted sum of the features (n c h w) of several pictures: (1 c h w)."""
    return np.asarray(np.tensordot(np.array(weights, np.float32), parts, axes=1)[None])


def _onto(content: Moments, style: Moments, matrix: Doubles) -> Affine:
    """The map with this matrix that maps the content's mean to that of the style."""
    return Affine(matrix, style.mean - matrix @ content.mean)


def _lift(covariance: Doubles, ridge: float) -> Doubles:
    """What `ridge` adds to a covariance."""
    size = len(covariance)
    # The constant keeps the whitening finite for a picture of one colour.
    return np.asarray((ridge * np.trace(covariance) / size + 1e-8) * np.eye(size))


def _power(covariance: Doubles, exponent: float, ridge: float) -> Doubles:
    """A power of a covariance (c c), after adding the ridge."""
    values, vectors = np.linalg.eigh(covariance + _lift(covariance, ridge))
    return np.asarray((vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T)
