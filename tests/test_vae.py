"""The VAE: its formulas against independent ones, its nets, its training, and its pictures."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from conftest import make_photo, make_task, swatch
from hub import LoopbackHub
from safetensors.torch import save
from torch import nn
from torch.distributions import Normal, kl_divergence

from styleplug import stylize
from styleplug.algorithms import latents as arithmetic
from styleplug.algorithms.feature_statistics import moments, transport
from styleplug.imaging import resize, tiles
from styleplug.methods.vae import METHOD
from styleplug.nets import taesd, vae
from styleplug.store import hub as hub_module
from styleplug.training.tasks import vae as training

pytestmark = pytest.mark.slow

SIZE = 96


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def gaussians(seed=0):
    """Means and log-variances (2 3 4 5)."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64) for _ in range(2)]


# Formulas


def test_kl_equals_torch_distributions():
    mean, log_variance = gaussians()
    posterior = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(posterior, Normal(torch.zeros(()), torch.ones(())))
    torch.testing.assert_close(training.kl(mean, log_variance), expected)
    assert float(training.kl(torch.zeros(3), torch.zeros(3)).abs().max()) == 0


def test_reparameterise_moments_and_gradients():
    mean, log_variance, noise = (random(2, 4, 5, seed=s) for s in range(3))
    expected = mean + np.sqrt(np.exp(log_variance)) * noise
    given = [torch.tensor(part, requires_grad=True) for part in (mean, log_variance)]
    found = training.reparameterise(*given, torch.tensor(noise))
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-5)
    found.sum().backward()
    np.testing.assert_allclose(given[0].grad.numpy(), 1.0)
    np.testing.assert_allclose(given[1].grad.numpy(), (expected - mean) / 2, atol=1e-6)


def test_shift_equals_formula():
    content, style = random(1, 2, 3, 4), random(1, 2, 3, 4, seed=1)
    found = arithmetic.shift(content, style, 0.8, 0.3)
    for place in np.ndindex(content.shape):
        expected = 0.8 * (content[place] + 0.3 * (style[place] - content[place]))
        assert found[place] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(arithmetic.shift(content, style, 1, 1), style, rtol=1e-5)


def test_slerp_stays_on_sphere():
    first, second = (random(1, 3, 4, 4, seed=s) for s in (0, 1))
    first, second = (part / np.linalg.norm(part) for part in (first, second))
    whole = np.arccos(np.vdot(first, second))
    for share in (0.0, 0.3, 0.5, 1.0):
        found = arithmetic.slerp(first, second, share)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
        passed = np.arccos(np.clip(np.vdot(first, found), -1, 1))
        assert passed == pytest.approx(share * whole, abs=1e-3)
    half = np.linalg.norm(arithmetic.shift(first, second, 1.0, 0.5))
    assert half < 0.9  # a straight way cuts across


def test_slerp_of_one_direction_is_straight():
    first = random(1, 3, 4, 4)
    for second in (first, 2 * first, -first, 0 * first):
        found = arithmetic.slerp(first, second, 0.25)
        np.testing.assert_allclose(found, 0.75 * first + 0.25 * second, atol=1e-5)


def test_texture_samples_gaussian_of_style():
    grain = random(1, 3, 40, 40)
    mixed = np.tensordot(random(3, 3, seed=1), grain[0], 1)[None]
    style = mixed + np.roll(mixed, 1, axis=3) + 5  # neighbours in a row are alike
    sample = arithmetic.texture(style, 120, 120, np.random.default_rng(0))
    assert sample.shape == (1, 3, 120, 120)
    assert np.abs(sample.mean(axis=(2, 3))).max() < 0.2
    wanted, found = moments(style[0]).covariance, moments(sample[0]).covariance
    assert np.abs(found - wanted).max() < 0.2 * np.abs(wanted).max()
    along = [np.mean(sample * np.roll(sample, 1, axis)) / np.mean(sample**2) for axis in (2, 3)]
    assert along[1] > along[0] + 0.4
    blotches = sample.reshape(1, 3, 6, 20, 6, 20).mean((3, 5)).std()
    assert blotches < 0.03 * sample.std()  # of white noise it would be 0.05
    small = arithmetic.texture(style, 7, 9, np.random.default_rng(0))
    assert small.shape == (1, 3, 7, 9) and np.isfinite(small).all()


def test_bounded_limits_latent():
    content, style = random(1, 3, 8, 8), 2 + random(1, 3, 8, 8, seed=1)
    wild = arithmetic.shift(content, style, 1000, 1000)
    found = arithmetic.bounded(wild, content, style)
    low, high = min(content.min(), style.min()), max(content.max(), style.max())
    assert found.min() >= low - (high - low) / 2 and found.max() <= high + (high - low) / 2
    np.testing.assert_array_equal(arithmetic.bounded(content, content, style), content)


