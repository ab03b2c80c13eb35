"""dcgan, cgan and digits: their nets, what is made of noise, and how they learn."""

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

from styleplug.backends.choose import choose
from styleplug.core.errors import BadParameter, UsageError, WeightError
from styleplug.core.weight import Embedded, WeightFile
from styleplug.imaging import read as read_picture
from styleplug.imaging.sheet import grid
from styleplug.methods.cgan import METHOD as CGAN
from styleplug.methods.dcgan import METHOD as DCGAN
from styleplug.nets import architecture
from styleplug.nets.dcgan import Excitation
from styleplug.nets.generator import NOISE, ConditionalNorm
from styleplug.store import Store, weights_folder
from styleplug.store.classes import classes_as_metadata
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.task import Datasets
from styleplug.training.losses import projected
from styleplug.training.losses.projected import ProjectedDiscriminator, augment, hinge_loss
from styleplug.training.tasks.shared import generator as training

pytestmark = pytest.mark.slow

METHODS = {"dcgan": DCGAN, "cgan": CGAN}
ARCHITECTURES = (*METHODS, "digits")
GOLDEN = Path(__file__).parent / "golden"
KINDS = CGAN.params.model_fields["kind"].annotation.__args__
DIGITS = tuple(map(str, range(10)))
LIMITS = {"dcgan": 4_000_000, "cgan": 4_150_000, "digits": 500_000}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def nets():
    """Untrained, but such that pictures differ: what these tests ask holds for all weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    built = {arch: architecture(arch).build().requires_grad_(False) for arch in ARCHITECTURES}
    for net in built.values():
        norms = [layer for layer in net.modules() if isinstance(layer, ConditionalNorm)]
        for layer in norms:
            layer.norm.momentum = None  # statistics are those of the only batch
        net(torch.randn(16, net.noise), *((torch.eye(16),) if net.classes else ()))
        net.eval()
        for layer in norms:
            layer.scale += torch.randn_like(layer.scale)
    return built


@pytest.fixture
def run(nets):
    """Run a method: its final pictures."""

    def run(name, *, seed=0, load=None, classes=None, **parameters):
        arch = "digits" if parameters.get("pictures") == "digits" else name
        classes = (DIGITS if arch == "digits" else KINDS) if classes is None else classes
        modules = architecture(arch).functions(nets[arch])
        context = SimpleNamespace(
            size=nets[arch].side,
            rng=np.random.default_rng(seed),
            net=load or (lambda key, name: Function(modules[name], classes)),
            check=lambda: None,
        )
        method = METHODS[name]
        frames = list(method.run({}, method.params.of({"count": 2, **parameters}), context))
        assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
        return np.stack(frames[-1].images)

    return run


# Nets


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_net_size_and_output_range(arch, nets):
    net = nets[arch]
    assert sum(value.numel() for value in net.state_dict().values()) <= LIMITS[arch]
    torch.manual_seed(2)
    shares = (torch.eye(16)[:3],) if net.classes else ()
    picture = net(torch.randn(3, net.noise), *shares)
    assert picture.shape == (3, 3, net.side, net.side)
    assert 0 <= float(picture.min()) and float(picture.max()) <= 1
    assert float(picture.std(0).mean()) > 0.02


def test_conditional_norm_mixes_classes_by_shares():
    norm = ConditionalNorm(3, 2)
    norm.scale.data[1], norm.shift.data[1] = 3, 5
    x = torch.randn(8, 3, 4, 4)
    plain = norm.norm(x)
    for share, scale, shift in ((0, 1, 0), (1, 3, 5), (0.5, 2, 2.5)):
        found = norm(x, torch.tensor([[1.0 - share, share]] * 8))
        torch.testing.assert_close(found, scale * plain + shift)


def test_excitation_never_blanks():
    excitation = Excitation(6, 2)
    with torch.no_grad():
        factors = excitation(1000 * torch.randn(50, 6, 4, 4))
    assert 0.5 <= float(factors.min()) < 0.6 and 1.4 < float(factors.max()) <= 1.5


# What is made of noise


@pytest.mark.parametrize("name", METHODS)
def test_seed_gives_same_pictures_for_any_count(name, run):
    check_count_keeps_pictures(run, name)


@pytest.mark.parametrize("name", METHODS)
def test_truncation_draws_to_centre(name, run, nets):
    none, little, whole = (run(name, truncation=t) for t in (0, 0.2, 1))
    shares = (torch.eye(16)[[KINDS.index("female-noble")]],) if name == "cgan" else ()
    expected = (
        nets[name](torch.from_numpy(METHODS[name].centre(NOISE))[None], *shares)[0]
        .permute(1, 2, 0)
        .numpy()
    )
    np.testing.assert_allclose(none, [expected] * 2, atol=1e-4)
    assert np.abs(little - none).mean() < 0.8 * np.abs(whole - none).mean()


@pytest.mark.parametrize("name", METHODS)
def test_position_interpolates_between_seeds(name, run):
    check_position_interpolates(run, name)


def test_walk_goes_there_and_back(run):
    film = run("dcgan", seed=3, walk_to=5, walk=12, count=1)
    assert len(film) == 12
    np.testing.assert_allclose(film[0], run("dcgan", seed=3)[0], atol=1e-3)
    np.testing.assert_allclose(film[6], run("dcgan", seed=5)[0], atol=1e-3)
    np.testing.assert_allclose(film[1:6], film[:6:-1], atol=1e-3)


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


def test_digits_differ_and_mix(run):
    one, other = (run("cgan", pictures="digits", digit=digit) for digit in (1, 8))
    assert one.shape == (2, 32, 32, 3) and np.abs(one - other).mean() > 0.02
    mixed = run("cgan", pictures="digits", digit=1, second_digit=8, mix=1)
    np.testing.assert_array_equal(mixed, other)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_backends_agree(arch, run, nets, tmp_path):
    path = tmp_path / "untrained.safetensors"
    weights = {name: value.half() for name, value in nets[arch].state_dict().items()}
    classes = {"cgan": KINDS, "digits": DIGITS}.get(arch, ())
    save_file(weights, path, classes_as_metadata(classes))
    file = WeightFile(arch, path, "", "local")
    name, asked = ("cgan", {"pictures": "digits"}) if arch == "digits" else (arch, {})
    found = []
    for backend in (choose("torch", "cpu"), choose("onnx", "cpu")):
        load = lambda key, function, b=backend: b.load(file, function)  # noqa: E731
        found.append(run(name, load=load, **asked))
    assert np.abs(found[0] - found[1]).max() <= 1e-3
    np.testing.assert_allclose(found[0], run(name, **asked), atol=0.05)  # half the precision


# Training


@pytest.fixture(scope="module")
def datasets():
    return few_pictures()


@pytest.fixture(scope="module")
def task(datasets):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCORED", 8)
        yield taught("dcgan", datasets)


@pytest.fixture(scope="module")
def classes(datasets):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCORED", 2)
        yield taught("cgan", datasets)


def test_losses_train_their_own_nets_only(task, classes):
    for one in (task, classes):
        found = step(one)
        known = {"generator", "spread"} if one.classes else {"generator"}
        assert {net: set(terms) for net, terms in found.items()} == {
            "critic": {"discriminator"},
            "net": known,
        }


def test_frozen_features_stay_frozen(task):
    before = copy.deepcopy(task.critic.features.state_dict())
    optimiser = torch.optim.Adam([p for p in task.critic.parameters() if p.requires_grad], 0.1)
    loss = next(iter(task.losses(0, 0.0, np.random.default_rng(0))))
    loss.total().backward()
    optimiser.step()
    assert all(torch.equal(before[k], v) for k, v in task.critic.features.state_dict().items())
    assert any(p.grad is not None for p in task.critic.heads.parameters())


def test_hinge_loss_zero_beyond_margin_only():
    far = [torch.full((2, 3), 1.5)], [torch.full((2, 3), -2.0)]
    assert float(hinge_loss(*far)) == 0
    assert float(hinge_loss(*far[::-1])) == pytest.approx(3 + 2.5)
    assert float(hinge_loss([torch.zeros(1, 1)], [torch.zeros(1, 1)])) == 2


def test_discriminator_judges_all_layers(datasets):
    """Each head has a logit for each position, and its gradient reaches the pictures."""
    torch.manual_seed(0)
    critic = ProjectedDiscriminator(None, torch.rand(4, 3, 64, 64))
    pictures = torch.rand(2, 3, 64, 64, requires_grad=True)
    logits = critic(critic.see(pictures))
    assert len(logits) == 4 and all(part.shape == (2, 25) for part in logits)
    for part in logits:
        (gradient,) = torch.autograd.grad(part.sum(), pictures, retain_graph=True)
        assert float(gradient.abs().max()) > 0


def test_discriminator_depends_on_class():
    torch.manual_seed(0)
    critic = ProjectedDiscriminator(None, torch.rand(4, 3, 64, 64), classes=2).eval()
    pictures, found = torch.rand(2, 3, 64, 64), []
    for label in (0, 1):
        torch.manual_seed(1)  # the same random changes
        found.append(critic(critic.see(pictures), torch.tensor([label] * 2)))
    assert all(not torch.allclose(*pair, atol=1e-4) for pair in zip(*found, strict=True))


def test_augment_changes_colours_and_places(monkeypatch):
    torch.manual_seed(0)
    found = augment(torch.full((64, 3, 64, 64), 0.7), 80)
    assert found.shape == (64, 3, 80, 80)
    brightest = found.amax((1, 2, 3))
    assert float(brightest.min()) < 0.65 and float(brightest.max()) > 0.75
    columns = torch.linspace(0, 1, 64).expand(8, 3, 64, 64)
    for name in ("BRIGHTNESS", "CONTRAST", "SATURATION"):
        monkeypatch.setattr(projected, name, 0.0)
    shifts = 64 * (augment(columns, 64) - columns)[..., 32, 32].mean(1)
    assert 1 < float(shifts.std()) and float(shifts.abs().max()) < 4.2  # a sixteenth
    monkeypatch.setattr(projected, "SHIFT", 0.0)
    pictures = torch.rand(4, 3, 64, 64)
    torch.testing.assert_close(augment(pictures, 64), pictures, atol=1e-4, rtol=0)


def test_classes_reach_the_discriminator(classes, monkeypatch):
    """Generated pictures have the classes of the real ones beside them."""
    asked = []

    def judge(features, labels):
        asked.append((features[0], labels))
        return [part.mean((1, 2, 3))[:, None] for part in features]

    monkeypatch.setattr(classes.critic, "forward", judge)
    list(classes.losses(0, 0.0, np.random.default_rng(0)))
    (_, real), (made, label), (again, same) = asked
    assert torch.equal(real, classes.bank.labels[classes.bank.drawn])
    assert torch.equal(label, real) and torch.equal(same, real)
    assert torch.equal(made, again) and again.requires_grad and not made.requires_grad


@pytest.mark.parametrize("arch", ["dcgan", "cgan"])
def test_start_from_dcgan_gives_its_pictures(arch, datasets):
    known = load_file(weights_folder() / "dcgan.safetensors")
    wanted = architecture("dcgan").build()
    wanted.load_state_dict({key: value.float() for key, value in known.items()})
    found = taught(arch, datasets, start="dcgan").net
    noise = torch.randn(2, NOISE)
    shares = (torch.eye(16)[:2],) if arch == "cgan" else ()
    with torch.no_grad():
        made = found.eval()(noise, *shares)
        torch.testing.assert_close(made, wanted.eval()(noise), atol=1e-2, rtol=0)


def test_spread_compares_pictures_of_one_class_only():
    pictures = torch.zeros(4, 3, 8, 8)
    pictures[1], pictures[2:] = 0.5, 0.9
    labels = torch.tensor([0, 0, 1, 1])
    assert float(training.spread(pictures[:2], labels[:2])) == pytest.approx(0.5, abs=0.01)
    assert float(training.spread(pictures, labels)) == pytest.approx(0.25, abs=0.01)
    assert 0 < float(training.spread(pictures[1:3], labels[1:3])) < 0.01  # no pair


@pytest.mark.parametrize("mirrored", [True, False])
def test_pictures_mirrored_only_if_wanted(mirrored, datasets):
    side = np.zeros((64, 64, 3), np.uint8)
    side[:, :32] = 255
    pictures = Pictures.of([side] * 4, ["sea"] * 4)
    task = SimpleNamespace(bank=training.Bank(pictures, 32, CPU, margin=1, mirrored=mirrored))
    found = task.bank.draw(np.random.default_rng(0), 32)[:, 0, 0, 0]
    assert set(found.tolist()) == ({0.0, 1.0} if mirrored else {1.0})


def test_classes_small_ones_drawn_more_often(classes):
    assert classes.classes == ("forest", "sea")
    rng = np.random.default_rng(0)
    numbers = np.concatenate([classes._balanced(rng, 4) for _ in range(1000)])
    share = np.mean(classes.labels[numbers] == 0)  # three pictures beside six
    assert share == pytest.approx(3**0.5 / (3**0.5 + 6**0.5), abs=0.03)
    assert set(numbers) == set(range(9))


def test_task_with_classes_scores_and_samples(classes):
    found = step(classes)
    assert np.isfinite([value for terms in found.values() for value in terms.values()]).all()
    with torch.no_grad():
        scores, sheet = classes.score(classes.net), classes.sample(classes.net)
    assert list(scores) == ["distance", "diversity"] and np.isfinite(list(scores.values())).all()
    assert sheet.shape == (2 * 64, 8 * 64, 3) and 0 <= sheet.min() and sheet.max() <= 1


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
