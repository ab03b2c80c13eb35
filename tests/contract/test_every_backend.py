"""What every installed backend, and every net it loads, keeps to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cases import BACKENDS, METHODS, require

from styleplug.backends.choose import choose
from styleplug.core.errors import BackendError, WeightError
from styleplug.core.weight import WeightFile
from styleplug.store import Store

FUNCTIONS = ("describe", "gram", "moments", "wasserstein")


@pytest.fixture(
    scope="module",
    params=[pytest.param(one, marks=() if one == "fake" else pytest.mark.slow) for one in BACKENDS],
)
def backend(request):
    require(METHODS.get("gatys"), request.param)
    return choose(request.param, "cpu")


@pytest.fixture(scope="module")
def file() -> WeightFile:
    """The embedded encoder where it is there, else a name for the fake backend."""
    sources = METHODS.get("gatys").weights["styleplug"]
    try:
        return Store().file(sources)
    except WeightError:
        return WeightFile(sources[-1].arch, Path("none"), "", "none")


@pytest.fixture(scope="module")
def nets(backend, file):
    loaded = {function: backend.load(file, function) for function in FUNCTIONS}
    yield loaded
    for net in loaded.values():
        net.close()


def canvas(nets, sides=4, seed=0):
    side = nets["describe"].spec.multiple * sides
    return np.random.default_rng(seed).random((1, 3, side, 2 * side), np.float32)


def arguments(nets, seed=0):
    """Arguments of a loss: content and style of two different pictures."""
    tint = np.array([0.9, 0.5, 0.2], np.float32)[:, None, None]
    other = tint * canvas(nets, seed=seed + 1) ** 2
    spec = nets["gram"].spec
    targets = {k: v for k, v in nets["describe"](picture=other).items() if k in spec.inputs}
    count = sum(name.startswith("gram_") for name in targets)
    contents = sum(name.startswith("content_") for name in targets)
    return {
        "picture": canvas(nets, seed=seed),
        **targets,
        "content_weights": np.full(contents, 0.5, np.float32),
        "style_weights": np.full(count, 1.0, np.float32),
        "content_l1": np.float32(0),
        "variation_weight": np.float32(0.3),
    }


def total(arrays, found):
    """The loss of which the gradient is given."""
    return float(
        found["content_losses"].astype(float) @ arrays["content_weights"]
        + found["style_losses"].astype(float) @ arrays["style_weights"]
        + float(found["variation_loss"]) * float(arrays["variation_weight"])
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_net_follows_spec(function, nets, backend, file):
    net = nets[function]
    arrays = {"picture": canvas(nets)} if function == "describe" else arguments(nets)
    assert net.spec.function == function and net.spec.arch == file.arch
    assert set(arrays) == set(net.spec.inputs) and net.spec.provider
    found = net(**arrays)
    assert tuple(found) == net.spec.outputs
    for name, value in found.items():
        assert value.dtype == np.float32 and np.isfinite(value).all(), name
    again = net(**arrays)
    assert all(np.array_equal(found[name], again[name]) for name in found)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_net_leaves_arguments_unchanged(function, nets):
    arrays = {"picture": canvas(nets)} if function == "describe" else arguments(nets)
    before = {name: np.array(value, copy=True) for name, value in arrays.items()}
    nets[function](**arrays)
    assert all(np.array_equal(arrays[name], before[name]) for name in arrays)


@pytest.mark.parametrize("function", FUNCTIONS[1:])
@pytest.mark.parametrize("l1", [0.0, 1.0])
def test_net_gradient_is_slope_of_loss(function, l1, nets):
    """Central differences along the gradient, and along a part of it left by chance."""
    arrays = {**arguments(nets), "content_l1": np.float32(l1)}
    gradient = nets[function](**arrays)["gradient"].astype(float)
    assert gradient.shape == arrays["picture"].shape
    some = np.random.default_rng(5).random(gradient.shape) < 0.5
    for direction in (gradient, gradient * some):
        step = 0.003 * direction / np.abs(direction).max()
        ends = [
            total(moved, nets[function](**moved))
            for moved in (
                {**arrays, "picture": (arrays["picture"] + sign * step).astype(np.float32)}
                for sign in (1, -1)
            )
        ]
        promised = 2 * float((gradient * step).sum())
        assert ends[0] - ends[1] == pytest.approx(promised, rel=0.05)


@pytest.mark.parametrize("function", FUNCTIONS[1:])
def test_net_loss_least_at_target(function, nets):
    arrays = arguments(nets)
    own = nets["describe"](picture=arrays["picture"])
    itself = {name: own.get(name, value) for name, value in arrays.items()}
    far, near = nets[function](**arrays), nets[function](**itself)
    for name in ("style_losses", "content_losses"):  # roots of matrices are rough in float32
        assert near[name].sum() < 0.05 * far[name].sum()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda picture: {"nonsense": picture}, r"got the arrays \[.*'nonsense'.*\], expected"),
        (lambda picture: {"picture": picture[0]}, r"picture as float32 of shape \(3, \d+, \d+\)"),
        (
            lambda picture: {"picture": picture[:, :2]},
            r"\(1, 2, .* expected .*\(1, 3, \d+\*h",
        ),
        (lambda picture: {"picture": picture[..., 1:]}, r"picture as .* expected .*\(1, 3, \d+\*h"),
        (lambda picture: {"picture": picture.astype(float)}, "float64 .*expected float32"),
        (lambda picture: {"picture": np.tile(picture, 2)}, r"content_\w+ as .* expected .*, \d+\)"),
        (lambda picture: {"content_l1": np.zeros(2, np.float32)}, r"\(2,\), expected .* \(\)"),
    ],
)
def test_net_wrong_arguments_refused(change, says, nets):
    """Every backend refuses them alike, before it computes."""
    arrays = arguments(nets)
    with pytest.raises(BackendError, match=says):
        nets["gram"](**arrays | change(arrays["picture"]))


def test_net_wrong_use_refused(backend, nets, file):
    with pytest.raises(BackendError, match="nonsense"):
        backend.load(file, "nonsense")
    net = backend.load(file, "describe")
    net.close()
    with pytest.raises(BackendError, match="close"):
        net(picture=canvas(nets))
