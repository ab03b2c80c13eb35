"""gan, dcgan and cgan: their nets, what is made of noise, how they learn, and their judge."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import make_photo
from safetensors.torch import save_file

import styleplug
from styleplug.backends.choose import choose
from styleplug.core.classes import CLASSES, LETTERS, read, spell
from styleplug.core.errors import BadParameter, UsageError, WeightError
from styleplug.core.image import read as read_picture
from styleplug.core.mapped import NOISE
from styleplug.core.sheet import grid
from styleplug.core.weight import Embedded, WeightFile
from styleplug.methods.cgan import METHOD as CGAN
from styleplug.methods.dcgan import METHOD as DCGAN
from styleplug.methods.gan import METHOD as GAN
from styleplug.nets import architecture, gan
from styleplug.nets.generator import STYLE, Dense, Modulated
from styleplug.store import Store
from styleplug.training import classifier as judge
from styleplug.training import generation as training
from styleplug.training import load_task
from styleplug.training.pictures import Pictures
from styleplug.training.task import Materials

METHODS = {"gan": GAN, "dcgan": DCGAN, "cgan": CGAN}
GOLDEN = Path(__file__).parent / "golden"
MOVEMENTS = CGAN.params.model_fields["movement"].annotation.__args__


@pytest.fixture(scope="module")
def nets():
    """Untrained, with means that are not zero: what these tests ask holds for all weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    built = {arch: architecture(arch).build().eval().requires_grad_(False) for arch in METHODS}
    for net in built.values():
        net.centre.normal_()
    built["cgan"].letters.copy_(torch.from_numpy(spell(MOVEMENTS)))
    return built


class Function:
    """A function of a net, as a backend would give it."""

    def __init__(self, module):
        self.module = module

    def __call__(self, **arrays):
        found = self.module(*(torch.from_numpy(arrays[name]) for name in self.module.inputs))
        return {n: v.numpy() for n, v in zip(self.module.outputs, found, strict=True)}


@pytest.fixture
def run(nets):
    """Run a method: its final pictures."""

    def run(arch, *, seed=0, load=None, **parameters):
        modules = architecture(arch).functions(nets[arch])
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


# Names of classes


def test_names_come_back_and_bad_ones_are_refused():
    names = ("Baroque", "浮世绘", "a b")
    assert spell(names).shape == (CLASSES, LETTERS) and read(spell(names)) == names
    assert read(spell(names).astype(np.float16)) == names
    for bad in ((), ("a", "a"), ("",), ("x" * (LETTERS + 1),), tuple(map(str, range(17)))):
        with pytest.raises(UsageError, match="expected"):
            spell(bad)


# Nets


def test_a_dense_layer_keeps_the_size_of_numbers_and_learns_at_its_pace():
    torch.manual_seed(0)
    for pace in (1.0, 0.1):
        layer = Dense(400, 300, pace=pace).requires_grad_(False)
        assert float(layer(torch.randn(50, 400)).std()) == pytest.approx(1, abs=0.05)
        before = layer(torch.ones(1, 400))
        layer.bias += 0.01
        moved = layer(torch.ones(1, 400)) - before
        torch.testing.assert_close(moved, torch.full_like(moved, 0.01 * pace), atol=1e-5, rtol=0)


def test_a_modulated_convolution_is_one_with_other_weights_for_each_picture():
    torch.manual_seed(1)
    layer = Modulated(5, 7).requires_grad_(False)
    layer.bias.normal_()
    x, style = torch.randn(3, 5, 6, 8), torch.randn(3, STYLE)
    for picture, scale, found in zip(x, layer.scale(style), layer(x, style), strict=True):
        weight = layer.weight * scale[:, None, None]
        weight = weight / weight.square().sum((1, 2, 3), keepdim=True).sqrt() * 2**0.5
        expected = F.leaky_relu(F.conv2d(picture[None], weight, padding=1)[0] + layer.bias, 0.2)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("arch", METHODS)
def test_nets_are_small_and_paint_what_they_say(arch, nets):
    net = nets[arch]
    assert sum(value.numel() for value in net.state_dict().values()) <= 3_000_000
    torch.manual_seed(2)
    picture = net.paint(torch.randn(3, STYLE))
    assert picture.shape == (3, 3, net.side, net.side)
    assert 0.1 < float(picture.std()) < 0.5 and 0.2 < float(picture.mean()) < 0.8
    assert float(picture.std(0).mean()) > 0.05


