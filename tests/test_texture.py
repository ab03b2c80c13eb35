"""Textures: the net's noise and borders, its training, and what the method makes of latents."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import make_photo, make_task, swatch
from safetensors.torch import load_file

from styleplug.core.errors import BadParameter
from styleplug.imaging import tiles
from styleplug.methods import texture as method
from styleplug.nets import texture
from styleplug.store import weights_folder
from styleplug.training.data.pictures import Pictures
from styleplug.training.tasks import texture as training

pytestmark = pytest.mark.slow


class Function:
    """A function of the net, as a backend would give it."""

    def __init__(self, module):
        self.module = self.spec = module  # which declares all that callers know

    def __call__(self, **arrays):
        given = (torch.from_numpy(arrays[name]) for name in self.module.inputs)
        with torch.no_grad():
            found = self.module(*given)
        return {n: v.numpy() for n, v in zip(self.module.outputs, found, strict=True)}


@pytest.fixture(scope="module")
def functions():
    """Of an untrained net: what these tests ask does not depend on the weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return {n: Function(f) for n, f in texture.functions(texture.build().eval()).items()}


@pytest.fixture(scope="module")
def trained():
    """The same of the embedded weights."""
    net = texture.build().eval()
    state = load_file(weights_folder() / "texture.safetensors")
    net.load_state_dict({name: value.float() for name, value in state.items()})
    return {n: Function(f) for n, f in texture.functions(net).items()}


@pytest.fixture
def run(functions):
    return runner(functions)


def runner(functions):
    def run(*styles, size=64, seed=0, **parameters):
        context = SimpleNamespace(
            size=size,
            rng=np.random.default_rng(seed),
            net=lambda key, name: functions[name],
            check=lambda: None,
        )
        params = method.METHOD.params.of(parameters)
        frames = list(method.METHOD.run({"style": styles}, params, context))
        assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
        return frames[-1]

    return run


def apart(a, b):
    return float(np.abs(a - b).mean())


# Nets


def test_net_size_within_limit():
    assert sum(value.numel() for value in texture.build().state_dict().values()) < 3.0e6


