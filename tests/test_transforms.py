"""Feature transforms: against their definitions, and against matrix roots found another way."""

from __future__ import annotations

import numpy as np
import pytest

from styleplug.algorithms import feature_statistics as transforms
from styleplug.algorithms.feature_statistics import (
    Affine,
    Moments,
    adain,
    moments,
    transport,
    whitening,
)

CHANNELS = 12
MAPS = (whitening, transport, adain)


def features(seed, height=20, width=30):
    """Correlated features (c h w) of unequal sizes, none of them centred."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.2, 2.0, CHANNELS)[:, None]
    mixed = rng.standard_normal((CHANNELS, CHANNELS)) * spread / 4 + np.diag(spread[:, 0])
    flat = mixed @ rng.standard_normal((CHANNELS, height * width)) + rng.uniform(
        -2, 2, (CHANNELS, 1)
    )
    return flat.reshape(CHANNELS, height, width).astype(np.float32)


@pytest.fixture(scope="module")
def pair():
    return moments(features(1)), moments(features(2, 33, 17))


def newton_schulz(matrix, rounds=40):
    """Square root of a positive definite matrix and its inverse, by multiplications alone."""
    size = np.linalg.norm(matrix)
    root, inverse, unit = matrix / size, np.eye(len(matrix)), np.eye(len(matrix))
    for _ in range(rounds):
        step = (3 * unit - inverse @ root) / 2
        root, inverse = root @ step, step @ inverse
    return root * np.sqrt(size), inverse / np.sqrt(size)


def test_moments_equal_numpy():
    found, given = moments(features(3)), features(3).reshape(CHANNELS, -1)
    np.testing.assert_allclose(found.mean, given.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, np.cov(given, bias=True), rtol=1e-4)


def test_whitening_removes_correlation():
    """Colouring with the identity is whitening alone."""
    content = moments(features(1))
    plain = Moments(np.zeros(CHANNELS), np.eye(CHANNELS))
    white = moments(whitening(content, plain, 0.0)(features(1)[None])[0])
    np.testing.assert_allclose(white.covariance, np.eye(CHANNELS), atol=1e-3)
    np.testing.assert_allclose(white.mean, 0, atol=1e-4)


@pytest.mark.parametrize("kind", [whitening, transport])
def test_transform_gives_style_moments(kind, pair):
    found = moments(kind(*pair, 0.0)(features(1)[None])[0])
    np.testing.assert_allclose(found.mean, pair[1].mean, atol=1e-3)
    np.testing.assert_allclose(found.covariance, pair[1].covariance, atol=5e-3)


def test_adain_keeps_correlations(pair):
    found = moments(adain(*pair, 0.0)(features(1)[None])[0])
    deviations = [np.sqrt(np.diag(part.covariance)) for part in (found, *pair)]
    np.testing.assert_allclose(found.mean, pair[1].mean, atol=1e-4)
    np.testing.assert_allclose(deviations[0], deviations[2], rtol=1e-4)
    correlations = [
        part.covariance / np.outer(deviation, deviation)
        for part, deviation in zip((found, pair[0]), deviations, strict=False)
    ]
    np.testing.assert_allclose(*correlations, atol=1e-4)


def test_whitening_equals_newton_schulz(pair):
    """Another road to the same roots: to a thousandth, with the ridge that is used."""
    content, style = (
        part.covariance + transforms.RIDGE * np.trace(part.covariance) / CHANNELS * np.eye(CHANNELS)
        for part in pair
    )
    expected = newton_schulz(style)[0] @ newton_schulz(content)[1]
    np.testing.assert_allclose(whitening(*pair).matrix, expected, atol=1e-3, rtol=1e-3)


def test_transport_moves_less_than_whitening(pair):
    given = features(1)[None]
    moved = [float(np.square(kind(*pair)(given) - given).mean()) for kind in (transport, whitening)]
    assert moved[0] < moved[1]


@pytest.mark.parametrize("kind", MAPS)
def test_transform_own_style_changes_nothing(kind, pair):
    given = features(1)[None]
    np.testing.assert_allclose(kind(pair[0], pair[0])(given), given, atol=1e-3)


@pytest.mark.parametrize("kind", MAPS)
def test_transform_strength_interpolates(kind, pair):
    given, change = features(1)[None], kind(*pair)
    np.testing.assert_allclose(change.at(0.0)(given), given, atol=1e-6)
    np.testing.assert_allclose(change.at(1.0)(given), change(given), atol=1e-6)
    half = (given + change(given)) / 2
    np.testing.assert_allclose(change.at(0.5)(given), half, atol=1e-4)


@pytest.mark.parametrize("kind", MAPS)
def test_transform_without_variance_finite(kind, pair):
    """One colour, black, or two positions for twelve channels."""
    flat = moments(np.full((CHANNELS, 4, 4), 0.5, np.float32))
    few = moments(features(4, 1, 2))
    for content in (flat, few, pair[0]):
        for style in (flat, few, pair[1]):
            change = kind(content, style)
            assert np.isfinite(change(features(5)[None])).all()
            assert np.abs(change.matrix).max() < 1e5


def test_affine_map_per_position():
    swap = Affine(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([0.0, 1.0]))
    given = np.arange(12, dtype=np.float32).reshape(2, 2, 1, 3)
    found = swap(given)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], given[:, 1])
    np.testing.assert_array_equal(found[:, 1], 2 * given[:, 0] + 1)


def test_blend_and_mix_are_weighted_sums(pair):
    blended = transforms.blend(pair, (0.25, 0.75))
    np.testing.assert_allclose(blended.mean, 0.25 * pair[0].mean + 0.75 * pair[1].mean)
    expected = 0.25 * pair[0].covariance + 0.75 * pair[1].covariance
    np.testing.assert_allclose(blended.covariance, expected)
    parts = np.stack((features(1), features(2)))
    mixed = transforms.mix(parts, (0.6, 0.4))
    np.testing.assert_allclose(mixed[0], 0.6 * parts[0] + 0.4 * parts[1], rtol=1e-5, atol=1e-5)