def test_dense_layers_paint_in_waves_without_the_finest(nets):
    table = gan.waves(gan.SIDE)
    torch.testing.assert_close(table @ table.T, torch.eye(gan.SIDE), atol=1e-5, rtol=0)
    assert float(table[0].std()) < 1e-6 and float(table[1].diff().max()) < 0  # coarsest first
    picture = nets["gan"].paint(torch.randn(1, STYLE))[0] - 0.5
    found = table @ picture @ table.T
    light, colour = found.sum(0), found[0] - found[2]
    sums = torch.arange(gan.SIDE)[:, None] + torch.arange(gan.SIDE)
    assert float(light[sums >= 48].abs().max()) < 1e-4 < float(light[sums == 47].abs().max())
    assert float(colour[sums >= 20].abs().max()) < 1e-4 < float(colour[sums == 19].abs().max())


# What is made of noise


@pytest.mark.parametrize("arch", METHODS)
def test_a_seed_gives_its_pictures_however_many(arch, run):
    few, more, other = run(arch), run(arch, count=3), run(arch, seed=1)
    np.testing.assert_allclose(more[:2], few, atol=1e-5)
    assert few.min() >= 0 and few.max() <= 1
    assert all(np.abs(a - b).mean() > 0.02 for a, b in ((few[0], few[1]), (few, other)))


@pytest.mark.parametrize("arch", METHODS)
def test_truncation_draws_pictures_to_the_mean(arch, run, nets):
    none, little, whole = (run(arch, truncation=t) for t in (0, 0.2, 1))
    mean = nets[arch].centre[[MOVEMENTS.index("Impressionism")] if arch == "cgan" else [0]]
    expected = nets[arch].paint(mean).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(none, [expected] * 2, atol=1e-4)
    assert np.abs(little - none).mean() < 0.8 * np.abs(whole - none).mean()


@pytest.mark.parametrize("arch", ["gan", "cgan"])
def test_the_way_between_seeds_begins_and_ends_with_their_pictures(arch, run):
    near, middle, far = (run(arch, seed=3, walk_to=5, position=p) for p in (0, 0.5, 1))
    np.testing.assert_allclose(near, run(arch, seed=3), atol=1e-5)
    np.testing.assert_allclose(far, run(arch, seed=5), atol=1e-4)
    apart = np.abs(near - far).mean()
    assert 0.1 * apart < np.abs(middle - near).mean() < 1.2 * apart


def test_a_walk_goes_there_and_back(run):
    film = run("gan", seed=3, walk_to=5, walk=12, count=1)
    assert len(film) == 12
    np.testing.assert_allclose(film[0], run("gan", seed=3)[0], atol=1e-5)
    np.testing.assert_allclose(film[6], run("gan", seed=5)[0], atol=1e-4)
    np.testing.assert_allclose(film[1:6], film[:6:-1], atol=1e-4)


def test_classes_differ_and_mix(run):
    one, other = (run("cgan", movement=name) for name in ("Baroque", "Ukiyo_e"))
    assert np.abs(one - other).mean() > 0.02
    mixed = {mix: run("cgan", movement="Baroque", second="Ukiyo_e", mix=mix) for mix in (0, 0.5, 1)}
    np.testing.assert_array_equal(mixed[0], one)
    np.testing.assert_array_equal(mixed[1], other)
    assert all(np.abs(mixed[0.5] - end).mean() > 0.01 for end in (one, other))
    shares = [float(name in ("Baroque", "Ukiyo_e")) for name in MOVEMENTS]
    np.testing.assert_array_equal(run("cgan", shares=tuple(shares)), mixed[0.5])
    same = run("cgan", movement="Baroque", second="Baroque", mix=0.3)
    np.testing.assert_allclose(same, one, atol=1e-5)


def test_other_weights_know_other_classes(run, nets):
    kept = nets["cgan"].letters.clone()
    try:
        nets["cgan"].letters.copy_(torch.from_numpy(spell(("forest", "sea"))))
        with pytest.raises(BadParameter, match="Impressionism.*forest, sea"):
            run("cgan")
        with pytest.raises(BadParameter, match="forest, sea"):
            run("cgan", shares=(1, 0, 0))
        assert np.abs(run("cgan", shares=(1, 0)) - run("cgan", shares=(0, 1))).mean() > 0.02
        nets["cgan"].letters.zero_()
        with pytest.raises(WeightError, match="train cgan"):
            run("cgan")
    finally:
        nets["cgan"].letters.copy_(kept)


