"""The fake backend computes little, but what it computes is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from styleplug.backends.fake import BLOCK, FakeBackend, FakeNet
from styleplug.core.errors import BackendError
from styleplug.core.weight import WeightFile

FILE = WeightFile("any", Path("nowhere"), "", "fake")


def given(rng, function, l1=0.3):
    """Arguments in double precision, the targets those of another picture."""
    picture, other = rng.random((2, 1, 3, 2 * BLOCK, 3 * BLOCK))
    targets = FakeNet(FILE, "describe")._compute({"picture": other})
    knobs = {"content_weights": np.array([0.7]), "style_weights": np.array([1.5, 0.4])}
    knobs |= {"content_l1": np.array(l1), "variation_weight": np.array(0.2)}
    return {"picture": picture, **targets, **knobs}


@pytest.mark.parametrize("function", ["gram", "moments", "wasserstein"])
def test_fake_gradient_equals_central_differences(function):
    net, arrays = FakeNet(FILE, function), given(np.random.default_rng(3), function)

    def loss(picture):
        found = net._compute({**arrays, "picture": picture})
        return (
            arrays["content_weights"] @ found["content_losses"]
            + arrays["style_weights"] @ found["style_losses"]
            + arrays["variation_weight"] * found["variation_loss"]
        )

    gradient, slopes, step = net._compute(arrays)["gradient"], [], 1e-6
    for pixel in range(gradient.size):
        moved = np.zeros(gradient.size)
        moved[pixel] = step
        moved = moved.reshape(gradient.shape)
        there, back = (loss(arrays["picture"] + sign * moved) for sign in (1, -1))
        slopes.append((there - back) / (2 * step))
    np.testing.assert_allclose(gradient.ravel(), slopes, rtol=1e-4, atol=1e-8)


def test_fake_wasserstein_shared_axes_equals_formula():
    """Then it is the distance of the means and of the deviations: here 0.1² and (0.3 - 0.2)²."""
    flat = np.zeros((1, 3, BLOCK, BLOCK))
    half = np.where(np.arange(BLOCK) % 2, 1.0, -1.0)
    flat[:] = 0.5 + 0.3 * half
    arrays = given(np.random.default_rng(0), "wasserstein")
    deviation = np.full((3, 3), 0.2**2)  # all channels alike
    mean = np.full(3, 0.6)
    arrays |= {"picture": flat, "gram_fine": deviation + np.outer(mean, mean), "mean_fine": mean}
    arrays["content_coarse"] = arrays["content_coarse"][:, :, :1, :1]
    found = FakeNet(FILE, "wasserstein")._compute(arrays)
    assert found["style_losses"][0] == pytest.approx(0.1**2 + 0.1**2, rel=1e-2)


def test_fake_describe_gives_moments():
    picture = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)
    found = FakeNet(FILE, "describe")(picture=picture)
    flat = picture.reshape(3, -1)
    assert np.allclose(found["mean_fine"], flat.mean(1), atol=1e-6)
    assert np.allclose(found["gram_fine"], flat @ flat.T / 64, atol=1e-6)
    assert np.allclose(found["content_coarse"][0, :, 0, 0], picture[0, :, :4, :4].mean((1, 2)))
    assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}


def test_fake_unknown_function_or_closed_net_refused():
    backend = FakeBackend("cpu")
    with pytest.raises(BackendError, match="no function 'dream'; it has: describe, gram"):
        backend.load(FILE, "dream")
    net = backend.load(FILE, "describe")
    net.close()
    with pytest.raises(BackendError, match="closed"):
        net(picture=np.zeros((1, 3, 8, 8), np.float32))


def test_fake_painter_gives_style_colours():
    content, style = np.random.default_rng(0).random((2, 1, 3, 4 * BLOCK, 4 * BLOCK), np.float32)
    content, style = 0.4 + 0.1 * content, 0.3 + 0.4 * style
    described = FakeNet(FILE, "describe")(picture=style)
    code = FakeNet(FILE, "code")
    painted = FakeNet(FILE, "paint")(
        picture=content,
        **FakeNet(FILE, "measure")(picture=content),
        **code(**{name: described[name] for name in code.spec.inputs}),
    )["painted"]
    np.testing.assert_allclose(painted.mean((2, 3)), style.mean((2, 3)), atol=1e-3)
    np.testing.assert_allclose(painted.std((2, 3)), style.std((2, 3)), atol=1e-3)
    assert np.corrcoef(painted.ravel(), content.ravel())[0, 1] > 0.5
