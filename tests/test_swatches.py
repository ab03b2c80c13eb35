"""The painted style pictures: the same each time, rich, and none like another."""

import itertools
import threading

import numpy as np
import pytest
from conftest import swatch

from styleplug.imaging import resize
from styleplug.swatches import SWATCHES
from styleplug.swatches.canvas import SIZE, Easel, noise, ramp, sample, scatter, step

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def painted() -> dict[str, np.ndarray]:
    return {id: swatch(id) for id in SWATCHES}


def test_swatches_have_valid_names() -> None:
    assert len(SWATCHES) >= 10
    for id in SWATCHES:
        assert id.isidentifier() and id.islower()
    with pytest.raises(TypeError):
        SWATCHES["new"] = SWATCHES["night"]  # type: ignore[index]


@pytest.mark.parametrize("id", SWATCHES)
def test_swatch_shape_and_range(id: str, painted: dict[str, np.ndarray]) -> None:
    picture = painted[id]
    assert picture.shape == (512, 512, 3) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1  # also refuses NaN


@pytest.mark.parametrize("id", SWATCHES)
def test_swatch_has_contrast_hue_and_texture(id: str, painted: dict[str, np.ndarray]) -> None:
    picture = painted[id]
    assert picture.std() > 0.12  # contrast
    chroma = picture - picture.mean(axis=2, keepdims=True)
    assert chroma.reshape(-1, 3).std(axis=0).max() > 0.05  # not all in one hue
    # Texture everywhere: hardly a patch of 32 × 32 is flat.
    patches = picture.mean(axis=2).reshape(16, 32, 16, 32).std(axis=(1, 3))
    assert np.quantile(patches, 0.1) > 0.008


@pytest.mark.parametrize("id", SWATCHES)
def test_swatch_same_in_any_thread(id: str, painted: dict[str, np.ndarray]) -> None:
    again: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: again.append(SWATCHES[id].paint()))
    np.random.seed(1)  # the global generator must not matter
    thread.start()
    thread.join()
    np.testing.assert_array_equal(again[0], painted[id])


def test_swatches_differ(painted: dict[str, np.ndarray]) -> None:
    small = {id: resize(picture, 16, 16) for id, picture in painted.items()}
    for one, other in itertools.combinations(small, 2):
        assert np.abs(small[one] - small[other]).mean() > 0.05, (one, other)


def test_smoothstep_both_directions() -> None:
    t = np.array([-1.0, 0, 0.5, 1, 2], np.float32)
    np.testing.assert_allclose(step(0, 1, t), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(step(1, 0, t), [1, 1, 0.5, 0, 0])


def test_ramp_and_sample_interpolate() -> None:
    np.testing.assert_allclose(ramp(np.array([0, 0.5, 1]), "000000 ff0000")[:, 0], [0, 0.5, 1])
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_allclose(sample(image, np.array(1.5), np.array(2.5)), image[2, 1])
    np.testing.assert_allclose(sample(image, np.array(2.0), np.array(0.5)), 1.5)
    np.testing.assert_allclose(
        sample(image, np.array(-9.0), np.array(99.0)), image[3, 0], atol=0.01
    )


def test_noise_and_scatter_cover_canvas() -> None:
    rng = np.random.default_rng(0)
    field = noise(rng, 8)
    assert field.shape == (SIZE, SIZE) and 0 <= field.min() and field.max() <= 1
    assert 0.1 < field.std() and abs(field.mean() - 0.5) < 0.1
    points = scatter(rng, 20)
    counts, _, _ = np.histogram2d(*points.T, bins=8, range=[[0, SIZE]] * 2)
    assert counts.min() > 5


@pytest.mark.parametrize("angle", [0.0, 0.8, np.pi / 2])
def test_stroke_position_length_and_width(angle: float) -> None:
    easel = Easel(np.zeros((SIZE, SIZE, 3)), np.random.default_rng(0), bristles=0)
    easel.stroke(200, 300, angle, 80, 16, np.array([1.0, 0.5, 0.0]))
    rows, columns = np.nonzero(easel.picture[:, :, 0] > 0.5)
    assert abs(columns.mean() - 200) < 1.5 and abs(rows.mean() - 300) < 1.5
    along = (columns - 200) * np.cos(angle) + (rows - 300) * np.sin(angle)
    across = (rows - 300) * np.cos(angle) - (columns - 200) * np.sin(angle)
    assert 70 < np.ptp(along) < 84 and 12 < np.ptp(across) < 18
    for x, y in ((-50, 10), (511, 511), (0, 0), (900, 20)):  # over the rim: no matter
        easel.stroke(x, y, angle, 60, 10, np.ones(3))