@pytest.mark.parametrize("arch", METHODS)
def test_backends_agree(arch, run, nets, tmp_path):
    path = tmp_path / "untrained.safetensors"
    save_file({name: value.half() for name, value in nets[arch].state_dict().items()}, path)
    file = WeightFile(arch, path, "", "local")
    found = []
    for name in ("torch", "onnx"):
        backend = choose(name, "cpu")
        found.append(run(arch, load=lambda key, function, b=backend: b.load(file, function)))
    assert np.abs(found[0] - found[1]).max() <= 1e-3
    np.testing.assert_allclose(found[0], run(arch), atol=0.05)  # but for half the precision


# Training


@pytest.fixture(scope="module")
def materials():
    torch.set_num_threads(1)
    arrays = [(make_photo(90, 80, seed).pixels * 255).astype(np.uint8) for seed in range(9)]
    pictures = Pictures.of(arrays, ["sea"] * 6 + ["forest"] * 3)
    return Materials(pictures, pictures, pictures, pictures)


def taught(arch, materials, **values):
    torch.manual_seed(0)
    task = load_task(arch)
    params = task.params.of({"batch": 4, **values})
    return task.lesson(materials, params, torch.device("cpu"), 1)


@pytest.fixture(scope="module")
def lesson(materials):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCORED", 8)
        yield taught("gan", materials)


@pytest.fixture(scope="module")
def classes(materials):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SCORED", 2)
        yield taught("cgan", materials)


def step(lesson, number=1, seed=0):
    """One step, descended; the losses by what they train."""
    torch.manual_seed(seed)
    found = {}
    nets = {"net": lesson.net, **lesson.critics}
    for loss in lesson.losses(number, 0.0, np.random.default_rng(seed)):
        net = nets[loss.trains]
        optimiser = torch.optim.Adam(net.parameters(), 1e-4, lesson.betas)
        for other in nets.values():
            other.zero_grad()
        loss.total().backward()
        moved = {n: any(p.grad is not None for p in v.parameters()) for n, v in nets.items()}
        assert moved == {n: n == loss.trains for n in nets}
        optimiser.step()
        found[loss.trains] = {name: float(term.detach()) for name, term in loss.terms.items()}
    return found


def test_each_loss_moves_its_own_net_and_no_other(lesson):
    found = step(lesson, number=0)
    assert set(found["critic"]) == {"critic", "feature critic", "r1"}
    assert set(found["net"]) == {"pixels", "features"}
    assert "r1" not in step(lesson, number=1)["critic"]
    assert all(p.requires_grad for p in lesson.critics["critic"].parameters())


def test_critics_learn_to_tell(materials):
    lesson = taught("gan", materials)
    critic = lesson.critics["critic"]
    optimiser = torch.optim.Adam(critic.parameters(), 5e-4, lesson.betas)
    losses = []
    for number in range(8):
        torch.manual_seed(number)
        loss = next(iter(lesson.losses(number + 1, 0.0, np.random.default_rng(number))))
        optimiser.zero_grad()
        loss.total().backward()
        optimiser.step()
        losses.append(float(loss.total().detach()))
    assert sum(losses[-2:]) < 0.75 * sum(losses[:2])
    real, labels = lesson.bank.draw(np.random.default_rng(0), 8), torch.zeros(8, dtype=torch.long)
    with torch.no_grad():
        made = lesson.net.paint(lesson.net.map(torch.randn(8, NOISE)))
        verdicts = [list(lesson._judged(pictures, labels)) for pictures in (real, made)]
    assert all(float(a.mean()) > float(b.mean()) for a, b in zip(*verdicts, strict=True))


