"""gan, dcgan and cgan: their nets, what is made of noise, how they learn, and their judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_photo
from safetensors.torch import load_file, save_file
from torch import nn

import styleplug
from styleplug.backends.choose import choose
from styleplug.core.backend import MOST_CLASSES
from styleplug.core.errors import BadParameter, UsageError, WeightError
from styleplug.core.weight import Embedded, WeightFile
from styleplug.imaging import read as read_picture
from styleplug.imaging import write as write_picture
from styleplug.imaging.sheet import grid
from styleplug.methods.cgan import METHOD as CGAN
from styleplug.methods.dcgan import METHOD as DCGAN
from styleplug.methods.gan import METHOD as GAN
from styleplug.nets import architecture, dcgan
from styleplug.nets.generator import NOISE, on_sphere
from styleplug.store import Store
from styleplug.store.classes import classes_as_metadata
from styleplug.training import load_task
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop import train
from styleplug.training.loop.setup import Setup
from styleplug.training.loop.task import Datasets
from styleplug.training.tasks.shared import generator as training

pytestmark = pytest.mark.slow

METHODS = {"gan": GAN, "dcgan": DCGAN, "cgan": CGAN}
GOLDEN = Path(__file__).parent / "golden"
KINDS = CGAN.params.model_fields["kind"].annotation.__args__


@pytest.fixture(scope="module")
def nets():
    """Untrained, but such that pictures differ: what these tests ask holds for all weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    built = {arch: architecture(arch).build().requires_grad_(False) for arch in METHODS}
    for net in built.values():
        shares = torch.eye(MOST_CLASSES) if net.classes else None
        for part in net.modules():
            if isinstance(part, dcgan.Norm) and net.classes:
                part.shift.normal_()
        for _ in range(20):  # the means of the norms
            net(on_sphere(torch.randn(MOST_CLASSES, NOISE)), shares)
        net.exit.weight *= 8
        net.centre.normal_()
        net.eval()
    return built


class Function:
    """A function of a net, as a backend would give it."""

    def __init__(self, module, classes=()):
        self.module = module
        self.spec = SimpleNamespace(noises=module.noises, classes=classes)

    def __call__(self, **arrays):
        found = self.module(*(torch.from_numpy(arrays[name]) for name in self.module.inputs))
        return {n: v.numpy() for n, v in zip(self.module.outputs, found, strict=True)}


@pytest.fixture
def run(nets):
    """Run a method: its final pictures."""

    def run(arch, *, seed=0, load=None, classes=KINDS, **parameters):
        modules = architecture(arch).functions(nets[arch])
        context = SimpleNamespace(
            size=nets[arch].side,
            rng=np.random.default_rng(seed),
            net=load or (lambda key, name: Function(modules[name], classes)),
            check=lambda: None,
        )
        method = METHODS[arch]
        frames = list(method.run({}, method.params.of({"count": 2, **parameters}), context))
        assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
        return np.stack(frames[-1].images)

    return run


# Nets


@pytest.mark.parametrize("arch", METHODS)
def test_net_size_and_output_range(arch, nets):
    net = nets[arch]
    assert 2 * sum(value.numel() for value in net.state_dict().values()) <= 8_000_000  # bytes
    torch.manual_seed(2)
    shares = torch.eye(MOST_CLASSES)[:3] if net.classes else None
    picture = net(on_sphere(torch.randn(3, NOISE)), shares)
    assert picture.shape == (3, 3, net.side, net.side)
    assert 0 <= float(picture.min()) and float(picture.max()) <= 1
    assert float(picture.std(0).mean()) > 0.03


