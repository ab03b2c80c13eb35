"""What every method keeps to, on every backend that is installed."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from cases import METHODS, knows, on_every_backend, quickest, require, short
from conftest import make_photo

from styleplug.core.errors import BadParameter, UsageError
from styleplug.core.method import MASK
from styleplug.core.params import bounds_of, choices_of
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.imaging import Picture, fit
from styleplug.methods import admit
from styleplug.methods.shared.generation import GeneratorParams

SIZE = 64


@pytest.fixture(params=METHODS.methods)
def method(request):
    return METHODS.get(request.param)


@pytest.fixture
def backend(request, method):
    require(method, request.param)
    return request.param


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return Engine(METHODS, calibration=Calibration(tmp_path_factory.mktemp("c") / "c.json"))


def pictures(method, width=80, height=60, count=1):
    return {
        slot.id: [
            make_photo(width, height, seed=9 * place + i) for i in range(min(count, slot.most))
        ]
        for place, slot in enumerate(method.inputs)
    }


def recipe(method, backend, fewest=3, **parameters):
    values = {**short(method, fewest), **parameters}
    return Recipe(
        method=method.id, size=SIZE, backend=backend, device="cpu", parameters=values, seed=7
    )


def shaped(method, width, height):
    """Height and width of a short run's result, of a first picture of so many pixels."""
    return method.shape(method.params.of(short(method)), width, height)[::-1]


def test_method_is_admitted(method):
    admit(method)


@on_every_backend()
def test_run_previews_then_one_final(method, backend, host):
    frames = list(host.run(recipe(method, backend), pictures(method)))
    assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
    steps = [frame.step for frame in frames]
    assert steps == sorted(steps) and all(0 <= f.step <= f.steps for f in frames if f.steps)
    final, report = frames[-1], frames[-1].report
    assert report.backend == backend and not report.cancelled
    assert report.steps == final.step == final.steps
    assert {weight["file"] for weight in report.weights} or not method.weights
    params = method.params.of(recipe(method, backend).parameters)
    assert len(final.images) == report.count == method.count(params)
    assert bool(final.fps) is bool(report.fps) is method.animated(params)
    for image in final.images:
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
        assert image.shape == (*shaped(method, 64, 48 if method.inputs else SIZE), 3)
    assert all(np.isfinite(value) for value in report.metrics.values())


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (7, 301), (301, 7), (33, 65)])
@on_every_backend(lambda method: method.inputs)
def test_run_odd_sizes(method, backend, shape, host):
    image = list(host.run(recipe(method, backend), pictures(method, *shape)))[-1].images[0]
    width, height = (max(1, round(side * SIZE / max(shape))) for side in shape)
    assert image.shape[:2] == shaped(method, width, height)


@on_every_backend()
def test_run_same_seed_or_recipe_same_picture(method, backend, host):
    given = pictures(method)
    first = list(host.run(recipe(method, backend), given))[-1]
    again = Recipe.from_json(first.report.recipe.to_json())
    second = list(host.run(again, given))[-1]
    assert np.array_equal(first.images, second.images)
    assert second.report.recipe == again


@on_every_backend()
def test_run_stops_within_one_step(method, backend, host):
    stop, shown = threading.Event(), 0
    for frame in host.run(recipe(method, backend), pictures(method), stop):
        shown += bool(frame.images) and not frame.final
        if shown:
            stop.set()
    assert frame.final
    assert shown == frame.report.cancelled  # neither, where the first picture is the last


@on_every_backend()
def test_run_closed_early_returns_nets(method, backend, host):
    frames = host.run(recipe(method, backend), pictures(method))
    while not next(frames).images:
        pass
    frames.close()
    assert all(entry.users == 0 for entry in host._shared.cache._entries.values())


@on_every_backend()
def test_run_most_pictures(method, backend, host):
    frames = list(host.run(recipe(method, backend), pictures(method, count=9)))
    assert frames[-1].final


@on_every_backend(lambda method: method.slots != method.inputs)
def test_run_mask_paints_only_there(method, backend, host):
    marks = np.zeros((60, 80, 3), np.float32)
    marks[:, :40] = 1
    given = {**pictures(method), MASK: [Picture(marks)]}
    first = fit(given[method.inputs[0].id][0], SIZE).pixels
    image = list(host.run(recipe(method, backend), given))[-1].images[0]
    np.testing.assert_array_equal(image[:, 33:], first[:, 33:])
    assert (image[:, :30] != first[:, :30]).any()


