"""The autoencoder: its net, what its training learns, and what the method's parameters do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import make_photo, make_task, swatch
from safetensors.torch import load_file

from styleplug import BadParameter, stylize
from styleplug.imaging import resize, tiles
from styleplug.methods import autoencoder as method
from styleplug.methods.shared.transfer import covering
from styleplug.nets import autoencoder, encoder
from styleplug.store import weights_folder
from styleplug.training.tasks import autoencoder as training

pytestmark = pytest.mark.slow

LEAST_BACK = 18  # dB; grain and glaring colours are what the second level gives back worst

LEVELS = (1, 2, 3, 4)
FILE = weights_folder() / "autoencoder.safetensors"
OFF = {"forms": 0.0, "texture": 0.0, "strokes": 0.0, "colours": 0.0}


@pytest.fixture(scope="module")
def trained():
    net = autoencoder.build().requires_grad_(False)
    net.load_state_dict({key: value.float() for key, value in load_file(FILE).items()})
    return net


@pytest.fixture(scope="module")
def content():
    return make_photo(120, 90).pixels


@pytest.fixture(scope="module")
def style():
    return swatch("waves")


def run(content, style, **parameters):
    values = {"method": "autoencoder", "backend": "onnx", "size": 96, **parameters}
    return stylize(content, style, **values).array


def decibels(found, wanted):
    return float(-10 * np.log10(np.square(found - wanted).mean()))


def contours(picture):
    """How much each pixel differs from those around it, a little smoothed: (n)."""
    steps = np.abs(np.gradient(resize(picture, 48, 48).mean(2))).sum(0)
    return steps.ravel()


# The net


def test_net_features_equal_encoder():
    torch.manual_seed(0)
    chain, net = encoder.build(), autoencoder.build()
    net.features.load_state_dict(chain.features.state_dict(), strict=False)
    picture = torch.rand(2, 3, 48, 64)
    _, passed = chain.trace(picture)
    names = [getattr(layer, "name", "") for layer in chain.layers]
    found = net.encode(picture, 4)
    for depth, features in zip(autoencoder.DEPTHS, found, strict=True):
        torch.testing.assert_close(features, passed[names.index(depth) + 1])
    assert [features.shape[1] for features in found] == list(autoencoder.CHANNELS)


@pytest.mark.parametrize("level", LEVELS)
def test_encode_and_decode_shapes_fit(level):
    functions = autoencoder.functions(autoencoder.build())
    encode, decode = functions[f"encode{level}"], functions[f"decode{level}"]
    picture = torch.rand(2, 3, 5 * encode.multiple, 7 * encode.multiple)
    features = encode(picture)
    assert features.shape == (2, autoencoder.CHANNELS[level - 1], 5, 7)
    back = decode(features)
    assert back.shape == picture.shape and 0 <= back.min() and back.max() <= 1


@pytest.mark.parametrize("level", LEVELS)
def test_decoder_start_is_best_linear(level):
    """Nothing near it gives the same pictures back better; the convolutions add nothing yet."""
    torch.manual_seed(1)
    channels, stride = 4, 2 ** (level - 1)
    decoder = autoencoder.Decoder(channels, level).requires_grad_(False)
    features, pictures = torch.rand(3, channels, 12, 16), torch.rand(3, 3, 12 * stride, 16 * stride)
    decoder.start_linear(features, pictures)
    torch.testing.assert_close(decoder(features), decoder.linear_picture(features))
    side, linear = decoder.side, decoder.linear
    wanted = F.avg_pool2d(pictures, stride // side)

    def error():
        found = linear(features)
        found = F.pixel_shuffle(found, side) if side > 1 else found
        return float((found - wanted)[:, :, side:-side, side:-side].square().sum())

    best, kept = error(), linear.weight.clone()
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        linear.weight.copy_(kept + 0.02 * torch.randn(kept.shape, generator=generator))
        assert error() > best
    linear.weight.copy_(kept)
    linear.bias.add_(0.01)
    assert error() > best


# The training


@pytest.fixture(scope="module")
def task():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "START_PICTURES", 3)
        patch.setattr(training, "HELD", 2)
        yield make_task(training.TASK, size=64, batch=2)


def test_task_keeps_embedded_encoder(task):
    known = load_file(weights_folder() / "encoder.safetensors")
    for name, value in task.net.features.state_dict().items():
        assert torch.equal(value, known[f"features.{name}"].float())
    learns = {name for name, value in task.net.named_parameters() if value.requires_grad}
    assert learns and not any("features." in name or "linear." in name for name in learns)


def test_loss_reaches_every_decoder(task):
    optimiser = torch.optim.Adam([p for p in task.net.parameters() if p.requires_grad], 1e-3)
    for step in range(2):  # at first, the last layers are zero
        (loss,) = task.losses(0, step / 2, np.random.default_rng(0))
        assert set(loss.terms) == {"pixels", "features", "obedience"}
        optimiser.zero_grad()
        loss.total().backward()
        optimiser.step()
    gradients = [p.grad for p in task.net.decoders.parameters() if p.requires_grad]
    assert all(gradient is not None and gradient.any() for gradient in gradients)


def test_task_scores_pixels_and_samples_levels(task):
    with torch.no_grad():
        scores, sheet = task.score(task.net), task.sample(task.net)
    assert next(iter(scores)) == "loss"
    assert scores["loss"] == pytest.approx(
        sum(10 ** (-scores[f"psnr_{level}"] / 10) for level in LEVELS), rel=0.2
    )
    assert sheet.shape == (6 * 256, 2 * 256, 3) and 0 <= sheet.min() and sheet.max() <= 1


def test_restyle_gives_style_moments():
    one, other = torch.rand(2, 5, 12, 12), 2 * torch.rand(2, 5, 9, 16) + 1
    found = training.restyle(one, other, method.transforms.whitening, 1.0)
    torch.testing.assert_close(found.mean((2, 3)), other.mean((2, 3)), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.std((2, 3)), other.std((2, 3)), atol=2e-2, rtol=2e-2)
    assert torch.equal(training.restyle(one, other, method.transforms.adain, 0.0), one)


# The weights


def test_weight_file_small_and_complete(trained):
    assert FILE.stat().st_size <= 6 * 2**20
    assert {value.dtype for value in load_file(FILE).values()} == {torch.float16}


def test_trained_levels_reconstruct(trained):
    """Grainier ones than photographs are: each level gives less than the PSNR stated for it."""
    least = {1: 28, 2: 18, 3: 16, 4: 12}
    for picture in (make_photo(160, 160, 5).pixels, resize(swatch("waves"), 160, 160)):
        given = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
        for level, features in enumerate(trained.encode(given, 4), 1):
            back = trained.decode(features, level).clamp(0, 1)
            inner = (back - given)[..., 16:-16, 16:-16].numpy()
            assert decibels(inner, 0) > least[level]


# The method


def test_result_takes_palette_keeps_structure(style):
    drawn = swatch("cubist")
    result, start = run(drawn, style), resize(drawn, 96, 96)
    apart = [np.abs(one.mean((0, 1)) - style.mean((0, 1))).mean() for one in (result, start)]
    assert apart[0] < 0.3 * apart[1]
    assert np.corrcoef(contours(result), contours(start))[0, 1] > 0.4


def test_level_zero_is_skipped(content, style):
    np.testing.assert_allclose(run(content, style, **OFF), resize(content, 96, 72), atol=1e-6)
    plain = run(content, style, **OFF | {"colours": 1e-6, "detail": 0.0})
    assert decibels(plain, resize(content, 96, 72)) > 27


@pytest.mark.parametrize("name", list(OFF))
def test_level_changes_picture(content, style, name):
    weak = run(content, style, **OFF | {name: 0.2})
    strong = run(content, style, **OFF | {name: 1.0})
    assert np.abs(weak - strong).mean() > 0.01


@pytest.mark.parametrize("name", ["whitening", "transport", "adain"])
def test_transform_own_style_changes_little(content, name):
    levels = OFF | {"colours": 1.0, "strokes": 1.0, "detail": 0.0}
    result = run(content, resize(content, 96, 72), transform=name, **levels)
    assert decibels(result, resize(content, 96, 72)) > LEAST_BACK


def test_transforms_differ(content, style):
    found = [run(content, style, transform=name) for name in ("whitening", "transport", "adain")]
    assert all(
        np.abs(a - b).mean() > 0.01 for a, b in zip(found, (*found[1:], found[0]), strict=True)
    )


def test_detail_restores_content(content, style):
    """All of it puts the content back wherever features are not changed."""
    levels = {name: 1e-6 for name in OFF}
    start = resize(content, 96, 72)
    found = [decibels(run(content, style, detail=share, **levels), start) for share in (0, 0.5, 1)]
    assert found[0] < found[1] < found[2] and found[2] > 35


def test_mix_adds_features(content, style):
    """All of the content and nothing of the style gives the content back; and the contrary."""
    levels = OFF | {"strokes": 1.0, "transform": "mix", "detail": 0.0}
    own = run(content, style, content_weight=1.0, style_weight=0.0, **levels)
    assert decibels(own, resize(content, 96, 72)) > LEAST_BACK
    other = run(content, style, content_weight=0.0, style_weight=1.0, **levels)
    assert decibels(other, _middle(style)) > 20


def _middle(style):
    """A square style as it covers 96 × 72 pixels."""
    assert style.shape[0] == style.shape[1]
    return resize(style, 96, 96)[12:84]


def test_style_blend_interpolates(content, style):
    other = swatch("woodcut")
    first = run(content, style)
    np.testing.assert_array_equal(run(content, [style, other], style_blend=(1, 0)), first)
    both = run(content, [style, other])
    assert np.abs(both - first).mean() > 0.01
    with pytest.raises(BadParameter, match="style_blend"):
        run(content, [style, other], style_blend=(1, 2, 3))


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("size", [(5, 40), (300, 7), (64, 64)])
def test_covering_style_at_every_scale(size, scale):
    down, across = size[0] // 3, size[1] // 3
    style = np.zeros((*size, 3), np.float32)
    style[down:-down, across:-across] = 1.0
    covered = covering(style, (30, 50), scale)
    assert covered.shape == (30, 50, 3)
    assert covered[15, 25].min() > 0.6, "its middle is in the middle"


def test_style_scale_changes_picture(content, style):
    assert np.abs(run(content, style, style_scale=2.0) - run(content, style)).mean() > 0.005


@pytest.mark.parametrize("transform", ["whitening", "mix"])
def test_tiles_agree_with_whole(content, style, transform, monkeypatch):
    whole = run(content, style, transform=transform, size=120)
    monkeypatch.setattr(tiles, "SIDE", 64)
    tiled = run(content, style, transform=transform, size=120)
    np.testing.assert_allclose(tiled, whole, atol=2e-3)


def test_level_margin_covers_receptive_field(trained):
    """A pixel that changes is felt no farther than the margin."""
    picture = torch.rand(1, 3, 256, 256)
    functions = autoencoder.functions(trained)
    for level in LEVELS:
        encode, decode = functions[f"encode{level}"], functions[f"decode{level}"]
        margin = encode.margin + encode.multiple * decode.margin
        changed = picture.clone()
        changed[:, :, 128, 128] = 1 - changed[:, :, 128, 128]
        one, other = (
            trained.decode(trained.encode(p, level)[-1], level) for p in (picture, changed)
        )
        felt = (one - other).abs().amax((0, 1)) > 1e-6
        rows, columns = np.nonzero(felt.numpy())
        reach = max(np.abs(rows - 128).max(), np.abs(columns - 128).max())
        assert reach < margin + encode.multiple  # pixels of its own position lie beside it


@pytest.mark.parametrize("transform", ["transport", "whitening", "adain"])
def test_flat_content_takes_colours_without_grid(style, transform):
    """What a decoder draws of nothing is not made as strong as a style."""
    flat = run(np.full((72, 96, 3), 0.5, np.float32), style, transform=transform)
    spread = (flat - flat.mean((0, 1))).std() * 255
    assert spread < 4
    assert np.abs(flat.mean((0, 1)) - resize(style, 96, 72).mean((0, 1))).max() < 0.1


def test_mix_share_is_that_of_the_result():
    """Levels compound, but the share of the content does not depend on how many are used."""
    for strengths in ({}, {"texture": 0, "strokes": 0}, {"forms": 0.2, "colours": 0.4}):
        params = method.AutoencoderParams(transform="mix", **strengths)
        kept = math.prod(method._kept(params, one) for one in params.strengths().values())
        assert kept == pytest.approx(1 - 0.4 * max(params.strengths().values()))
    with pytest.raises(BadParameter, match="both 0"):
        method._kept(method.AutoencoderParams(content_weight=0, style_weight=0), 1.0)
