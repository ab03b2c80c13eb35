"""gan: its net, what is made of noise, and how it learns."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from generators import (
    Function,
    check_count_keeps_pictures,
    check_position_interpolates,
    few_pictures,
    made,
    step,
    taught,
)
from safetensors.torch import load_file, save_file
from torch import nn

from styleplug.backends.choose import choose
from styleplug.core.weight import WeightFile
from styleplug.imaging import read as read_picture
from styleplug.imaging.sheet import grid
from styleplug.methods.gan import DECODER
from styleplug.methods.gan import METHOD as GAN
from styleplug.nets import architecture, vae
from styleplug.nets.gan import LATENT_SHAPE, NOISE, STYLE, Dense
from styleplug.store import Store, weights_folder
from styleplug.training.tasks import gan as training
from styleplug.training.tasks.shared import principal_components
from styleplug.training.tasks.shared.latent_space import LayoutDiscriminator

pytestmark = pytest.mark.slow

METHODS = {"gan": GAN}
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def decoder():
    """Of the embedded weights: generators paint latents for it."""
    net = vae.build().eval().requires_grad_(False)
    state = load_file(weights_folder() / "vae.safetensors")
    net.load_state_dict({key: value.float() for key, value in state.items()})
    return vae.functions(net)["decode"]


@pytest.fixture(scope="module")
def nets():
    """Untrained, but such that pictures differ: what these tests ask holds for all weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    built = {arch: architecture(arch).build().eval().requires_grad_(False) for arch in METHODS}
    for net in built.values():
        net.centre.normal_()
        net.basis.normal_(std=0.1)
        net.painter.exit.weight.normal_(std=0.02)
    return built


@pytest.fixture
def pictures(nets, decoder):
    """Pictures (b 3 h w) of styles."""

    def pictures(arch, style):
        return decoder(nets[arch].paint(style))[0]

    return pictures


@pytest.fixture
def run(nets, decoder):
    """Run a method: its final pictures."""

    def run(arch, *, seed=0, load=None, **parameters):
        modules = {**architecture(arch).functions(nets[arch]), "decode": decoder}
        context = SimpleNamespace(
            size=getattr(nets[arch], "side", 0),
            rng=np.random.default_rng(seed),
            net=load or (lambda key, name: Function(modules[name])),
            check=lambda: None,
        )
        method = METHODS[arch]
        frames = list(method.run({}, method.params.of({"count": 2, **parameters}), context))
        assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
        return np.stack(frames[-1].images)

    return run


# Nets


def test_layers_keep_scale():
    torch.manual_seed(0)
    layers = Dense(400, 300, 200).requires_grad_(False)
    assert 0.5 < float(layers(torch.randn(50, 400)).std()) < 2.5


@pytest.mark.parametrize("arch", METHODS)
def test_net_size_and_output_range(arch, nets, pictures):
    net = nets[arch]
    assert sum(value.numel() for value in net.state_dict().values()) <= 3_000_000
    torch.manual_seed(2)
    picture = pictures(arch, torch.randn(3, len(net.basis)))
    assert picture.shape == (3, 3, net.side, net.side)
    assert 0.05 < float(picture.std()) < 0.5 and 0.2 < float(picture.mean()) < 0.8
    assert float(picture.std(0).mean()) > 0.05


@pytest.mark.parametrize("arch", METHODS)
def test_layout_linear_in_style(arch, nets):
    net = nets[arch]
    one, other = torch.randn(2, 1, len(net.basis))
    middle = (net.layout(one) + net.layout(other)) / 2
    torch.testing.assert_close(net.layout((one + other) / 2), middle, atol=1e-4, rtol=1e-4)
    assert float((net.paint_scaled(one) - net.layout(one)).abs().mean()) > 1e-3


