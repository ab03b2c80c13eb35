"""The optimisers, on a valley whose lowest point is known."""

from __future__ import annotations

import numpy as np
import pytest

from styleplug.algorithms.optimisers import LBFGS, Adam

SHAPE = (1, 3, 6, 5)


def valley(picture):
    """A badly conditioned parabola around 0.4, and its gradient; as small as our losses are."""
    steepness = np.geomspace(1, 300, picture.size, dtype=np.float32).reshape(picture.shape) * 1e-7
    away = picture - 0.4
    return float((steepness * away * away).sum()), 2 * steepness * away


def descend(optimiser, steps, rate):
    picture = np.random.default_rng(0).random(SHAPE, np.float32)
    for step in range(steps):
        optimiser.step(picture, valley(picture)[1], rate * (1 - step / steps))
    return picture


@pytest.mark.parametrize(("optimiser", "rate"), [(Adam(), 0.03), (LBFGS(), 1.0)])
def test_optimiser_finds_minimum(optimiser, rate):
    start = valley(np.random.default_rng(0).random(SHAPE, np.float32))[0]
    assert valley(descend(optimiser, 150, rate))[0] < 1e-3 * start


def test_lbfgs_faster_than_adam():
    assert valley(descend(LBFGS(), 25, 1.0))[0] < valley(descend(Adam(), 25, 0.03))[0]


@pytest.mark.parametrize("optimiser", [Adam(), LBFGS()])
def test_optimiser_stays_within_bounds(optimiser):
    picture = np.full(SHAPE, 0.99, np.float32)
    for _ in range(20):
        optimiser.step(picture, np.full(SHAPE, -1.0, np.float32), 1.0)
    assert picture.max() <= 1.0 and picture.dtype == np.float32


def test_adam_step_length_is_rate():
    picture = np.full(SHAPE, 0.5, np.float32)
    Adam().step(picture, np.full(SHAPE, 1e-12, np.float32), 0.03)
    np.testing.assert_allclose(picture, 0.47, atol=1e-3)


def under_noise(optimiser, shape=(1, 3, 16, 16)):
    """How far areas come in ten steps where every pixel's gradient is mostly noise."""
    rng, picture = np.random.default_rng(0), np.full(shape, 0.9, np.float32)
    for _ in range(10):
        optimiser.step(picture, rng.normal(0.2, 1.0, shape).astype(np.float32), 0.05)
    return 0.9 - float(picture.mean())


def test_adam_areas_resist_noise():
    assert under_noise(Adam()) > 1.4 * under_noise(Adam(shares=(1.0,)))


def test_adam_odd_size_uses_no_areas():
    assert under_noise(Adam(), (1, 3, 15, 9)) == under_noise(Adam(shares=(1.0,)), (1, 3, 15, 9))


def test_adam_scales_are_block_means():
    picture = np.full((4, 4), 0.5, np.float32)
    gradient = np.zeros((4, 4), np.float32)
    gradient[:2, :2] = 1e-9  # a square of its own at the second scale, a quarter of the third
    Adam(shares=(0.5, 0.3, 0.2)).step(picture, gradient, 0.1)
    np.testing.assert_allclose(picture[:2, :2], 0.4, atol=1e-3)
    np.testing.assert_allclose(picture[2:], 0.48, atol=1e-3)


@pytest.mark.parametrize("optimiser", [Adam(), LBFGS()])
def test_optimiser_zero_gradient_moves_nothing(optimiser):
    picture = np.full(SHAPE, 0.5, np.float32)
    for _ in range(3):
        optimiser.step(picture, np.zeros(SHAPE, np.float32), 0.03)
    assert np.array_equal(picture, np.full(SHAPE, 0.5, np.float32))


def test_adam_accepts_any_memory_layout():
    rng = np.random.default_rng(0)
    gradient = rng.random((1, 3, 16, 16), np.float32) - 0.3
    strided = np.ascontiguousarray(gradient.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    one, two = (np.full(gradient.shape, 0.5, np.float32) for _ in range(2))
    Adam().step(one, gradient, 0.05)
    Adam().step(two, strided, 0.05)
    np.testing.assert_allclose(one, two, atol=1e-6)