def test_with_moments_equals_inference():
    content, style = random(1, 4, 9, 9), random(1, 4, 8, 12, seed=1) ** 3 + 1
    given = (torch.tensor(part) for part in (content, style))
    found = training.with_moments(*given).numpy()
    expected = transport(moments(content[0]), moments(style[0]), training.RIDGE)(content)
    np.testing.assert_allclose(found, expected, atol=2e-3)


# Nets


@pytest.fixture(scope="module")
def crops():
    return torch.stack(
        [torch.tensor(make_photo(64, 64, seed).pixels.transpose(2, 0, 1)) for seed in range(8)]
    )


@pytest.fixture(scope="module")
def linear(crops):
    net = vae.build().eval().requires_grad_(False)
    net.start_linear(crops)
    return net


def test_start_linear_reconstructs(linear, crops):
    mean, log_variance = linear.encoder(crops)
    assert mean.shape == log_variance.shape == (8, vae.CHANNELS, 64 // vae.STRIDE, 64 // vae.STRIDE)
    started = mean[:, : vae.LINEAR]
    assert float(started.mean((0, 2, 3)).abs().max()) < 1e-3
    torch.testing.assert_close(started.std((0, 2, 3)), torch.ones(vae.LINEAR), atol=0.01, rtol=0)
    error = (linear.decoder(mean) - crops).square().mean()
    assert float(error) < 1e-3


def test_net_margins_cover_receptive_fields():
    """Weights are all above zero, so that nothing that counts is cancelled."""
    net = vae.build()
    for value in net.parameters():
        nn.init.uniform_(value, 0.001, 0.002)
    s, functions = vae.STRIDE, vae.functions(net)
    picture, latent = torch.rand(1, 3, 16, 160), torch.rand(1, vae.CHANNELS, 8, 48) / 100
    for name, apply, given, owns in (  # owns: the part of the input at the place of an output
        ("encode", lambda x: net.encoder(x)[0], picture, lambda at: (s * at, s * at + s - 1)),
        ("decode", net.decoder, latent, lambda at: (at // s, at // s)),
    ):
        found = apply(given.requires_grad_(True))
        for at in range(found.shape[-1] // 2, found.shape[-1] // 2 + 2 * s):
            (slope,) = torch.autograd.grad(found[..., at].sum(), given, retain_graph=True)
            seen = slope.abs().sum((0, 1, 2)).nonzero()
            first, last = owns(at)
            reach = max(first - int(seen.min()), int(seen.max()) - last)
            assert 0 < reach <= functions[name].margin


@pytest.mark.parametrize("arch", [vae, taesd])
def test_functions_follow_declaration(arch):
    functions = arch.functions(arch.build().eval().requires_grad_(False))
    assert set(functions) == {"encode", "decode"}
    latent = None
    for function in functions.values():
        given = function.examples() if latent is None else (latent,)
        found = function(*given)
        assert len(found) == len(function.outputs)
        latent = found[0]
    assert latent.shape == functions["encode"].examples()[0].shape
    assert 0 <= float(latent.min()) and float(latent.max()) <= 1


def test_taesd_layout_equals_file():
    state = taesd.build().state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert sum(value.numel() for value in state.values()) == 2_445_063
    assert shapes["encoder.layers.0.weight"] == (64, 3, 3, 3)
    assert shapes["encoder.layers.14.weight"] == (4, 64, 3, 3)
    assert shapes["decoder.layers.0.weight"] == (64, 4, 3, 3)
    assert shapes["decoder.layers.18.weight"] == (3, 64, 3, 3)
    layers = {name.rpartition(".")[0] for name in shapes}
    bare = {layer for layer in layers if f"{layer}.bias" not in shapes}
    expected = {f"encoder.layers.{i}.weight" for i in (2, 6, 10)}
    expected |= {f"decoder.layers.{i}.weight" for i in (6, 11, 16)}
    assert {f"{layer}.weight" for layer in bare} == expected


# Training


@pytest.fixture(scope="module")
def task():
    return make_task(training.TASK, size=64, batch=4)


def test_task_step_deterministic(task):
    one, two = (next(iter(task.losses(0, 0.0, np.random.default_rng(3)))).total() for _ in range(2))
    assert float(one.detach()) == float(two.detach())


def test_task_trains_scores_and_samples(task):
    for loss in task.losses(0, 0.0, np.random.default_rng(0)):
        loss.total().backward()
    assert any(part.grad is not None for part in task.net.encoder.parameters())
    assert all(part.grad is not None for part in task.net.decoder.parameters())
    with torch.no_grad():
        assert np.isfinite(list(task.score(task.net).values())).all()
        sheet = task.sample(task.net)
    assert sheet.ndim == 3 and 0 <= sheet.min() and sheet.max() <= 1


# Pictures


@pytest.fixture(scope="module")
def content():
    """In the colours of things; what glows as nothing does comes back paler."""
    return 0.25 + 0.5 * make_photo(120, 90).pixels


@pytest.fixture(scope="module")
def style():
    return swatch("waves")


def run(content, style, **parameters):
    return stylize(
        content, style, **{"method": "vae", "backend": "onnx", "size": SIZE, **parameters}
    ).array


def palette_distance(a, b):
    """Between the sorted values of each colour channel."""
    ends = np.linspace(0, 1, 64)
    apart = [np.quantile(a[..., i], ends) - np.quantile(b[..., i], ends) for i in range(3)]
    return float(np.abs(apart).mean())


def likeness(a, b):
    """Correlation of light and dark."""
    return float(np.corrcoef(a.mean(2).ravel(), b.mean(2).ravel())[0, 1])


@pytest.fixture(scope="module")
def back(content, style):
    """The content, encoded and decoded."""
    return run(content, style, style_weight=0)


def test_style_weight_zero_reconstructs_content(content, back):
    error = back - resize(content, SIZE, SIZE * 3 // 4)
    assert -10 * np.log10(np.mean(error**2)) > 27
    border = np.abs(error[:4]).mean()
    assert border < 2 * np.abs(error).mean()


@pytest.mark.parametrize("kind", ["transport", "whitening", "adain"])
def test_statistics_mode_takes_style_colours(content, style, back, kind):
    result = run(content, style, moments=kind)
    assert palette_distance(result, style) < 0.6 * palette_distance(back, style)
    assert likeness(result, back) > 0.4


@pytest.mark.parametrize("mode", ["shift", "slerp"])
def test_blend_modes_interpolate(content, style, back, mode):
    first, middle, last = (run(content, style, mode=mode, style_weight=w) for w in (0, 0.5, 1))
    np.testing.assert_allclose(first, back, atol=0.02)
    whole = np.abs(last - first).mean()
    assert np.abs(middle - first).mean() < 0.8 * whole
    assert np.abs(middle - last).mean() < 0.8 * whole
    assert likeness(last, resize(style[64:-64], 96, 72)) > 0.9  # what does not fit is cut off


def test_seed_decides_noise(content, style, back):
    one, again, other = (run(content, style, mode="noise", seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.01
    assert likeness(one, back) > 0.3


def test_style_blend_interpolates(content, style):
    other = swatch("glass")
    alone = run(content, style)
    shared = run(content, [style, other], style_blend=(1, 0))
    mixed = run(content, [style, other])
    np.testing.assert_allclose(shared, alone, atol=1e-3)
    assert np.abs(mixed - alone).mean() > 0.01


@pytest.mark.parametrize("mode", ["statistics", "noise", "shift", "slerp"])
def test_extreme_weights_give_picture(content, style, mode):
    result = run(content, style, mode=mode, style_weight=2, content_weight=2)
    assert np.isfinite(result).all() and result.std() > 0.02


def test_tiles_agree_with_whole(content, style, monkeypatch):
    whole = run(content, style, size=320)
    monkeypatch.setattr(tiles, "SIDE", 128)
    tiled = run(content, style, size=320)
    error = np.abs(tiled - whole) * 255
    assert error.mean() < 0.5 and error.max() < 8


def test_taesd_fetched_from_hub(content, style, monkeypatch, tmp_path):
    """Its weights are random here: that they are fetched, fit and are named is what counts."""
    torch.manual_seed(0)
    state = taesd.build().state_dict()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_module.failures, "_failed", {})
    monkeypatch.setattr(hub_module, "FIRST_ANSWER", 30.0)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with LoopbackHub() as hub:
        data = save(state)
        commit = hub.put("madebyollin/taesd", "diffusion_pytorch_model.safetensors", data)
        declared, own = METHOD.weights["taesd"]
        pinned = replace(declared, revision=commit, sha256=hashlib.sha256(data).hexdigest())
        monkeypatch.setitem(METHOD.weights, "taesd", (pinned, own))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        given = {"method": "vae", "encoder": "taesd", "backend": "torch", "size": 64}
        found = stylize(content, style, **given)
        huggingface_hub.close_session()
    assert "madebyollin/taesd" in found.report.weights[0]["source"], found.report.notes


def test_taesd_offline_replaced_by_own(content, style):
    found = stylize(content, style, method="vae", encoder="taesd", backend="onnx", size=64)
    assert found.report.weights[0]["file"] == "vae.safetensors"
    assert found.report.notes
