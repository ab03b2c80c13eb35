"""Enhance: its net sees enough, its training learns, and small pictures come to it as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import make_photo
from PIL import Image
from torch import nn

from styleplug import generate
from styleplug.imaging import resize
from styleplug.methods import enhance as method
from styleplug.nets import enhance
from styleplug.training.data.degradation import compressed, degrade
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.task import Datasets
from styleplug.training.tasks import enhance as training

pytestmark = pytest.mark.slow

MOST_PARAMETERS = 750_000


def photo(width, height):
    return make_photo(width, height).pixels


def test_net_size_within_limit():
    count = sum(parameter.numel() for parameter in enhance.build().parameters())
    assert count <= MOST_PARAMETERS
    assert method._FACTORS == enhance.FACTORS


@pytest.mark.parametrize("factor", enhance.FACTORS)
def test_net_margin_covers_receptive_field(factor):
    torch.manual_seed(0)
    net = enhance.build()
    nn.init.normal_(net.exits[str(factor)].weight, std=0.05)
    margin, far = enhance.Enhance.margin, 56
    given = torch.rand(1, 3, 2 * far, 2 * far, requires_grad=True)
    for place in (factor * far, factor * far + factor):
        for axis in (2, 3):
            seen = net(given, factor).select(axis, place).sum()
            (slope,) = torch.autograd.grad(seen, given)
            where = slope.abs().sum(dim=(0, 1, 5 - axis)).nonzero()
            assert place // factor - margin <= int(where.min())
            assert int(where.max()) <= place // factor + margin


def a_task(**parameters):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    noise = np.random.default_rng(0).normal(0, 4, (6, 120, 140, 3))
    ramp = np.linspace(20, 230, 140)[:, None] + noise
    pictures = Pictures.of(list(np.clip(ramp, 0, 255).astype(np.uint8)))
    params = training.EnhanceParams(**{"size": 64, "batch": 2, **parameters})
    return training.EnhanceTask(
        Datasets(pictures, pictures, pictures, pictures), params, torch.device("cpu"), 0
    )


def scores(task):
    with torch.no_grad():
        return task.score(task.net)


def test_training_lowers_error_of_same_pictures():
    task = a_task()
    optimiser = torch.optim.Adam(task.net.parameters(), 1e-3)
    errors = []
    for _ in range(20):
        (loss,) = task.losses(0, 0.5, np.random.default_rng(2))
        errors.append(float(loss.total().detach()))
        optimiser.zero_grad()
        torch.autograd.backward(loss.total())
        optimiser.step()
    assert errors[-1] < 0.95 * errors[0]


def test_scores_of_untrained_net_are_those_of_bicubic():
    """Nothing is added at first, so JPEG pictures stay as they are."""
    task = a_task()
    assert scores(task)["jpeg"] == pytest.approx(1, abs=0.02)
    with torch.no_grad():
        assert task.sample(task.net).shape == (7 * 64, 8 * 64, 3)


@pytest.mark.parametrize("factor", enhance.FACTORS)
def test_degradation_depends_on_random_numbers_only(factor):
    picture = Image.fromarray(np.uint8(photo(96, 96) * 255))
    some = [degrade(picture, factor, np.random.default_rng(seed)) for seed in (1, 1, 2, 3, 4, 5)]
    assert {one.size for one in some} == {(96 // factor, 96 // factor)}
    assert some[0].tobytes() == some[1].tobytes()
    assert len({one.tobytes() for one in some}) > 3


@pytest.mark.parametrize("size, factor", [(80, 1), (96, 1), (100, 2), (192, 2), (193, 4), (400, 4)])
def test_factor_reaches_size(size, factor, monkeypatch):
    """A picture of 96 px comes to the net as it is; a larger one than the result is reduced."""
    asked = []
    tiled = method.by_tiles

    def by_tiles(source, apply, **options):
        for done, count, result in tiled(source, apply, **options):
            asked.append((source.shape, result.shape[1] // source.shape[1]))
            yield done, count, result

    monkeypatch.setattr(method, "by_tiles", by_tiles)
    report = generate("enhance", content=photo(96, 72), size=size, backend="onnx").report
    wanted = min(size, 96)
    assert asked == [((round(wanted * 0.75), wanted, 3), factor)]
    assert report.width == size


def test_narrow_picture_has_shape_of_other_methods():
    made = generate("enhance", content=photo(200, 20), size=320, backend="onnx").array
    assert made.shape[1] == 320 and made.shape[0] < 64


def test_result_nearer_than_lanczos():
    """For pictures that were made smaller, and for JPEG."""
    good = resize(photo(256, 192), 128, 96)
    image = Image.fromarray(np.uint8(good * 255 + 0.5))
    small = np.float32(image.resize((64, 48), Image.Resampling.BICUBIC)) / 255
    file = np.float32(compressed(image, 30)) / 255
    for given in (small, file):
        made = generate("enhance", content=given, size=128, backend="onnx").array
        plain = resize(given, 128, 96)
        errors = [float(np.square(one - good).mean()) for one in (made, plain)]
        assert errors[0] < errors[1]


def test_strength_blends_with_plain_enlargement():
    small = photo(48, 36)
    plain = generate("enhance", content=small, size=96, strength=0, backend="onnx").array
    np.testing.assert_allclose(plain, resize(small, 96, 72), atol=2e-3)
