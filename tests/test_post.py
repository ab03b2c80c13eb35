"""Finishing: colours kept without hue breaks, strength linear, transparency put back."""

import colorsys

import numpy as np
import pytest

from styleplug.core.recipe import Finish
from styleplug.imaging import Picture
from styleplug.imaging.finish import finish, recolour

LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture
def result() -> np.ndarray:
    return np.random.default_rng(0).random((24, 36, 3), np.float32)


@pytest.fixture
def content() -> Picture:
    return Picture(np.random.default_rng(1).random((24, 36, 3), np.float32))


def test_finish_default_changes_nothing(result: np.ndarray, content: Picture) -> None:
    np.testing.assert_array_equal(finish(result, content, Finish()), result)
    np.testing.assert_array_equal(finish(result, None, Finish(strength=0.3)), result)


def test_strength_blends_linearly(result: np.ndarray, content: Picture) -> None:
    before = result.copy()
    for strength in (0.0, 0.25, 0.5):
        expected = content.pixels * (1 - strength) + result * strength
        finished = finish(result, content, Finish(strength=strength))
        np.testing.assert_allclose(finished, expected, atol=1e-6)
        assert finished.dtype == np.float32
    np.testing.assert_array_equal(result, before)  # the method's own array is left alone


def test_keep_colours_keeps_luma_of_result(result: np.ndarray, content: Picture) -> None:
    finished = finish(result, content, Finish(keep_colours=True))
    assert finished.min() >= 0 and finished.max() <= 1 and finished.dtype == np.float32
    np.testing.assert_allclose(finished @ LUMA, result @ LUMA, atol=2e-6)


def test_keep_colours_keeps_hue_of_content(result: np.ndarray, content: Picture) -> None:
    finished = finish(result, content, Finish(keep_colours=True))
    compared = 0
    for ours, theirs in zip(finished.reshape(-1, 3), content.pixels.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*map(float, ours))
        if saturation * value > 0.05:  # else there is no hue to speak of
            compared += 1
            away = abs(hue - colorsys.rgb_to_hsv(*map(float, theirs))[0])
            assert min(away, 1 - away) < 0.002
    assert compared > 500


def test_recolour_same_light_gives_content(content: Picture) -> None:
    np.testing.assert_allclose(recolour(content.pixels, content.pixels), content.pixels, atol=1e-6)
    grey = np.full_like(content.pixels, 0.4)
    np.testing.assert_allclose(
        recolour(content.pixels, grey)[..., 0], content.pixels @ LUMA, atol=1e-5
    )


def test_recolour_black_and_white_stay(content: Picture) -> None:
    for level in (0.0, 1.0):
        flat = np.full_like(content.pixels, level)
        np.testing.assert_allclose(recolour(flat, content.pixels), flat, atol=1e-5)


def test_keep_colours_before_strength(result: np.ndarray, content: Picture) -> None:
    both = finish(result, content, Finish(keep_colours=True, strength=0.5))
    expected = (recolour(result, content.pixels) + content.pixels) / 2
    np.testing.assert_allclose(both, expected, atol=1e-6)


def test_finish_content_of_other_size_resized(result: np.ndarray) -> None:
    large = Picture(np.full((480, 720, 3), 0.75, np.float32))
    finished = finish(result, large, Finish(strength=0))
    assert finished.shape == (24, 36, 3)
    np.testing.assert_allclose(finished, 0.75, atol=1e-5)


def test_finish_restores_transparency_at_result_size(result: np.ndarray) -> None:
    alpha = np.zeros((48, 72), np.float32)
    alpha[:, 36:] = 1
    finished = finish(result, Picture(np.zeros((48, 72, 3), np.float32), alpha), Finish())
    assert finished.shape == (24, 36, 4) and finished.dtype == np.float32
    np.testing.assert_array_equal(finished[:, :, :3], result)
    assert finished[:, :15, 3].max() < 0.02 and finished[:, 21:, 3].min() > 0.98
    assert finished.min() >= 0 and finished.max() <= 1