def test_gan_has_no_convolution(nets):
    """Each number of the noise changes every part of the picture."""
    net = nets["gan"]
    assert not [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    latent = on_sphere(torch.randn(1, NOISE))
    changed = (net(latent + 0.5 * torch.eye(NOISE)[:1]) - net(latent)).abs().sum(1)[0]
    assert changed.shape == (64, 64) and float((changed > 1e-6).float().mean()) > 0.99


@pytest.mark.parametrize("arch", METHODS)
def test_pictures_do_not_depend_on_batch(arch, nets):
    net, latent = nets[arch], on_sphere(torch.randn(4, NOISE))
    shares = torch.eye(MOST_CLASSES)[[0, 0, 1, 2]] if net.classes else None
    some = None if shares is None else shares[1:3]
    torch.testing.assert_close(net(latent, shares)[1:3], net(latent[1:3], some), atol=1e-5, rtol=0)


def test_truncated_latents_stay_on_sphere(nets):
    net, noise = nets["dcgan"], torch.randn(5, NOISE)
    for share in (0.0, 0.3, 0.7, 1.0):
        latent = net.latent(noise, torch.full((5, 1), share))
        torch.testing.assert_close(latent.norm(dim=1), torch.full((5,), NOISE**0.5))
    torch.testing.assert_close(net.latent(noise, torch.ones(5, 1)), on_sphere(noise))


# What is made of noise


@pytest.mark.parametrize("arch", METHODS)
def test_seed_gives_same_pictures_for_any_count(arch, run):
    few, more, other = run(arch), run(arch, count=3), run(arch, seed=1)
    np.testing.assert_allclose(more[:2], few, atol=1e-5)
    assert few.min() >= 0 and few.max() <= 1
    assert all(np.abs(a - b).mean() > 0.02 for a, b in ((few[0], few[1]), (few, other)))


@pytest.mark.parametrize("arch", METHODS)
def test_truncation_draws_to_centre(arch, run, nets):
    none, little, whole = (run(arch, truncation=t) for t in (0, 0.2, 1))
    number = KINDS.index("female-noble") if arch == "cgan" else 0
    shares = torch.eye(MOST_CLASSES)[[number]] if arch == "cgan" else None
    expected = nets[arch](on_sphere(nets[arch].centre[[number]]), shares)[0].permute(1, 2, 0)
    np.testing.assert_allclose(none, [expected] * 2, atol=1e-4)
    assert np.abs(little - none).mean() < 0.8 * np.abs(whole - none).mean()


@pytest.mark.parametrize("arch", ["gan", "cgan"])
def test_position_interpolates_between_seeds(arch, run):
    near, middle, far = (run(arch, seed=3, walk_to=5, position=p) for p in (0, 0.5, 1))
    np.testing.assert_allclose(near, run(arch, seed=3), atol=1e-5)
    np.testing.assert_allclose(far, run(arch, seed=5), atol=1e-4)
    apart = np.abs(near - far).mean()
    assert 0.1 * apart < np.abs(middle - near).mean() < 1.2 * apart


def test_walk_goes_there_and_back(run):
    film = run("gan", seed=3, walk_to=5, walk=12, count=1)
    assert len(film) == 12
    np.testing.assert_allclose(film[0], run("gan", seed=3)[0], atol=1e-5)
    np.testing.assert_allclose(film[6], run("gan", seed=5)[0], atol=1e-4)
    np.testing.assert_allclose(film[1:6], film[:6:-1], atol=1e-4)


def test_classes_differ_and_mix(run):
    one, other = (run("cgan", kind=name) for name in ("male-noble", "female-noble"))
    assert np.abs(one - other).mean() > 0.02
    mixed = {
        mix: run("cgan", kind="male-noble", second="female-noble", mix=mix) for mix in (0, 0.5, 1)
    }
    np.testing.assert_array_equal(mixed[0], one)
    np.testing.assert_array_equal(mixed[1], other)
    assert all(np.abs(mixed[0.5] - end).mean() > 0.01 for end in (one, other))
    shares = [float(name in ("male-noble", "female-noble")) for name in KINDS]
    np.testing.assert_array_equal(run("cgan", shares=tuple(shares)), mixed[0.5])
    same = run("cgan", kind="male-noble", second="male-noble", mix=0.3)
    np.testing.assert_allclose(same, one, atol=1e-5)


def test_classes_of_other_weights(run):
    two = {"classes": ("forest", "sea")}
    with pytest.raises(BadParameter, match="female-noble.*forest, sea"):
        run("cgan", **two)
    with pytest.raises(BadParameter, match="forest, sea"):
        run("cgan", shares=(1, 0, 0), **two)
    one, other = (run("cgan", shares=shares, **two) for shares in ((1, 0), (0, 1)))
    assert np.abs(one - other).mean() > 0.02
    with pytest.raises(WeightError, match="train cgan"):
        run("cgan", classes=())


@pytest.mark.parametrize("arch", METHODS)
def test_backends_agree(arch, run, nets, tmp_path):
    path = tmp_path / "untrained.safetensors"
    weights = {name: value.half() for name, value in nets[arch].state_dict().items()}
    save_file(weights, path, classes_as_metadata(KINDS if arch == "cgan" else ()))
    file = WeightFile(arch, path, "", "local")
    found = []
    for name in ("torch", "onnx"):
        backend = choose(name, "cpu")
        load = lambda _, function, b=backend: b.load(file, function)  # noqa: E731
        found.append(run(arch, load=load))
    assert np.abs(found[0] - found[1]).max() <= 1e-3
    np.testing.assert_allclose(found[0], run(arch), atol=0.05)  # but for half the precision


# Training


def small(arch: str) -> nn.Module:
    """A net of 32 pixels."""
    module = architecture(arch)
    if arch == "gan":
        return module.Dense((20, 15, 10))
    return module.Convolutional((16, 16, 8, 8), classes=arch == "cgan")


@pytest.fixture(autouse=True)
def small_nets(request, monkeypatch):
    """Training in this module is that of small nets, and scores few pictures."""
    if "datasets" in request.fixturenames or "folder" in request.fixturenames:
        for arch in METHODS:
            monkeypatch.setattr(architecture(arch), "build", lambda arch=arch: small(arch))
        monkeypatch.setattr(training, "SCORED", 8)
        monkeypatch.setattr(training, "CANDIDATES", 6)


@pytest.fixture(scope="module")
def datasets():
    torch.set_num_threads(1)
    arrays = [(make_photo(40, 36, seed).pixels * 255).astype(np.uint8) for seed in range(9)]
    pictures = Pictures.of(arrays, ["sea"] * 6 + ["forest"] * 3)
    return Datasets(pictures, pictures, pictures, pictures)


@pytest.fixture
def folder(tmp_path):
    """A folder of pictures in two classes."""
    for number in range(9):
        file = tmp_path / "data" / ("sea" if number < 6 else "forest") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_picture(make_photo(40, 36, number).pixels, file)
    return tmp_path / "data"


def taught(arch: str, datasets: Datasets, **values: Any) -> Any:
    torch.manual_seed(0)
    spec = load_task(arch)
    params = spec.params.of({"batch": 4, **values})
    return spec.factory(datasets, params, torch.device("cpu"), 1)


def step(task, seed=0, optimise: Callable[[str], bool] = lambda trains: True):
    """One step of the optimisers; the losses by name."""
    torch.manual_seed(seed)
    found = {}
    nets = {"net": task.net, **task.discriminators}
    for loss in task.losses(1, 0.0, np.random.default_rng(seed)):
        for net in nets.values():
            net.zero_grad()
        loss.total().backward()
        moved = {n: any(p.grad is not None for p in v.parameters()) for n, v in nets.items()}
        assert moved == {n: n == loss.trains for n in nets}
        if optimise(loss.trains):
            torch.optim.Adam(nets[loss.trains].parameters(), 2e-3, task.betas).step()
        found |= {name: float(term.detach()) for name, term in loss.terms.items()}
    return found


@pytest.mark.parametrize("arch", METHODS)
def test_losses_train_their_own_nets_only(arch, datasets):
    task = taught(arch, datasets)
    before = {name: value.clone() for name, value in task.net.named_parameters()}
    assert list(step(task)) == ["discriminators", "generator"]
    still = [n for n, v in task.net.named_parameters() if torch.equal(v, before[n])]
    assert not still


def test_discriminators_learn_to_tell_real_from_made(datasets):
    """The generator stays as it is; at first each of four levels has a hinge loss near 2."""
    task = taught("dcgan", datasets)
    found = [step(task, seed, lambda trains: trains != "net") for seed in range(30)]
    first, last = (np.mean([f["discriminators"] for f in part]) for part in (found[:5], found[-5:]))
    assert last < 0.6 * first and last < 4
    assert found[-1]["generator"] > 0


def test_generator_learns_to_be_taken_for_real(datasets):
    """The discriminators stay as they are."""
    task = taught("dcgan", datasets)
    for seed in range(20):
        step(task, seed, lambda trains: trains != "net")
    found = [step(task, seed, lambda trains: trains == "net")["generator"] for seed in range(20)]
    assert np.mean(found[-5:]) < np.mean(found[:5]) - 0.3


def test_discriminators_get_class(datasets):
    """Of the pictures that were drawn; what is made is made of the same classes."""
    task, seen = taught("cgan", datasets), []
    critics = task.discriminators["discriminators"]
    hook = critics.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    made = task.net.register_forward_pre_hook(lambda _, given: seen.append(given[1].argmax(1)))
    step(task)
    hook.remove(), made.remove()
    assert len(seen) == 4
    assert all(torch.equal(labels, task.bank.labels[task.bank.drawn]) for labels in seen)


def test_logits_depend_on_class(datasets):
    task = taught("cgan", datasets)
    critics = task.discriminators["discriminators"].eval()
    levels = task.features(torch.rand(2, 3, 32, 32))
    one, other = (critics([f.float() for f in levels], torch.tensor([n, n])) for n in (0, 1))
    assert all(not torch.allclose(a, b, atol=1e-4) for a, b in zip(one, other, strict=True))


def test_centre_is_typical_picture(datasets):
    """The picture of truncation 0 is one that the net makes, not the mean of all."""
    task = taught("cgan", datasets)
    step(task)
    net = task.net.eval()
    before = net.centre.clone()
    with torch.no_grad():
        task.score(net)
    assert not torch.equal(net.centre[:2], before[:2]) and torch.equal(net.centre[2:], before[2:])
    torch.testing.assert_close(net.centre[:2].norm(dim=1), torch.full((2,), NOISE**0.5))


def test_classes_small_ones_drawn_more_often(datasets):
    task = taught("cgan", datasets)
    assert task.classes == ("forest", "sea")
    rng = np.random.default_rng(0)
    numbers = np.concatenate([task._balanced(rng) for _ in range(1000)])
    share = np.mean(task.labels[numbers] == 0)  # three pictures beside six
    assert share == pytest.approx(3**0.5 / (3**0.5 + 6**0.5), abs=0.03)
    assert set(numbers) == set(range(9))


@pytest.mark.parametrize("arch", METHODS)
def test_task_scores_and_samples(arch, datasets):
    task = taught(arch, datasets)
    net = task.net.eval()
    with torch.no_grad():
        scores, sheet = task.score(net), task.sample(net)
    assert list(scores) == ["distance", "diversity"] and np.isfinite(list(scores.values())).all()
    rows = 2 if arch == "cgan" else training.ROWS
    assert sheet.shape == (rows * 32, training.COLUMNS * 32, 3)
    assert 0 <= sheet.min() and sheet.max() <= 1


@pytest.mark.parametrize("arch", METHODS)
def test_killed_run_resumes_exactly(arch, folder, tmp_path):
    options = {"steps": 3, "batch": 4, "save_every": 2, "device": "cpu"}
    task = load_task(arch)
    notes: list[str] = []
    for progress in train(Setup.of(task, data=[folder], out=tmp_path / "whole", options=options)):
        notes += progress.warnings
    assert "the discriminators see features of the embedded encoder" in notes
    run = train(Setup.of(task, data=[folder], out=tmp_path / "parts", options=options))
    while next(run).step < 1:
        pass
    run.close()
    list(train(Setup.resumed(task, tmp_path / "parts")))
    whole, parts = (load_file(tmp_path / n / "last.safetensors") for n in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_teacher_that_is_not_vgg19_refused(datasets, tmp_path):
    save_file({"fire2.squeeze.weight": torch.zeros(1)}, tmp_path / "squeezenet.safetensors")
    given = (datasets.pictures, datasets.pictures, datasets.pictures, datasets.pictures)
    with pytest.raises(UsageError, match="squeezenet.safetensors .*VGG-19"):
        taught("dcgan", Datasets(*given, str(tmp_path / "squeezenet.safetensors")))


@pytest.mark.parametrize("arch", ["cgan", "classifier"])
def test_classes_too_few_or_many_refused(arch, datasets):
    alone = Pictures.of(datasets.pictures.arrays, ["sea"] * 9)
    with pytest.raises(UsageError, match="one folder"):
        taught(arch, Datasets(alone, alone, alone, alone))
    with pytest.raises(UsageError, match="got 17 classes .*expected 2 to 16"):
        training.several(tuple(map(str, range(17))))


def test_classifier_trains_scores_and_samples(datasets):
    task = taught("classifier", datasets, batch=8)
    assert task.classes == ("forest", "sea")
    (loss,) = task.losses(0, 0.0, np.random.default_rng(0))
    loss.total().backward()
    assert all(p.grad is not None for p in task.net.parameters() if p.requires_grad)
    with torch.no_grad():
        scores, sheet = task.score(task.net), task.sample(task.net)
    assert 0 <= scores["error"] <= 1 and sheet.shape[2] == 3


# What the embedded weights make


def made(arch, **parameters):
    """Pictures of the embedded weights (n h w 3)."""
    given = {"seed": 7, "count": 4, "size": 64, "backend": "onnx", **parameters}
    *_, last = styleplug.run(arch, **given)
    return np.stack(last.images)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("arch", METHODS)
def test_golden_samples_unchanged(arch, backend):
    golden = read_picture(GOLDEN / f"{arch}.png").pixels
    assert np.abs(grid(made(arch, backend=backend)) - golden).mean() * 255 < 0.5


def test_classes_recognised_by_classifier():
    """By a net that never saw a made picture; one in eight would be chance."""
    file = Store().file((Embedded("classifier", "classifier.safetensors"),))
    judge, right = choose("onnx", "cpu").load(file, "classify"), []
    for number, kind in enumerate(KINDS):
        pictures = made("cgan", kind=kind, count=12).transpose(0, 3, 1, 2)
        found = judge(picture=pictures)
        assert judge.spec.classes == KINDS
        right += list(found["logits"].argmax(1) == number)
    assert np.mean(right) > 0.3  # real ones: 0.61