@on_every_backend(lambda method: not method.inputs or not all(s.least for s in method.inputs))
def test_run_fewest_pictures(method, backend, host):
    """What is optional may be left out; a method may say that it then has nothing to do."""
    needed = {slot.id for slot in method.inputs if slot.least}
    few = {name: given for name, given in pictures(method).items() if name in needed}
    assert host.plan(recipe(method, backend), {name: [(80, 60)] for name in few}).width
    try:
        final = list(host.run(recipe(method, backend), few))[-1]
    except UsageError as refusal:
        assert few and len(str(refusal)) > 20
    else:
        assert final.final and (few or final.report.width == final.report.height)


@on_every_backend(lambda method: issubclass(method.params, GeneratorParams))
def test_generator_walks_and_samples_same_for_any_count(method, backend, host):
    given = pictures(method)
    one, two, walk = (
        list(host.run(recipe(method, backend, **asked), given))[-1]
        for asked in ({"count": 1}, {"count": 2}, {"walk": 3, "walk_to": 5})
    )
    assert (len(one.images), len(two.images), len(walk.images)) == (1, 2, 3)
    assert np.abs(one.images[0] - two.images[0]).max() < 1 / 255
    assert np.abs(two.images[0] - two.images[1]).max() > 1 / 255
    assert walk.fps > 0 == one.fps and not np.array_equal(walk.images[0], walk.images[1])


@pytest.mark.slow
def test_parameters_every_choice_runs(method, host):
    for name, info in method.params.model_fields.items():
        choices = choices_of(info) or ((True, False) if info.annotation is bool else ())
        for choice in choices:
            asked = recipe(method, quickest(method, **{name: choice}), 1, **{name: choice})
            frames = list(host.run(asked, pictures(method)))
            assert frames[-1].report.recipe.parameters[name] == choice


def test_parameters_bounds_are_valid(method):
    for name, info in method.params.model_fields.items():
        for bound in bounds_of(info):
            if bound is not None:
                params = method.params.of({name: bound})
                assert np.isfinite(method.work(params, 10**6)) and method.work(params, 10**6) > 0


def test_parameters_bad_values_named(method, host):
    bad = [("no_such_parameter", 1)]
    for name, info in method.params.model_fields.items():
        low, high = bounds_of(info)
        bad += [(name, "nonsense"), (name, None), (name, [[]])]
        bad += [(name, bound) for bound in (low and low - 1, high and high + 1) if bound]
        bad += [(name, float("nan"))] if info.annotation is float else []
    for name, value in bad:
        asked = Recipe(method=method.id, backend="fake", parameters={name: value})
        with pytest.raises(BadParameter, match=name):
            host.run(asked, pictures(method))


def test_pictures_missing_or_surplus_named(method, host):
    given = pictures(method)
    with pytest.raises(UsageError, match="'no_such_slot'"):
        host.run(recipe(method, "fake"), {**given, "no_such_slot": [make_photo(9, 9)]})
    for slot in method.inputs:
        for count in {max(slot.least - 1, 0), slot.most + 1} - {slot.least}:
            wrong = {**given, slot.id: [make_photo(9, 9)] * count}
            with pytest.raises(UsageError, match=repr(slot.id)):
                host.run(recipe(method, "fake"), wrong)


def test_plan_grows_with_size(method, tmp_path):
    host = Engine(METHODS, calibration=Calibration(tmp_path / "c.json"))  # of no runs yet
    sizes = {slot.id: [(80, 60)] for slot in method.inputs}
    small, large = (
        host.plan(Recipe(method=method.id, backend="fake", size=size), sizes) for size in (64, 512)
    )
    assert 0 < small.seconds < large.seconds and 0 < small.added_mb <= large.added_mb


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [id for id, one in METHODS.methods.items() if knows("onnx", one)], indirect=True
)
def test_backends_torch_and_onnx_agree(method, host, capsys):
    """Rounding differs, and optimisers amplify it: the bulk must agree, not each pixel."""
    for name in ("torch", "onnx"):
        require(method, name)
    first, second = (
        list(host.run(recipe(method, name, **short(method, 10)), pictures(method)))[-1].images[0]
        for name in ("torch", "onnx")
    )
    error = np.abs(first - second)
    shares = (50, 90, 99, 100)
    spread = dict(zip(shares, np.percentile(error, shares).round(5).tolist(), strict=True))
    with capsys.disabled():
        print(f"\n{method.id}: torch against onnx, percentiles of the absolute error: {spread}")
    assert spread[50] < 1 / 255 and spread[99] < 8 / 255, spread