def test_gan_painter_is_dense(nets):
    """There is no convolution, and what a corner shows changes what is painted in every other."""
    painter = nets["gan"].painter
    assert not [part for part in painter.modules() if isinstance(part, nn.Conv2d)]
    layout, style = torch.randn(1, *LATENT_SHAPE), torch.randn(1, STYLE)
    other = layout.clone()
    other[..., :2, :2] += 1
    changed = (painter(other, style) - painter(layout, style)).abs().sum(1)[0]
    assert changed.shape == LATENT_SHAPE[1:] and float(changed.min()) > 1e-5


# What is made of noise


@pytest.mark.parametrize("arch", METHODS)
def test_seed_gives_same_pictures_for_any_count(arch, run):
    check_count_keeps_pictures(run, arch)


@pytest.mark.parametrize("arch", METHODS)
def test_truncation_draws_to_mean(arch, run, nets, pictures):
    none, little, whole = (run(arch, truncation=t) for t in (0, 0.2, 1))
    expected = pictures(arch, nets[arch].centre)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(none, [expected] * 2, atol=1e-4)
    assert np.abs(little - none).mean() < 0.8 * np.abs(whole - none).mean()


@pytest.mark.parametrize("arch", METHODS)
def test_position_interpolates_between_seeds(arch, run):
    check_position_interpolates(run, arch)


def test_walk_goes_there_and_back(run):
    film = run("gan", seed=3, walk_to=5, walk=12, count=1)
    assert len(film) == 12
    np.testing.assert_allclose(film[0], run("gan", seed=3)[0], atol=1e-5)
    np.testing.assert_allclose(film[6], run("gan", seed=5)[0], atol=1e-4)
    np.testing.assert_allclose(film[1:6], film[:6:-1], atol=1e-4)


@pytest.mark.parametrize("arch", METHODS)
def test_backends_agree(arch, run, nets, tmp_path):
    path = tmp_path / "untrained.safetensors"
    weights = {name: value.half() for name, value in nets[arch].state_dict().items()}
    save_file(weights, path)
    file = WeightFile(arch, path, "", "local")
    found = []
    for name in ("torch", "onnx"):
        backend = choose(name, "cpu")
        decoding = Store().file(GAN.weights[DECODER])
        files = {"net": file, DECODER: decoding}
        load = lambda key, function, b=backend, f=files: b.load(f[key], function)  # noqa: E731
        found.append(run(arch, load=load))
    assert np.abs(found[0] - found[1]).max() <= 1e-3
    np.testing.assert_allclose(found[0], run(arch), atol=0.05)  # but for half the precision


# Training


@pytest.fixture(scope="module")
def datasets():
    return few_pictures()


@pytest.fixture(scope="module")
def copied(datasets):
    """Tasks as `taught` gives them: made once, and copied for each test."""
    made = taught("gan", datasets)
    return lambda arch: copy.deepcopy(made)


@pytest.fixture(scope="module")
def task(datasets):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCORED", 8)
        yield taught("gan", datasets)


def test_losses_train_their_own_nets_only(task):
    """First the painter alone is taught not to stray; then it has a discriminator, too."""
    found = step(task, number=0)
    assert set(found["styles"]) == {"styles", "styles r1"}
    assert set(found["net"]) == {"likeness"} and "canvases" not in found
    found = step(task, number=training.RECONSTRUCTION_STEPS + 2)
    assert set(found["canvases"]) == {"critic"} and set(found["styles"]) == {"styles", "styles r1"}
    assert set(found["net"]) == {"likeness", "painter"}
    assert "styles r1" not in step(task, number=training.RECONSTRUCTION_STEPS + 3)["styles"]


@pytest.mark.parametrize("arch", METHODS)
def test_painter_loss_reaches_mapping(arch, copied):
    task = copied(arch)
    found = list(task._painter_losses(training.RECONSTRUCTION_STEPS, np.random.default_rng(0)))[-1]
    found.terms["painter"].backward()
    for part in (task.net.mapping, task.net.painter):
        assert any(bool(p.grad.any()) for p in part.parameters())


