"""CycleGAN: what its losses ask for, that its directions are not confused, and its pictures."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import make_photo
from safetensors.torch import load_file
from torch import nn

from styleplug import generate
from styleplug.methods import cyclegan as method
from styleplug.nets import cyclegan
from styleplug.store import weights_folder
from styleplug.training.data.domains import NEIGHBOURS, Domain
from styleplug.training.data.pictures import Pictures
from styleplug.training.loop.task import Datasets
from styleplug.training.tasks import cyclegan as training

pytestmark = pytest.mark.slow

SIZE = 64
MOST_PARAMETERS = 3_000_000


# Nets


def test_net_pair_size_within_limit():
    count = sum(parameter.numel() for parameter in cyclegan.build().parameters())
    assert count <= MOST_PARAMETERS


def test_functions_are_two_directions():
    net = cyclegan.build().eval().requires_grad_(False)
    functions = cyclegan.functions(net)
    assert set(functions) == set(method._FUNCTIONS.values()) == set(cyclegan.DIRECTIONS)
    assert functions["paint"].generator is net.paint
    assert functions["photograph"].generator is net.photograph
    picture, grain = (part * 3 for part in functions["paint"].examples())
    (found,) = functions["paint"](picture, grain)
    assert found.shape == picture.shape
    assert float(found.min()) >= 0 and float(found.max()) <= 1


@pytest.mark.parametrize("direction", cyclegan.DIRECTIONS)
def test_net_margin_covers_receptive_field(direction):
    net = cyclegan.build().get_submodule(direction)
    for unit in net.units:  # which start at nothing
        nn.init.normal_(unit.second.weight, std=0.05)
    margin = cyclegan.Repaint.margin
    far = margin + 16
    given = [torch.rand(1, channels, 2 * far, 2 * far, requires_grad=True) for channels in (3, 1)]
    for standardise in range(far, far + cyclegan.STRIDE):
        for axis in (2, 3):
            seen = net(*given).select(axis, standardise).sum()
            for slope in torch.autograd.grad(seen, given):
                where = slope.abs().sum(dim=(0, 1, 5 - axis)).nonzero()
                assert standardise - margin <= int(where.min())
                assert int(where.max()) <= standardise + margin


# Training


def flat(light, seed):
    """Small pictures around one lightness."""
    noise = np.random.default_rng(seed).normal(0, 20, (6, 70, 80, 3))
    return Pictures.of(list(np.clip(light + noise, 0, 255).astype(np.uint8)))


def a_task(pictures, styles, **parameters):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    datasets = Datasets(pictures, pictures, styles, styles)
    params = training.CycleGanParams(**{"size": SIZE, "batch": 2, **parameters})
    return training.TASK.factory(datasets, params, torch.device("cpu"), 1)


DARK, LIGHT = 70, 190
APART = (LIGHT - DARK) / 255


@pytest.fixture(scope="module")
def untouched():
    return a_task(flat(DARK, 0), flat(LIGHT, 1))


@pytest.fixture
def task(untouched):
    """Dark photographs, light paintings."""
    torch.manual_seed(0)
    return copy.deepcopy(untouched)


class Lighter(nn.Module):
    """Stands in for a generator: adds a constant to the picture."""

    def __init__(self, light):
        super().__init__()
        self.light = nn.Parameter(torch.tensor(light))

    def forward(self, picture, grain):
        return picture + self.light


class Reaching(nn.Module):
    """Stands in for one: gives each picture one mean lightness."""

    def __init__(self, light):
        super().__init__()
        self.light = nn.Parameter(torch.tensor(light / 255))

    def forward(self, picture, grain):
        return picture - picture.mean((1, 2, 3), keepdim=True) + self.light


def stand_in(task, paint=0.0, photograph=0.0, kind=Lighter):
    net = nn.Module()
    net.paint, net.photograph = kind(paint), kind(photograph)
    task.net = net


def terms(task, step=0, seed=3):
    """Terms of both losses."""
    torch.manual_seed(seed)
    found = list(task.losses(step, 1.0, np.random.default_rng(seed)))
    assert [loss.trains for loss in found] == ["critic", "net"]
    return tuple({k: float(v.detach()) for k, v in loss.terms.items()} for loss in found)


def unseen(picture, halvings):
    """A change of a picture (1 1 h w) that leaves its means what they are."""
    each = torch.eye(picture.numel()).view(-1, 1, *picture.shape[2:])
    seen = cyclegan.downsample(each, halvings).flatten(1)
    change = torch.randn(1, picture.numel())
    return (change - torch.linalg.lstsq(seen.T, seen.T @ change.T).solution.T).view_as(picture)


@pytest.mark.parametrize("halvings", [1, 2])
def test_upsampled_means_keep_place_without_stairs(halvings):
    rows, columns = (torch.arange(32.0)[slot] for slot in ((slice(None), None), (None,)))
    ramp = (0.3 + 0.01 * rows - 0.005 * columns).expand(1, 3, -1, -1)
    blurred = cyclegan.upsample_means(cyclegan.downsample(ramp, halvings), halvings)
    inner = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(blurred[inner], ramp[inner], atol=1e-5, rtol=0)
    edge = (columns > rows).float().expand(1, 1, -1, -1)
    blurred = cyclegan.upsample_means(cyclegan.downsample(edge, halvings), halvings)[0, 0]
    along = torch.stack([blurred.diagonal(shift)[8:-8].std() for shift in (0, 1, 2)])
    assert float(along.max()) < 0.03  # 0.04 of plain squares


@pytest.mark.parametrize(("direction", "halvings"), [("paint", 1), ("photograph", 2)])
def test_generator_sees_only_means(direction, halvings):
    net = cyclegan.build().eval().requires_grad_(False).get_submodule(direction)
    for unit in net.units:  # which start at nothing
        nn.init.normal_(unit.second.weight, std=0.05)
    picture, grain = torch.rand(1, 3, 32, 32), torch.randn(1, 1, 32, 32)
    changed = picture + unseen(picture[:, :1], halvings)
    assert float((changed - picture).abs().mean()) > 0.3
    torch.testing.assert_close(net(picture, grain), net(changed, grain), atol=1e-4, rtol=0)
    assert not torch.allclose(net(picture, grain), net(picture, -grain), atol=1e-3)


def test_losses_unchanged_picture_cycle_and_identity_zero(task, monkeypatch):
    monkeypatch.setattr(task, "_recoloured", lambda pictures, direction: pictures)
    stand_in(task)
    _, found = terms(task)
    for name in ("cycle", "identity", "content"):
        assert found[name] == pytest.approx(0, abs=2e-3), name
    assert found["style"] > 0.5 and found["adversarial"] > 0


def test_identity_input_has_colours_of_other_domain(task):
    """So a generator that leaves them is told so, and one that reaches its own kind is not."""
    stand_in(task)
    kept = terms(task)[1]["identity"]
    stand_in(task, paint=float(LIGHT), photograph=float(DARK), kind=Reaching)
    assert terms(task)[1]["identity"] < 0.2 * kept
    dark, light = (task.held[direction] for direction in ("paint", "photograph"))
    disguised = task._recoloured(light, "paint")
    assert float(disguised.mean()) == pytest.approx(float(dark.mean()), abs=0.03)
    assert float((disguised - light).std()) < 0.02  # all else is left


def lights(*levels):
    """Pictures of these lightnesses, a little noisy."""
    noise = 0.02 * torch.randn(len(levels), 3, SIZE, SIZE)
    return torch.tensor(levels)[:, None, None, None] + noise


def test_recolour_keeps_rank_within_domain(task):
    dark, light = (
        Domain(task.perception, lights(*torch.linspace(least, most, 16).tolist()))
        for least, most in ((0.1, 0.4), (0.7, 0.9))
    )
    moved = light.recolour(lights(0.1, 0.25, 0.4), dark).mean((1, 2, 3))
    torch.testing.assert_close(moved, torch.tensor([0.7, 0.8, 0.9]), atol=0.01, rtol=0)


def test_style_target_is_counterpart_in_colour(task):
    """The darkest of one kind are to be like the darkest of the other."""
    dark, light = (
        Domain(
            task.perception,
            lights(*torch.linspace(least, most, 5).repeat_interleave(NEIGHBOURS).tolist()),
        )
        for least, most in ((0.1, 0.4), (0.7, 0.9))
    )
    asked = light.style_targets(lights(0.1, 0.29, 0.4), dark)
    _, mean, _ = asked["colour"]  # between those of two crops, too
    wanted = torch.tensor([[0.7] * 3, [0.827] * 3, [0.9] * 3])
    torch.testing.assert_close(mean, wanted, atol=0.01, rtol=0)
    tap = next(tap for tap in asked if tap != "colour")
    apart = (asked[tap][1][::2, None] - light.style[tap][1]).square().sum(2).argmin(1)
    assert int(apart[0]) < NEIGHBOURS and int(apart[1]) >= 4 * NEIGHBOURS


def test_style_loss_of_photographs_uses_colour_only(task, monkeypatch):
    asked = []
    whole = training.style_loss
    monkeypatch.setattr(
        training, "style_loss", lambda *given: asked.append(set(given[2])) or whole(*given)
    )
    terms(task)
    taps = set(task.perception.style_taps)
    assert asked == [taps, taps, {"colour"}, taps]


def test_cycle_loss_zero_when_directions_invert(task, monkeypatch):
    monkeypatch.setattr(task, "_recoloured", lambda pictures, direction: pictures)
    stand_in(task, paint=0.2, photograph=-0.2)
    _, found = terms(task)
    assert found["cycle"] == pytest.approx(0, abs=2e-3)
    assert found["identity"] > 0.1
    stand_in(task, paint=0.2, photograph=0.2)
    assert terms(task)[1]["cycle"] > 0.5


def test_style_loss_falls_at_other_domain(task):
    stand_in(task)
    unmoved = terms(task)[1]["style"]
    stand_in(task, paint=float(LIGHT), photograph=float(DARK), kind=Reaching)
    assert terms(task)[1]["style"] < 0.5 * unmoved
    stand_in(task, paint=float(DARK), photograph=float(LIGHT), kind=Reaching)
    assert terms(task)[1]["style"] > unmoved


def descend(task, which, steps, rate):
    """Some steps on one loss."""
    nets = {"net": task.net, **task.discriminators}
    optimiser = torch.optim.Adam(nets[which].parameters(), rate, (0.5, 0.99))
    for step in range(1, steps + 1):
        torch.manual_seed(step)
        losses = task.losses(step, 1.0, np.random.default_rng(step))
        loss = next(loss for loss in losses if loss.trains == which)
        optimiser.zero_grad()
        loss.total().backward()
        optimiser.step()


def test_r1_penalty_every_few_steps(task):
    stand_in(task)
    told, _ = terms(task, step=training.R1_EVERY)
    assert told["r1"] > 0 and "r1" not in terms(task, step=1)[0]


def test_generators_learn_their_own_directions():
    """Discriminators that have learned what is dark and what is light turn each into the other."""
    none = dict.fromkeys(("cycle", "identity", "style", "content"), 0.0)
    task = a_task(flat(DARK, 0), flat(LIGHT, 1), **none)
    real = task.net
    stand_in(task)
    descend(task, "critic", 6, 3e-3)
    task.net = real
    descend(task, "net", 5, 2e-3)
    with torch.no_grad():
        for direction, sign in (("paint", 1), ("photograph", -1)):
            given = task.held[direction]
            made = task._repaint(task.net, direction, given)
            assert sign * float((made - given).mean()) > 0.02, direction


def test_discriminators_compare_pairs_of_same_content(task, monkeypatch):
    """The painting that a logit is compared with is that whose means were painted again."""
    stand_in(task)
    monkeypatch.setattr(task, "_recoloured", lambda pictures, direction: pictures)
    compared = []
    monkeypatch.setattr(
        training, "relativistic_loss", lambda *pair: compared.append(pair) or pair[0].sum()
    )
    terms(task)
    first = compared[
        : len(compared) // 2
    ]  # of the discriminators; paint: new, again; photograph: …
    again = [*first[3:6], *first[9:12]]
    for made, real in again:  # nothing was changed; spectral norms still settle
        torch.testing.assert_close(made, real, atol=1e-2, rtol=0)
    assert any(not torch.allclose(made, real, atol=5e-2) for made, real in first[:3])


def test_losses_train_their_own_nets_only(task):
    for loss in task.losses(0, 1.0, np.random.default_rng(0)):
        for net in (task.net, *task.discriminators.values()):
            net.zero_grad(set_to_none=True)
        loss.total().backward()
        nets = {"net": task.net, **task.discriminators}
        moved = {
            name: [p.grad is not None and bool(p.grad.any()) for p in net.parameters()]
            for name, net in nets.items()
        }
        assert sum(moved.pop(loss.trains)) > 10
        assert not any(any(grads) for grads in moved.values())


@pytest.mark.parametrize("directions", cyclegan.DIRECTIONS)
def test_task_one_direction_trains_that_net_only(directions):
    task = a_task(flat(DARK, 0), flat(LIGHT, 1), ways=directions)
    assert set(task.discriminators["critic"]) == {directions}
    _, loss = task.losses(0, 1.0, np.random.default_rng(0))
    loss.total().backward()
    moved = {name for name, p in task.net.named_parameters() if p.grad is not None}
    assert len(moved) > 10 and {name.split(".")[0] for name in moved} == {directions}


class Scrambling(nn.Module):
    """Stands in for a generator: keeps what is of its own kind, the second half, and no other."""

    def __init__(self, deviation):
        super().__init__()
        self.deviation = nn.Parameter(torch.tensor(deviation))

    def forward(self, picture, grain):
        first, second = picture.tensor_split(2)
        return torch.cat((first + self.deviation * torch.randn_like(first), second))


def test_content_loss_applies_to_paintings_only(task, monkeypatch):
    """A painting has dabs that no photograph needs to have."""
    monkeypatch.setattr(task, "_recoloured", lambda pictures, direction: pictures)
    stand_in(task, photograph=0.3, kind=Scrambling)
    assert terms(task)[1]["content"] == pytest.approx(0, abs=2e-3)
    stand_in(task, paint=0.3, kind=Scrambling)
    assert terms(task)[1]["content"] > 0.1


def test_task_start_loads_embedded_pair():
    task = a_task(flat(DARK, 0), flat(LIGHT, 1), start="ukiyoe")
    state = load_file(weights_folder() / "cyclegan_ukiyoe.safetensors")
    for name, value in task.net.state_dict().items():
        assert torch.equal(value, state[name].float()), name


def test_task_scores_and_sheet(task):
    stand_in(task)
    with torch.no_grad():
        scores = task.score(task.net)
        shown = task.sample(task.net)
    assert scores["paint"] == pytest.approx(1, abs=0.05)  # nothing gained
    assert scores["photograph"] == pytest.approx(1, abs=0.05)
    assert scores["cycle"] == pytest.approx(0, abs=1e-3)
    assert shown.shape == (6 * 2 * SIZE, training.SHOWN * 2 * SIZE, 3)
    assert 0 <= shown.min() and shown.max() <= 1


# Pictures


class Adding:
    """A net that adds a constant to the picture."""

    spec = SimpleNamespace(multiple=cyclegan.STRIDE, margin=56)

    def __init__(self, light, seen):
        self.light, self.seen = np.float32(light), seen

    def __call__(self, picture, grain):
        assert picture.shape[1] == 3 and grain.shape[1] == 1
        self.seen.append(picture.size)
        return {"repainted": picture + self.light}


class Lent:
    """A Context whose nets add what is given by their names."""

    size = SIZE

    def __init__(self, **lighter):
        self.lighter, self.asked, self.seen = lighter, [], []
        self.rng = np.random.default_rng(0)

    def net(self, key, function):
        self.asked.append((key, function))
        return Adding(self.lighter[function], self.seen)

    def check(self):
        """Nobody stops."""


def repaint(ctx, **parameters):
    content = 0.3 + 0.3 * make_photo(161, 147).pixels
    params = method.CycleGanParams(**parameters)
    *before, last = method.METHOD.run({"content": (content,)}, params, ctx)
    assert last.final and not any(frame.final for frame in before)
    assert last.step == last.steps == len(before)
    return last.images[0] - content, last.metrics


def test_cycle_error_unchanged_picture_is_zero():
    change, metrics = repaint(Lent(paint=0.0, photograph=0.0), brush=1)
    assert not change.any() and metrics == {"cycle_error": 0.0}


def test_cycle_error_measures_way_back():
    change, metrics = repaint(Lent(paint=0.1, photograph=-0.1), brush=1)
    np.testing.assert_allclose(change, 0.1, atol=1e-6)
    assert metrics["cycle_error"] == pytest.approx(0, abs=1e-6)
    change, metrics = repaint(Lent(paint=0.1, photograph=-0.03), brush=1)
    np.testing.assert_allclose(change, 0.1, atol=1e-6)
    assert metrics["cycle_error"] == pytest.approx(0.07, abs=1e-5)


def test_direction_and_painter_choose_net():
    ctx = Lent(paint=0.1, photograph=-0.05)
    change, metrics = repaint(ctx, direction="photograph", painter="ukiyoe", brush=1)
    np.testing.assert_allclose(change, -0.05, atol=1e-6)
    assert metrics["cycle_error"] == pytest.approx(0.05, abs=1e-5)
    assert ctx.asked == [("ukiyoe", "photograph"), ("ukiyoe", "paint")]
    assert method.METHOD.nets(method.CycleGanParams(painter="ukiyoe")) == ("ukiyoe",)
    ctx = Lent(paint=0.1)
    assert repaint(ctx, cycle=False)[1] == {}
    assert ctx.asked == [("ukiyoe", "paint")]


@pytest.mark.parametrize("direction", ["painting", "photograph"])
def test_brush_larger_repaints_smaller_picture(direction):
    fine, coarse = (Lent(paint=0.1, photograph=0.1) for _ in range(2))
    repaint(fine, brush=1, direction=direction)
    change, metrics = repaint(coarse, brush=3, direction=direction)
    assert 2 * coarse.seen[0] < fine.seen[0]  # with their margins
    assert change.mean() == pytest.approx(0.1, abs=5e-3)
    assert metrics["cycle_error"] == pytest.approx(0.2, abs=1e-5)


# The trained nets


@pytest.fixture(scope="module")
def photograph():
    return make_photo(96, 72).pixels


def stylized(photograph, **parameters):
    return generate("cyclegan", content=photograph, size=96, **{"backend": "onnx", **parameters})


@pytest.mark.parametrize("painter", ["impressionism", "ukiyoe"])
@pytest.mark.parametrize("direction", ["painting", "photograph"])
def test_backends_agree(photograph, painter, direction):
    asked = {"painter": painter, "direction": direction}
    one, other = (stylized(photograph, backend=name, **asked) for name in ("onnx", "torch"))
    assert np.abs(one.array - other.array).max() < 2 / 255
    assert one.metrics["cycle_error"] == pytest.approx(other.metrics["cycle_error"], abs=1e-3)
    assert one.report.weights[0]["file"] == f"cyclegan_{painter}.safetensors"
    assert len(one.report.weights) == 1


@pytest.mark.parametrize("painter", ["impressionism", "ukiyoe"])
def test_trained_way_back_returns_near_content(photograph, painter):
    """What is painted differs from the photograph by more than what comes back."""
    found = stylized(photograph, painter=painter)
    change = float(np.abs(found.array - photograph).mean())
    assert change > 0.04
    assert found.metrics["cycle_error"] < 0.8 * change


def test_seed_decides_marks(photograph):
    one, again, other = (stylized(photograph, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.array, again.array)
    assert np.abs(one.array - other.array).mean() > 1e-3
