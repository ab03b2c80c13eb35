"""The encoders: against torchvision, autograd, finite differences and their own ONNX graphs."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from styleplug.backends.choose import choose
from styleplug.core.errors import BackendError
from styleplug.core.weight import WeightFile
from styleplug.nets import architecture, vgg19
from styleplug.nets.perceptual import statistics
from styleplug.store import weights_folder

pytestmark = pytest.mark.slow

ENCODERS = ("styleplug_encoder", "vgg19")
LOSSES = ("gram", "moments", "wasserstein")


@cache
def drawn(arch):
    torch.manual_seed(3)
    net = architecture(arch).build()
    for conv in net.features.values():
        torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return net.requires_grad_(False)


def untrained(arch):
    """A net whose features neither vanish nor explode, and whose maps have biases."""
    return copy.deepcopy(drawn(arch))


def smooth(height, width, seed):
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool2d(noise, 5, stride=1, padding=2)


def arguments(function, describe, l1=0.0):
    """A loss's arguments: its picture is neither its content nor its style."""
    content, style = describe(smooth(32, 48, 1)), describe(smooth(48, 32, 2))
    split = len(function.content)
    weights = torch.full((split,), 0.7), torch.linspace(0.5, 1.5, len(function.style))
    targets = (*content[:split], *style[split:])
    return (smooth(32, 48, 3), *targets, *weights, torch.tensor(l1), torch.tensor(0.3))


def total(function, given, found):
    content_weights, style_weights, _, variation_weight = given[-4:]
    _, content, style, variation = found
    return content @ content_weights + style @ style_weights + variation * variation_weight


def test_vgg19_equals_torchvision():
    """Same weights under the same names, same activations at the classic layers."""
    from torchvision.models import vgg  # here: it takes as long as torch itself

    torch.manual_seed(0)
    theirs = vgg.make_layers(vgg.cfgs["E"]).requires_grad_(False).eval()  # of `vgg.vgg19`
    ours = vgg19.build().requires_grad_(False)
    known = {f"features.{key}": value for key, value in theirs.state_dict().items()}
    state = {key: known[key] for key in ours.state_dict()}
    ours.load_state_dict(state, strict=True)
    picture = smooth(64, 96, 0)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    numbers = {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "relu4_2": 22}
    numbers["relu5_1"] = 29
    found = ours(picture)
    assert set(found) == set(numbers)
    for tap, number in numbers.items():
        expected = theirs[: number + 1]((picture - mean) / std)
        torch.testing.assert_close(found[tap], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arch", ENCODERS)
@pytest.mark.parametrize(
    ("kind", "l1"),
    [*((kind, 0.0) for kind in LOSSES), ("gram", 1.0)],  # l1 is of the content
)
def test_loss_gradient_equals_autograd(arch, kind, l1):
    functions = architecture(arch).functions(untrained(arch))
    given = arguments(functions[kind], functions["describe"], l1)
    picture = given[0].requires_grad_(True)
    found = functions[kind](*given)
    (expected,) = torch.autograd.grad(total(functions[kind], given, found), picture)
    error = (found[0] - expected).norm() / expected.norm()
    # Newton–Schulz roots are approximate, and so is autograd's way through them.
    assert float(error.detach()) < (4e-2 if kind == "wasserstein" else 1e-5)


@pytest.mark.parametrize("kind", LOSSES)
def test_loss_gradient_equals_finite_differences(kind):
    """In float64, where a difference of losses has digits left."""
    functions = architecture("styleplug_encoder").functions(untrained("styleplug_encoder"))
    loss = functions[kind]
    given = [value.double() for value in arguments(loss, functions["describe"])]
    loss.double()
    direction = torch.randn(given[0].shape, generator=torch.Generator().manual_seed(4)).double()
    ends = []
    for step in (1e-6, -1e-6):
        moved = (given[0] + step * direction, *given[1:])
        ends.append(total(loss, moved, loss(*moved)))
    slope = float(ends[0] - ends[1]) / 2e-6
    promised = float((loss(*given)[0] * direction).sum())
    assert slope == pytest.approx(promised, rel=2e-3)


def test_statistics_of_features():
    features = torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])  # two channels, two positions
    mean, gram = statistics(features)
    assert mean.tolist() == [2.0, 1.0]
    assert gram.tolist() == [[5.0, 1.0], [1.0, 2.0]]


