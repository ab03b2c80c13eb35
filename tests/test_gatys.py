"""Gatys: what its parameters do, seen in its pictures."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from conftest import make_photo, swatch

from styleplug import BadParameter, stylize
from styleplug.algorithms.optimisers import Adam
from styleplug.methods import gatys
from styleplug.methods.gatys import METHOD

pytestmark = pytest.mark.slow

SIZE = 96


@pytest.fixture(scope="module")
def content():
    return make_photo(120, 90).pixels


@pytest.fixture(scope="module")
def style():
    return swatch("waves")


def run(content, style, **parameters):
    values = {"backend": "onnx", "size": SIZE, "iterations": 25, **parameters}
    return stylize(content, style, **values)


def palette_distance(a, b):
    """Between the sorted values of each colour channel."""
    ends = np.linspace(0, 1, 64)
    return float(
        np.mean(
            [np.abs(np.quantile(a[..., i], ends) - np.quantile(b[..., i], ends)) for i in range(3)]
        )
    )


def colourfulness(a):
    """How far the channels are from one another."""
    return float((a - a.mean(2, keepdims=True)).std())


def likeness(a, b):
    """Correlation of light and dark."""
    return float(np.corrcoef(a.mean(2).ravel(), b.mean(2).ravel())[0, 1])


def shrunk(content):
    from styleplug.imaging import resize

    return resize(content, 96, 72)


def test_result_takes_palette_keeps_structure(content, style):
    result = run(content, style, iterations=100).array
    start = shrunk(content)
    assert palette_distance(result, style) < 0.6 * palette_distance(start, style)
    assert likeness(result, start) > 0.5


def test_style_weight_higher_nearer_to_style(content, style):
    weak, strong = (run(content, style, style_weight=w).metrics for w in (1.0, 100.0))
    assert strong["style"] / 100.0 < 0.7 * weak["style"] / 1.0
    assert strong["content"] > weak["content"]


def test_init_draft_starts_and_stays_ahead(content, style):
    """All else equal, after as many steps the loss is smaller."""
    for steps, factor in ((1, 0.6), (20, 1.0)):
        losses = {
            init: run(content, style, init=init, iterations=steps, scales=1).metrics["loss"]
            for init in ("content", "draft")
        }
        assert losses["draft"] < factor * losses["content"]


def test_adam_areas_better_than_plain(content, style, monkeypatch):
    ours = run(content, style, iterations=40, scales=1).metrics["loss"]
    monkeypatch.setattr(gatys, "Adam", partial(Adam, decay_square=0.99, shares=(1.0,)))
    plain = run(content, style, iterations=40, scales=1, learning_rate=0.04).metrics["loss"]
    assert ours < plain


def test_init_draft_alone_needs_painter():
    assert METHOD.nets(METHOD.params(init="content")) == ("styleplug",)
    assert METHOD.nets(METHOD.params()) == ("styleplug", "coder", "painter")
    drafted = METHOD.params(encoder="vgg19")
    assert METHOD.nets(drafted) == ("vgg19", "coder", "painter")


def test_lbfgs_no_worse_than_adam(content, style):
    adam, lbfgs = (run(content, style, optimiser=name).metrics for name in ("adam", "lbfgs"))
    assert lbfgs["loss"] < 1.15 * adam["loss"]


def test_style_blend_interpolates(content, style):
    other = swatch("glass")
    mixed = {
        share: run(content, [style, other], style_blend=(share, 1 - share)).array
        for share in (0.0, 0.5, 1.0)
    }
    alone = run(content, style).array
    np.testing.assert_allclose(mixed[1.0], alone, atol=2e-2)
    assert palette_distance(mixed[0.0], other) < palette_distance(mixed[1.0], other)
    assert not np.allclose(mixed[0.5], mixed[0.0], atol=0.02)


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_init_every_start_reaches_content(content, style, init):
    result = run(content, style, init=init, style_weight=0.1, iterations=160).array
    assert likeness(result, shrunk(content)) > 0.35


def test_seed_decides_noise(content, style):
    one, two = (run(content, style, init="noise", seed=s, iterations=3).array for s in (1, 2))
    assert not np.array_equal(one, two)


def test_backends_agree(content, style):
    """Pooling and Adam amplify rounding, so that after many steps pictures differ in details."""
    onnx, torch = (
        run(content, style, backend=name, iterations=10).array for name in ("onnx", "torch")
    )
    difference = np.abs(onnx - torch)
    spread = np.quantile(difference, [0.5, 0.9, 0.99, 1.0]) * 255
    assert difference.mean() * 255 < 1.5, f"median, 90 %, 99 %, largest of 255: {spread}"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"style_blend": (1.0, 2.0)}, "style_blend"),
        ({"style_blend": (-1.0,)}, "none negative"),
        ({"layer_weights": (1.0, 1.0)}, "relu1_1"),
        ({"layer_weights": (0.0,) * 6}, "not all zero"),
    ],
)
def test_lists_of_wrong_length_refused(content, style, parameters, words):
    with pytest.raises(BadParameter, match=words):
        run(content, style, **parameters)


def test_vgg19_offline_falls_back_with_note(content, style):
    """Tests run offline; a visitor gets a picture all the same, and is told why it is another."""
    report = run(content, style, encoder="vgg19", iterations=2).report
    assert report.weights[0]["source"] == "embedded"
    assert "vgg19" in report.notes[0] and "styleplug encoder instead" in report.notes[0]


def test_flat_content_takes_style_colours(style):
    """Grey has almost no features; a loss relative to them allowed nothing but grey."""
    result = run(np.full((60, 80, 3), 0.5, np.float32), style).array
    assert colourfulness(result) > 0.55 * colourfulness(style)