def test_the_net_learns_to_fool(lesson):
    """The same critics, asked again and again: their verdict on what is made grows milder."""
    optimiser = torch.optim.Adam(lesson.net.parameters(), 2e-3, lesson.betas)
    losses = []
    for _ in range(6):
        torch.manual_seed(1)
        critic, net = lesson.losses(1, 0.0, np.random.default_rng(1))
        assert critic.trains == "critic"
        optimiser.zero_grad()
        net.total().backward()
        optimiser.step()
        losses.append(float(net.total().detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_means_follow_the_styles_of_their_class(classes):
    mean = classes.net.centre
    mean.zero_()
    labels = torch.tensor([0, 1, 1, 1])
    styles = torch.randn(4, STYLE)
    for _ in range(800):
        classes._follow(styles, labels)
    torch.testing.assert_close(mean[0], styles[0], atol=0.01, rtol=0)
    torch.testing.assert_close(mean[1], styles[1:].mean(0), atol=0.01, rtol=0)
    assert not mean[2:].any()


def test_classes_are_named_and_drawn_as_often(classes):
    assert read(classes.net.letters.numpy()) == ("forest", "sea")
    numbers = np.concatenate(
        [classes._balanced(np.random.default_rng(seed), 4) for seed in range(40)]
    )
    labels = classes.labels[numbers]
    assert np.mean(labels == 0) == 0.5  # a third of the pictures
    assert set(numbers) == set(range(9))


def test_a_step_with_classes_scores_and_samples(classes):
    found = step(classes)
    assert np.isfinite([*found["critic"].values(), *found["net"].values()]).all()
    with torch.no_grad():
        scores, sheet = classes.score(classes.net), classes.sample(classes.net)
    assert list(scores) == ["distance", "diversity"] and np.isfinite(list(scores.values())).all()
    assert sheet.shape == (2 * 64, 8 * 64, 3) and 0 <= sheet.min() and sheet.max() <= 1


def test_halved_precision_gives_nearly_the_same_picture(classes):
    noise, shares = torch.randn(1, NOISE), torch.eye(CLASSES)[:1]
    with torch.no_grad():
        exact = classes.net.paint(classes.net.map(noise, shares))
        with torch.autocast("cpu", torch.bfloat16):
            rough = classes.net.paint(classes.net.map(noise, shares))
    assert rough.dtype == torch.float32
    assert float((rough - exact).abs().mean()) < 0.02


@pytest.mark.parametrize("arch", ["cgan", "classifier"])
def test_classes_are_folders_of_which_there_must_be_two(arch, materials):
    alone = Pictures.of(materials.pictures.arrays, ["sea"] * 9)
    with pytest.raises(UsageError, match="one folder"):
        taught(arch, Materials(alone, alone, alone, alone))


def test_the_judge_learns(materials):
    lesson = taught("classifier", materials, batch=8)
    assert read(lesson.net.letters.numpy()) == ("forest", "sea")
    optimiser = torch.optim.Adam(lesson.net.parameters(), 2e-3)
    losses = []
    for number in range(10):
        torch.manual_seed(number)
        (loss,) = lesson.losses(number, 0.0, np.random.default_rng(number))
        optimiser.zero_grad()
        loss.total().backward()
        optimiser.step()
        losses.append(float(loss.total().detach()))
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        scores, sheet = lesson.score(lesson.net), lesson.sample(lesson.net)
    assert 0 <= scores["error"] <= 1 and sheet.shape[2] == 3
    assert judge.SMOOTHING < 1


# What the embedded weights make


def made(arch, **parameters):
    """Pictures of the embedded weights (n h w 3)."""
    given = {"seed": 7, "count": 4, "size": 64, "backend": "onnx", **parameters}
    *_, last = styleplug.run(arch, **given)
    return np.stack(last.images)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("arch", METHODS)
def test_samples_are_those_that_somebody_looked_at(arch, backend):
    golden = read_picture(GOLDEN / f"{arch}.png").pixels
    assert np.abs(grid(made(arch, backend=backend)) - golden).mean() * 255 < 0.5


def test_classes_are_recognised():
    """By a net that never saw a made picture; one in eight would be chance."""
    file = Store().file((Embedded("classifier", "classifier.safetensors"),))
    judge, right = choose("onnx", "cpu").load(file, "classify"), []
    for number, movement in enumerate(MOVEMENTS):
        pictures = made("cgan", movement=movement, count=12).transpose(0, 3, 1, 2)
        found = judge(picture=pictures)
        assert read(found["names"]) == MOVEMENTS
        right += list(found["logits"].argmax(1) == number)
    assert np.mean(right) > 0.6
