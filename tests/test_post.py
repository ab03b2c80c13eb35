"""Finishing: colours kept, strength linear, painting within a mask, transparency put back."""

import colorsys

import numpy as np
import pytest

import styleplug
from styleplug.core.recipe import Finish
from styleplug.engine.finish import coverage, finish, match_colours, recolour
from styleplug.imaging import Picture

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


def disc(height: int = 96, width: int = 128) -> np.ndarray:
    down, across = np.mgrid[:height, :width]
    return ((down - 40) ** 2 + (across - 50) ** 2 < 30**2).astype(np.float32)


def grey(marks: np.ndarray) -> Picture:
    return Picture(np.repeat(marks[:, :, None], 3, axis=2).astype(np.float32))


@pytest.mark.parametrize("feather", [0.0, 0.02, 0.25])
def test_mask_changes_nothing_outside(feather: float) -> None:
    marks = disc()
    how = Finish(mask_feather=feather)
    before, after = np.zeros((96, 128, 3), np.float32), np.ones((96, 128, 3), np.float32)
    finished = finish(after, Picture(before), how, grey(marks))
    np.testing.assert_array_equal(finished[marks == 0], 0)
    assert (finished[40, 50] == 1).all() or feather > 0.2 and finished[40, 50].min() > 0.2


def test_mask_feather_rises_inwards() -> None:
    marks = np.zeros((64, 64), np.float32)
    marks[:, 20:] = 1
    shares = coverage(grey(marks), 64, 64, Finish(mask_feather=10 / 64))[32]
    assert (np.diff(shares) >= 0).all()
    assert shares[19] == 0 and 0.4 < shares[25] < 0.6 and shares[31] == shares[-1] == 1


def test_mask_invert_paints_the_rest() -> None:
    marks = disc()
    sharp = {"mask_feather": 0.0}
    inside = coverage(grey(marks), 128, 96, Finish(**sharp))
    outside = coverage(grey(marks), 128, 96, Finish(mask_invert=True, **sharp))
    np.testing.assert_allclose(inside + outside, 1, atol=1e-6)


def test_mask_alpha_counts_and_faint_marks_do_not() -> None:
    marks = disc()
    opaque = Picture(np.full((96, 128, 3), 0.5, np.float32), marks)
    sharp = Finish(mask_feather=0.0)
    np.testing.assert_array_equal(coverage(opaque, 128, 96, sharp), marks)
    noisy = grey(np.maximum(marks, 0.05))
    np.testing.assert_array_equal(coverage(noisy, 128, 96, sharp) > 0, marks > 0)


def test_mask_and_strength_multiply(result: np.ndarray, content: Picture) -> None:
    half = grey(np.full((24, 36), 0.5))
    how = Finish(strength=0.5, mask_feather=0.0)
    expected = content.pixels + 0.25 * (result - content.pixels)
    np.testing.assert_allclose(finish(result, content, how, half), expected, atol=1e-6)


def test_match_colours_gives_mean_and_covariance(content: Picture) -> None:
    rng = np.random.default_rng(2)
    warm = 0.5 + 0.1 * rng.standard_normal((40, 30, 3)) @ [[1, 0.6, 0], [0, 0.8, 0], [0, 0, 0.4]]
    matched = match_colours(warm.astype(np.float32), content.pixels * 0.4 + 0.3)
    wanted = (content.pixels * 0.4 + 0.3).reshape(-1, 3)
    np.testing.assert_allclose(matched.reshape(-1, 3).mean(0), wanted.mean(0), atol=0.01)
    spread = np.cov(matched.reshape(-1, 3).T)
    np.testing.assert_allclose(spread, np.cov(wanted.T), atol=0.25 * np.cov(wanted.T).max())


@pytest.mark.parametrize("how", ["result", "style"])
def test_keep_colours_by_matching_keeps_mean(how: str) -> None:
    rng = np.random.default_rng(3)
    content = (0.2 + 0.2 * rng.random((48, 64, 3))).astype(np.float32)
    style = (0.6 + 0.3 * rng.random((48, 64, 3))).astype(np.float32)
    told = {"size": 64, "seed": 1, "backend": "fake"}
    kept = styleplug.stylize(
        content, style, "cnn", keep_colours=True, keep_colours_by=how, **told
    ).array
    away = np.abs(kept.mean((0, 1)) - content.mean((0, 1))).max()
    plain = styleplug.stylize(content, style, "cnn", **told).array
    assert away < 0.05 < np.abs(plain.mean((0, 1)) - content.mean((0, 1))).max()