def test_wasserstein_shared_axes_equals_formula():
    """Then it is |μ - μ'|² + Σ (σ - σ')², here relative to the target's size."""
    loss = architecture("styleplug_encoder").functions(untrained("styleplug_encoder"))[
        "wasserstein"
    ]
    mean, wanted = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 2.5])
    spread, goal = torch.tensor([0.5, 2.0]), torch.tensor([1.5, 1.0])
    gram = torch.diag(spread.square()) + torch.outer(mean, mean)
    target = torch.diag(goal.square()) + torch.outer(wanted, wanted)
    found, _, _ = loss.style_loss(mean, gram, wanted, target)
    expected = (1 + 0.25 + 1 + 1) / float(torch.trace(target))
    assert float(found) == pytest.approx(expected, rel=3e-2)  # for the ridge


@pytest.fixture(scope="module", params=ENCODERS)
def weights(request, tmp_path_factory):
    """A weight file that nobody trained, for both backends."""
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    save_file(untrained(request.param).state_dict(), path)
    return WeightFile(request.param, path, "", "local")


@pytest.mark.parametrize("kind", LOSSES)
def test_backends_agree_on_gradient(weights, kind):
    """To a thousandth, at a size that no graph was traced at.

    In smooth pictures: in noise, rounding decides which of two inputs wins a maximum.
    """
    found = []
    for name in ("torch", "onnx"):
        backend = choose(name, "cpu")
        describe, loss = backend.load(weights, "describe"), backend.load(weights, kind)
        unit = describe.spec.multiple
        content, style, picture = (
            smooth(height * unit, width * unit, seed).numpy()
            for seed, (height, width) in enumerate([(5, 6), (6, 4), (5, 6)])
        )
        own, other = describe(picture=content), describe(picture=style)
        targets = {k: (own if k.startswith("content_") else other)[k] for k in own}
        counts = [sum(k.startswith(p) for k in targets) for p in ("content_", "gram_")]
        found.append(
            loss(
                picture=picture,
                **targets,
                content_weights=np.ones(counts[0], np.float32),
                style_weights=np.ones(counts[1], np.float32),
                content_l1=np.zeros((), np.float32),
                variation_weight=np.ones((), np.float32),
            )
        )
    torch_gradient, onnx_gradient = (one["gradient"] for one in found)
    error = np.linalg.norm(onnx_gradient - torch_gradient) / np.linalg.norm(torch_gradient)
    # The roots of the Wasserstein loss carry float32 to its end in VGG's 512 channels.
    assert error < (1e-2 if kind == "wasserstein" and weights.arch == "vgg19" else 1e-3)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_weights_of_other_net_refused(backend, tmp_path):
    net = untrained("styleplug_encoder").state_dict()
    name = next(iter(net))
    cases = {
        "missing": {key: value for key, value in net.items() if key != name},
        "extra": {**net, "stranger": torch.zeros(3)},
        "shape": {**net, name: torch.zeros(2, 3, 3, 3)},
    }
    for case, state in cases.items():
        path = tmp_path / f"{case}.safetensors"
        save_file(state, path)
        with pytest.raises(BackendError, match=path.name):
            choose(backend, "cpu").load(
                WeightFile("styleplug_encoder", path, "", "local"), "describe"
            )


def test_embedded_encoder_small_and_complete():
    file = weights_folder() / "styleplug_encoder.safetensors"
    assert file.stat().st_size <= 4 * 2**20
    weights = load_file(file)
    assert {value.dtype for value in weights.values()} == {torch.float16}
    net = architecture("styleplug_encoder").build()
    net.load_state_dict({key: value.float() for key, value in weights.items()}, strict=True)
    assert net.stride == 8


@pytest.mark.parametrize("arch", ENCODERS)
def test_encoder_sides_no_multiple_drop_remainder(arch):
    """Forward passes drop what is left over, as torchvision's do."""
    found = untrained(arch)(torch.rand(1, 3, 37, 50))
    deepest = list(found.values())[-1]
    stride = architecture(arch).build().stride
    assert deepest.shape[2:] == (37 // stride, 50 // stride)
    assert all(np.isfinite(value.numpy()).all() for value in found.values())