def test_layout_discriminator_sees_layout_only(copied):
    net = copied("gan").net
    net.basis[5] = 0
    discriminator = LayoutDiscriminator(net, torch.randn(64, STYLE))
    style = torch.randn(4, STYLE)
    unseen, seen = style.clone(), style.clone()
    unseen[:, 5] += 3
    seen[:, 0] += 3
    torch.testing.assert_close(discriminator(unseen), discriminator(style))
    assert not torch.allclose(discriminator(seen), discriminator(style), atol=1e-3)


@pytest.mark.parametrize("arch", METHODS)
def test_change_basis_keeps_pictures(arch, datasets):
    """What it makes of noise stays what it was, as nearly as the new ones can say it."""
    torch.manual_seed(0)
    net = architecture(arch).build()
    net.basis.normal_(std=0.1)
    net.plain.normal_()
    net.centre.normal_()
    net.painter.exit.weight.data.normal_(std=0.05)
    before = copy.deepcopy(net)
    turn = torch.randn(STYLE, STYLE) / STYLE**0.5 + torch.eye(STYLE)
    basis = torch.linalg.solve(turn, net.basis.flatten(1)).view_as(net.basis)
    moved = net.plain + torch.tensordot(torch.randn(1, STYLE), basis, 1)
    principal_components.change_basis(net, basis, moved)
    net.basis.copy_(basis)
    net.plain.copy_(moved)
    noise = torch.randn(4, NOISE)
    with torch.no_grad():
        for found, wanted in (
            (net.paint_scaled(net.map(noise)), before.paint_scaled(before.map(noise))),
            (net.paint_scaled(net.centre), before.paint_scaled(before.centre)),
        ):
            assert float((found - wanted).square().mean() / wanted.square().mean()) < 1e-3


@pytest.mark.parametrize("arch", METHODS)
def test_task_starts_from_embedded_net(arch, datasets):
    """Of another folder, so that layouts cannot be just what they were."""
    nets = {start: taught(arch, datasets, start=start).net for start in ("scratch", "embedded")}
    state = load_file(weights_folder() / f"{arch}.safetensors")
    for name in ("mapping.entry.weight", "painter.exit.weight"):
        same = {
            start: torch.equal(net.state_dict()[name], state[name].float())
            for start, net in nets.items()
        }
        assert same == {"scratch": False, "embedded": True}
    torch.testing.assert_close(nets["embedded"].basis, nets["scratch"].basis)


def test_principal_components_project_pictures():
    torch.manual_seed(0)
    parts = torch.randn(200, 3) * torch.tensor([5.0, 2.0, 1.0])
    pictures = (parts @ torch.randn(3, 3 * 8 * 8)).view(200, 3, 8, 8) + 0.5
    found = principal_components.PrincipalComponents(pictures, 12)
    styles = found.project(pictures)
    assert styles.shape == (200, 12)
    assert float(styles[:, 3:].abs().max()) < 0.02 * float(styles[:, :3].std())
    strengths = styles[:, :3].std(0)
    assert float(strengths[0]) > float(strengths[1]) > float(strengths[2])
    covariance = styles[:, :3].T.cov()
    assert float((covariance - covariance.diag().diag()).abs().max()) < 0.05 * float(
        covariance.diag().min()
    )
    basis, plain = principal_components.fit_linear(styles, pictures)
    found = plain + torch.tensordot(styles, basis, 1)
    torch.testing.assert_close(found, pictures, atol=0.1, rtol=0)


def test_task_layouts_fit_its_pictures(task, datasets):
    """Nine pictures and their mirror images have fewer directions than styles have numbers."""
    pictures = task.bank.draw(np.random.default_rng(3), 6)
    style = task.components.project(pictures)
    latents = task.latent_space.encode(pictures)
    error = (task.net.layout(style) - latents).square().mean()
    plain = (task.net.plain - latents).square().mean()
    assert float(error) < 0.6 * float(plain)


# What the embedded weights make


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("arch", METHODS)
def test_golden_samples_unchanged(arch, backend):
    golden = read_picture(GOLDEN / f"{arch}.png").pixels
    assert np.abs(grid(made(arch, backend=backend)) - golden).mean() * 255 < 0.5
