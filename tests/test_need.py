"""Memory: what a run takes, what is predicted of it, and what is said where there is too little."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from conftest import make_photo
from samples import Sample

from styleplug.core.errors import OutOfMemory
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine, memory, need, plan
from styleplug.methods import Catalogue
from styleplug.system import machine
from styleplug.ui import render

CONTENT = {"content": [(90, 60)]}


def recipe(method="sample", size=512):
    return Recipe(method=method, size=size, backend="fake", parameters={"steps": 1})


def hosting(method, calibration):
    return Engine(Catalogue({method.id: method}, {}), calibration=calibration)


def last(frames):
    return list(frames)[-1]


def seen(*observed):
    """Observations by megapixels and memory."""
    return [plan.Observation(megapixels, 1.0, 1.0, mb) for megapixels, mb in observed]


class Greedy(Sample):
    """Takes 50 MB, long enough for the watch to see it."""

    def draw(self, images, params, ctx):
        block = np.ones(50 * 2**17)
        time.sleep(3 * memory._PERIOD)
        return super().draw(images, params, ctx) * np.float32(block[0])


# Measured


@pytest.mark.slow
def test_memory_watch_sees_past_peak():
    np.ones(2**25).sum()  # the record of the process is higher from now on
    before = machine.used_mb()
    with memory.Watch() as watch:
        block = np.ones(2**24)
        deadline = time.monotonic() + 10
        while watch._seen < before + 100 and time.monotonic() < deadline:
            time.sleep(0.01)
        del block
    assert watch.peak_mb > before + 100
    assert 100 < watch.added_mb < 200


def test_memory_of_other_work_not_counted(photo, calibration):
    """A run of 50 MB beside 300 MB of other work is a run of 50 MB, for other processes too."""
    engine = hosting(Greedy(), calibration)
    other = np.ones(300 * 2**17)
    report = last(engine.run(recipe(), {"content": [photo]})).report
    assert report.peak_rss_mb > 350
    for host in (engine, hosting(Greedy(), plan.Calibration(calibration._path))):
        assert 40 < host.plan(recipe(), CONTENT).added_mb < 150
    del other


@pytest.mark.parametrize("other", [memory.Watch, memory.Work])
def test_memory_of_parallel_runs_not_learned(other, photo, calibration):
    engine = hosting(Sample(), calibration)
    guess = engine.plan(recipe(), CONTENT)
    with other() as beside:
        last(engine.run(recipe(), {"content": [photo]}))
    learnt = engine.plan(recipe(), CONTENT)
    assert not beside.alone
    assert learnt.runs == 1 and learnt.added_mb == guess.added_mb
    assert calibration.of(plan.Kind("fake", "cpu", "sample", ()))[0].added_mb is None


def test_calibration_old_peaks_ignored(calibration):
    """As files written before hold them."""
    kind = plan.Kind("fake", "cpu", "sample", ())
    whole = {"megapixels": 0.2, "work": 1.0, "seconds": 1.0, "peak_mb": 3222.0}
    calibration._path.write_text(json.dumps({str(kind): ["", [whole]]}))
    assert calibration.of(kind) == ()


# Predicted


def test_need_is_line_through_observations():
    line = seen(*((mp, 200 + 900 * mp) for mp in (0.1, 0.3, 1.0)))
    for megapixels in (0.05, 0.5, 2.0):
        told = need.added_mb(line, megapixels, tiled=False)
        assert told == pytest.approx(200 + 900 * megapixels)


def test_need_lowered_at_once_raised_if_confirmed():
    guess = need.added_mb((), 0.3, tiled=False)
    assert need.added_mb(seen((0.3, 200)), 0.3, tiled=False) == pytest.approx(200)
    assert need.added_mb(seen((0.3, 9000)), 0.3, tiled=False) == guess
    assert need.added_mb(seen((0.3, 9000), (0.3, 9000)), 0.3, tiled=False) == pytest.approx(9000)
    once = seen((0.3, 200), (0.3, 210), (0.3, 9000), (0.1, 100))
    assert need.added_mb(once, 0.3, tiled=False) < 250


def test_need_of_tiles_hardly_grows():
    """Small runs, whose tile is smaller, do not make believe that a large one does not fit."""
    small = seen(*((mp, 100 + 500 * mp) for mp in (0.1, 0.2, 0.7)))
    for earlier in ((), small):
        assert need.added_mb(earlier, 24.0, tiled=True) < 3200
        assert need.added_mb(earlier, 24.0, tiled=False) > 12_000 * (not earlier)
    assert need.added_mb(small, 0.2, tiled=True) < 250
    large = seen((12.0, 1500.0), (12.0, 1500.0))
    assert need.added_mb(large, 12.0, tiled=True) == pytest.approx(1500)
    assert need.added_mb(large, 0.2, tiled=True) < 500


# Where there is too little


def free(monkeypatch, mb):
    monkeypatch.setattr(machine, "available_mb", lambda: mb)


@pytest.mark.slow
def test_memory_short_smaller_size_tried(engine, photo, monkeypatch):
    free(monkeypatch, need.added_mb((), 400 * 267 / 1e6, tiled=False))
    assert "358 px will be tried" in engine.plan(recipe(), CONTENT).note
    report = last(engine.run(recipe(), {"content": [photo]})).report
    assert report.width == 358 and any("MB are free" in note for note in report.notes)
    free(monkeypatch, 0.0)
    with pytest.raises(OutOfMemory, match="MB are free.*a smaller size would not help"):
        list(engine.run(recipe(), {"content": [photo]}))


class Wide(Sample):
    """Its result is three times as wide as its picture: what it is asked for is not its size."""

    def shape(self, params, width, height):
        return 3 * width, height

    def draw(self, images, params, ctx):
        return np.tile(super().draw(images, params, ctx), (1, 3, 1))


class Fixed(Sample):
    """Its result has one size, whatever is asked for."""

    inputs = ()

    def shape(self, params, width, height):
        return 500, 500


@pytest.mark.slow
def test_memory_short_page_announces_size_tried(photo, calibration, monkeypatch):
    engine = hosting(Wide(), calibration)
    free(monkeypatch, engine.plan(recipe(size=400), CONTENT).added_mb)
    announced = engine.plan(recipe(), CONTENT)
    frame = last(engine.run(recipe(), {"content": [photo]}))
    assert announced.short and announced.smaller == frame.report.recipe.size == 358
    for language, words in (("en", "358 px will be tried"), ("zh", "将改用 358 像素")):
        assert words in render.plan(announced, language)


@pytest.mark.slow
def test_memory_short_smaller_size_no_help(calibration, monkeypatch):
    engine = hosting(Fixed(), calibration)
    free(monkeypatch, 100.0)
    planned = engine.plan(recipe(), {})
    assert planned.short and not planned.smaller and "MB are not free" in planned.note
    for language, words in (("en", "would not help"), ("zh", "无济于事")):
        assert words in render.plan(planned, language)
    with pytest.raises(OutOfMemory, match=r"for 512 px \(.*a smaller size would not help"):
        list(engine.run(recipe(), {}))


def test_memory_short_for_weights_ends_run(photo, painting, calibration, monkeypatch):
    from samples import Descent

    from styleplug.backends.fake import FakeBackend

    asked = []

    def load(self, file, function):
        asked.append(function)
        raise OutOfMemory("there is not enough memory for any", sized=False)

    monkeypatch.setattr(FakeBackend, "load", load)
    images = {"content": [photo], "style": [painting]}
    with pytest.raises(OutOfMemory, match="^there is not enough memory for any: close other"):
        list(hosting(Descent(), calibration).run(recipe("descent"), images))
    assert asked == ["describe"] * 2  # once more without the nets that were idle


@pytest.mark.slow
def test_memory_of_idle_nets_counts_as_free(photo, calibration, monkeypatch):
    engine = hosting(Sample(), calibration)
    cache = engine._shared.cache
    needed = engine.plan(recipe(), CONTENT).added_mb
    kept = [True]
    monkeypatch.setattr(cache, "idle_mb", lambda: 500.0 * bool(kept))
    monkeypatch.setattr(cache, "shrink", lambda *_: kept.clear())
    monkeypatch.setattr(machine, "available_mb", lambda: needed + 100 - 500 * bool(kept))
    assert not engine.plan(recipe(), CONTENT).short
    assert last(engine.run(recipe(), {"content": [make_photo(90, 60)]})).report.width == 512
    assert not kept


def test_recipe_repeated_loads_no_net(photo, painting, engine):
    from styleplug.backends.fake import FakeBackend

    images = {"content": [photo], "style": [painting]}
    asked = Recipe(method="descent", size=64, backend="fake", device="auto")
    report = last(engine.run(asked, images)).report
    loaded = dict(engine._shared.cache._entries)
    for device in ("auto", "cpu"):
        again = report.recipe.model_copy(update={"device": device})
        last(engine.run(again, images))
    assert dict(engine._shared.cache._entries) == loaded
    assert all(isinstance(key[0], FakeBackend) for key in loaded)