def test_decoder_wraps_around(functions):
    """So there is no border: a texture rolled is the texture of the noise rolled."""
    latent, *draw_noises = (part.numpy()[:1] for part in functions["decode"].module.examples())
    _, *names = functions["decode"].module.inputs
    whole = functions["decode"](latent=latent, **dict(zip(names, draw_noises, strict=True)))
    rolled = [
        np.roll(noise, (32 // stride, 48 // stride), (2, 3))
        for noise, stride in zip(draw_noises, texture.STRIDES, strict=True)
    ]
    moved = functions["decode"](latent=latent, **dict(zip(names, rolled, strict=True)))
    expected = np.roll(whole["picture"], (32, 48), (2, 3))
    np.testing.assert_allclose(moved["picture"], expected, atol=1e-5)


def test_decoder_margin_covers_receptive_field():
    net, margin = texture.build().decoder, texture.Decode.margin
    draw_noises = [
        n.requires_grad_(True) for n in training.draw_noises(1, 320, 320, torch.device("cpu"))
    ]
    net(torch.zeros(1, texture.LATENT), *draw_noises)[0, :, 160:176, 160:176].sum().backward()
    for noise, stride in zip(draw_noises, texture.STRIDES, strict=True):
        for axis in (1, 2):
            seen = noise.grad[0].abs().amax([n for n in (0, 1, 2) if n != axis]).nonzero() * stride
            assert 160 - int(seen.min()) <= margin
            assert int(seen.max()) + stride - 176 <= margin


def test_encoder_latent_has_no_positions():
    encoder = texture.build().eval().encoder
    for shape in ((64, 64), (48, 112)):
        mean, log_variance = encoder(torch.rand(3, 3, *shape))
        assert mean.shape == log_variance.shape == (3, texture.LATENT)


def test_sample_has_moments_of_latents():
    net = texture.build()
    turned = torch.randn(texture.LATENT, texture.LATENT)
    mean = torch.randn(4000, texture.LATENT) @ turned + 3
    log_variance = torch.randn(4000, texture.LATENT)
    net.fit(mean, log_variance)
    drawn = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    (found,) = texture.functions(net)["sample"](torch.randn(4000, texture.LATENT))
    torch.testing.assert_close(found.mean(0), drawn.mean(0), atol=1.5, rtol=0)
    wanted = drawn.T.cov()
    assert float((found.T.cov() - wanted).norm() / wanted.norm()) < 0.3
    (centre,) = texture.functions(net)["sample"](torch.zeros(1, texture.LATENT))
    torch.testing.assert_close(centre[0], mean.mean(0))


# Training


def test_texture_score_prefers_textures():
    rng = np.random.default_rng(0)
    busy = rng.integers(0, 256, (3, 64, 64))
    flat = np.full((3, 64, 64), 120)
    halves = np.where(np.arange(64) < 32, busy // 8, 200 + busy // 8)
    spot = flat.copy()
    spot[:, 20:40, 20:40] = busy[:, 20:40, 20:40]
    patches = torch.from_numpy(np.stack([busy, halves, spot, flat]).astype(np.uint8))
    first, *others = training.texture_score(patches).tolist()
    assert first > 4 * max(others) and others[-1] == 0


def test_training_patches_are_exact_crops():
    """Every crop stands in its picture, pixel by pixel, or mirrored in it."""
    array = np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8)
    patches = training.Patches(Pictures.of([array]), 32, torch.device("cpu"), 0)
    rng = np.random.default_rng(1)
    crops = (patches.draw(rng, 6) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    known = np.lib.stride_tricks.sliding_window_view(array, (32, 32), (0, 1))
    for crop in crops:
        views = (crop.transpose(2, 0, 1), crop[:, ::-1].transpose(2, 0, 1))
        assert any((known[:, :, 0, 0, 0] == v[0, 0, 0]).any() for v in views)
        assert any((known == view).all((2, 3, 4)).any() for view in views)


def test_training_patches_small_picture_enlarged():
    patches = training.Patches(
        Pictures.of([np.full((20, 30, 3), 7, np.uint8)]), 32, torch.device("cpu"), 0
    )
    assert patches.draw(np.random.default_rng(0), 2).shape == (2, 3, 32, 32)


def test_sliced_wasserstein_equals_sorted_distance():
    """Of one channel it is exact: values in order, however they lie."""
    one, other = torch.rand(2, 1, 30), torch.rand(2, 1, 30)
    found = training.sliced_wasserstein(one, other, torch.ones(1, 1))
    ordered = [part[:, 0].sort().values for part in (one, other)]
    torch.testing.assert_close(found, (ordered[0] - ordered[1]).square().mean(1))


def test_statistics_loss_ignores_positions():
    features = torch.rand(2, 5, 8, 8) * torch.arange(1, 6)[:, None, None]
    moved = features.roll((3, 2), (2, 3))
    assert all(float(part) < 1e-9 for part in training.statistics_loss(moved, features).values())
    for other in (features * 1.5, features + 0.5, features.flip(1)):
        assert all(float(part) >= 0 for part in training.statistics_loss(other, features).values())
    terms = training.statistics_loss(features + 0.5, features)
    assert float(terms["mean"]) > 0.1 and float(terms["covariance"]) < 1e-6
    assert float(training.statistics_loss(features * 1.5, features)["covariance"]) > 0.5
    assert float(training.statistics_loss(features.square(), features)["sliced"]) > 0.01


@pytest.fixture(scope="module")
def task():
    patch = pytest.MonkeyPatch()
    patch.setattr(training, "JUDGED", 8)
    patch.setattr(training, "FITTED", 8)
    swatches = (swatch(name)[:96, :96] for name in ("waves", "glass"))
    yield make_task(training.TASK, *swatches, size=32, batch=4)
    patch.undo()


def test_task_step_deterministic(task):
    totals = []
    for _ in range(2):
        torch.manual_seed(5)
        losses = task.losses(1, 0.0, np.random.default_rng(3))
        totals.append([float(loss.total().detach()) for loss in losses])
    assert len(totals[0]) == 2
    assert totals[0] == pytest.approx(totals[1], rel=1e-2)  # a spectral norm is refined each time


def test_task_trains_scores_and_samples(task):
    for loss in task.losses(0, 0.0, np.random.default_rng(0)):
        loss.total().backward()
    assert {"covariance", "mean", "sliced"} <= set(loss.terms)
    assert all(part.grad is not None for part in task.net.decoder.parameters())
    with torch.no_grad():
        scores, sheet = task.score(task.net), task.sample(task.net)
    assert next(iter(scores)) == "kernel" and np.isfinite(list(scores.values())).all()
    assert sheet.shape == (6 * 32, 8 * 32, 3)
    assert 0 <= sheet.min() and sheet.max() <= 1


# The method


@pytest.mark.parametrize("size", [16, 64, 75, 129])
def test_texture_any_size_is_tileable(run, size):
    """Whatever the weights: where the sides meet it is no rougher than along any other line."""
    picture = run(size=size, count=1).images[0]
    assert picture.shape == (size, size, 3) and picture.dtype == np.float32
    for axis in (0, 1):
        steps = np.abs(np.diff(picture, axis=axis, append=picture.take([0], axis)))
        lines = steps.mean(axis=(1 - axis, 2))
        assert lines[-1] <= 1.6 * np.median(lines)


def test_seam_metric_separates_textures():
    ramp = np.broadcast_to(np.linspace(0, 1, 32)[:, None, None], (32, 32, 3))
    wave = np.sin(np.arange(32) * np.pi / 8)[:, None, None] + np.zeros((32, 32, 3))
    assert method.seam(ramp) > 10
    assert 0.5 < method.seam(wave) < 1.6
    assert 0.8 < method.seam(np.random.default_rng(0).random((32, 32, 3))) < 1.2


def test_seed_decides_texture(run):
    one, again, other = (run(seed=seed, count=2).images for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert min(apart(a, b) for a, b in itertools.product(one, other)) > 0.01
    assert apart(*one) > 0.01


def test_textures_first_same_for_any_count(run):
    few, more = run(count=2).images, run(count=3).images
    np.testing.assert_array_equal(few, more[:2])


def test_tiles_agree_with_whole(run, monkeypatch):
    whole = run(size=160, count=1).images[0]
    monkeypatch.setattr(tiles, "SIDE", 64)
    np.testing.assert_allclose(run(size=160, count=1).images[0], whole, atol=1e-5)


def test_variation_zero_keeps_latent(run, functions):
    """The latent is the picture's own, for all of them."""
    style = make_photo(120, 90).pixels
    given = []
    decode = functions["decode"]

    class Recorded(Function):
        def __call__(self, **arrays):
            given.append(arrays)
            return super().__call__(**arrays)

    functions["decode"] = Recorded(decode.module)
    try:
        run(style, variation=0, count=2)
        run(style, variation=1, count=2)
        run(count=2)
    finally:
        functions["decode"] = decode
    latents = [arrays["latent"] for arrays in given]
    np.testing.assert_array_equal(latents[0], latents[1])
    assert apart(given[0]["noise1"], given[1]["noise1"]) > 0.5
    np.testing.assert_allclose(latents[2], latents[4], atol=1e-6)
    np.testing.assert_allclose(latents[3], latents[5], atol=1e-6)


def test_style_blend_interpolates(run):
    styles = [make_photo(120, 90, seed=seed).pixels * tint for seed, tint in ((0, 0.4), (1, 1.0))]
    first, second = (run(one, variation=0, count=1).images[0] for one in styles)
    for shares, expected in (((1, 0), first), ((0, 1), second)):
        found = run(*styles, variation=0, count=1, style_blend=shares).images[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    middle = run(*styles, variation=0, count=1).images[0]
    assert max(apart(middle, first), apart(middle, second)) < apart(first, second)


def test_mixed_latents_keep_norm():
    known = [np.random.default_rng(seed).standard_normal(128).astype(np.float32) for seed in (0, 1)]
    params = method.METHOD.params(variation=0)
    mixed = method._mixed(known, [0.5, 0.5], np.zeros((1, 128), np.float32), params)
    wanted = np.mean([np.linalg.norm(z) for z in known])
    assert float(np.linalg.norm(mixed)) == pytest.approx(wanted, rel=1e-5)


def test_walk_passes_every_style_and_closes(run):
    known = [
        np.random.default_rng(seed).standard_normal(128).astype(np.float32) for seed in range(3)
    ]
    way = method._round(known, 12)
    for place, z in enumerate(known):
        np.testing.assert_allclose(way[4 * place], z, atol=1e-5)
    steps = np.linalg.norm(np.diff(way, axis=0, append=way[:1]), axis=1)
    assert steps.max() < np.linalg.norm(known[0] - known[1])
    frame = run(make_photo(90, 60).pixels, make_photo(60, 60, seed=1).pixels, walk=4, variation=0)
    assert len(frame.images) == 4 and frame.fps > 0


def test_trained_textures_tile_and_are_sharp(trained):
    """A grid of the decoder's cells, or a seam, would show in the roughness of single lines."""
    pictures = runner(trained)(size=128, count=4, seed=3).images
    for picture in pictures:
        assert 0.7 < method.seam(picture) < 1.4
        assert np.abs(np.diff(picture, axis=0)).mean() > 0.015
    steps = np.mean([np.abs(p - np.roll(p, 1, axis=1)).mean((0, 2)) for p in pictures], axis=0)
    cells = steps.reshape(-1, 16).mean(0)
    assert cells.max() < 1.25 * cells.mean()
    assert min(apart(a, b) for a, b in itertools.combinations(pictures, 2)) > 0.05


def test_trained_texture_has_colours_of_style(trained):
    waves, glass = (swatch(name) for name in ("waves", "glass"))
    found = [runner(trained)(p, size=96, count=1, variation=0).images[0] for p in (waves, glass)]

    def palette(picture):
        return np.quantile(picture.reshape(-1, 3), np.linspace(0.05, 0.95, 16), axis=0)

    for own, other, picture in ((waves, glass, found[0]), (glass, waves, found[1])):
        assert apart(palette(picture), palette(own)) < apart(palette(picture), palette(other))


def test_style_blend_without_styles_refused(run):
    with pytest.raises(BadParameter, match="style_blend"):
        run(style_blend=(1, 2))


def test_result_shape_is_square():
    params = method.METHOD.params()
    assert method.METHOD.shape(params, 300, 200) == method.METHOD.shape(params, 200, 300)
    assert method.METHOD.shape(params, 300, 200) == (300, 300)
