"""The engine: runs, what can go wrong in them, and what is kept between them."""

from __future__ import annotations

import gc
import math
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_photo
from pydantic import field_validator
from samples import CONTENT, Descent, Hungry, Sample, SampleParams, StubStore

from styleplug.backends.fake import FakeBackend, FakeNet
from styleplug.core.errors import (
    BackendError,
    BadParameter,
    Cancelled,
    MethodError,
    OutOfMemory,
    UsageError,
)
from styleplug.core.frame import Frame
from styleplug.core.method import Method
from styleplug.core.recipe import Finish, Recipe
from styleplug.core.weight import WeightFile
from styleplug.engine import Engine, plan
from styleplug.engine import host as host_module
from styleplug.engine.inputs import MIN_SIDE
from styleplug.engine.nets import NetCache
from styleplug.imaging import Picture
from styleplug.methods import Catalogue
from styleplug.plugins.guard import Guarded


def recipe(method="sample", size=64, **values):
    return Recipe(method=method, size=size, backend=values.pop("backend", "fake"), **values)


def hosting(method, calibration, store=None):
    return Engine(Catalogue({method.id: method}, {}), store=store, calibration=calibration)


def last(frames):
    return list(frames)[-1]


# What a run yields


def test_run_one_final_frame_with_report(engine, photo):
    frames = list(engine.run(recipe(), {"content": [photo]}))
    assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert [frame.step for frame in frames if frame.images] == [1, 2, 3, 4]
    report = frames[-1].report
    assert all(frame.report is None for frame in frames[:-1])
    assert (report.method, report.backend, report.steps) == ("sample", "fake", 4)
    assert (report.width, report.height) == (64, 43) == frames[-1].images[0].shape[1::-1]
    assert report.metrics == {"loss": 0.25} and not report.cancelled
    assert report.seconds > 0 and 20 < report.peak_rss_mb < 1e5
    assert {"styleplug", "python", "numpy"} == set(report.recipe.versions)
    assert report.recipe.parameters == {"steps": 4, "noise": 0.1}


def test_report_names_backend_used(engine, photo, painting):
    report = last(engine.run(recipe("descent"), {"content": [photo], "style": [painting]})).report
    assert report.provider == "fake"
    assert report.weights == ({"file": "encoder", "sha256": "", "source": "fake"},)
    assert any("no learned weights" in note for note in report.notes)


def test_run_same_seed_same_picture(engine, photo):
    pictures = [
        last(engine.run(recipe(seed=seed), {"content": [photo]})).images[0] for seed in (1, 1, 2)
    ]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_run_completed_recipe_same_picture(engine, photo):
    asked = recipe(seed=5, parameters={"noise": 0.3}, finish=Finish(strength=0.5))
    first = last(engine.run(asked, {"content": [photo]}))
    again = Recipe.from_json(first.report.recipe.to_json())
    second = last(engine.run(again, {"content": [photo]}))
    assert np.array_equal(first.images[0], second.images[0])
    assert second.report.recipe == first.report.recipe
    assert not any("recipe" in note for note in second.report.notes)


def test_run_applies_finish_and_keeps_alpha(engine, photo):
    alpha = np.linspace(0, 1, photo.width, dtype=np.float32)[None].repeat(photo.height, 0)
    content = Picture(photo.pixels, alpha)
    image = last(engine.run(recipe(size=90), {"content": [content]})).images[0]
    assert image.shape == (60, 90, 4) and np.allclose(image[..., 3], alpha)
    off = recipe(size=90, finish=Finish(strength=0.0))
    assert np.allclose(last(engine.run(off, {"content": [photo]})).images[0], photo.pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (7, 301), (33, 65)])
def test_run_any_shape_of_content(shape, engine, catalogue):
    final = last(engine.run(recipe(size=64), {"content": [make_photo(*shape)]}))
    seen = catalogue.get("sample").seen[0]["content"][0]
    assert min(seen.shape[:2]) >= MIN_SIDE and max(seen.shape[:2]) == 64
    width, height = final.images[0].shape[1::-1]
    assert max(width, height) == 64
    assert width == max(1, round(64 * shape[0] / max(shape)))
    assert height == max(1, round(64 * shape[1] / max(shape)))


def test_run_other_slots_only_reduced(engine, catalogue):
    small, large = make_photo(40, 20), make_photo(1000, 500)
    images = {"content": [small], "style": [small, large]}
    method = catalogue.get("descent")
    method.run = lambda images, params, ctx: Sample.run(method, images, params, ctx)
    list(engine.run(recipe("descent"), images))
    assert [image.shape for image in method.seen[0]["style"]] == [(20, 40, 3), (64, 128, 3)]
    assert method.seen[0]["content"][0].shape == (32, 64, 3)


# What is refused at once


@pytest.mark.parametrize(
    ("method", "slots", "words"),
    [
        ("descent", {"content": 1}, ["'style'", "got none"]),
        ("descent", {"content": 1, "style": 0}, ["'style'", "got none"]),
        ("descent", {"content": 1, "style": 3}, ["'style'", "at most 2", "got 3"]),
        ("sample", {"content": 1, "style": 1}, ["'style'", "content"]),
        ("sampel", {"content": 1}, ["'sampel'", "did you mean 'sample'", "descent"]),
    ],
)
def test_run_wrong_pictures_refused(method, slots, words, engine, photo):
    with pytest.raises(UsageError) as caught:
        engine.run(recipe(method), {slot: [photo] * count for slot, count in slots.items()})
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"noise": math.nan}, {"stepz": 1}])
def test_run_wrong_parameters_refused(bad, engine, photo):
    with pytest.raises(BadParameter, match=next(iter(bad))):
        engine.run(recipe(parameters=bad), {"content": [photo]})
    with pytest.raises(BadParameter):
        engine.plan(recipe(parameters=bad), {"content": [(9, 9)]})


# Stop


def test_stop_within_one_step_keeps_picture(engine, catalogue, photo):
    stop = threading.Event()
    frames = engine.run(recipe(parameters={"steps": 50}), {"content": [photo]}, stop)
    while not (shown := next(frames)).images:
        pass
    stop.set()
    rest = list(frames)
    assert len(rest) == 1 and rest[0].final and rest[0].report.cancelled
    assert rest[0].report.steps == shown.step == 1
    assert np.array_equal(rest[0].images[0], shown.images[0])
    assert catalogue.get("sample").closed == 1


def test_stop_before_picture_raises_cancelled(engine, photo):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        list(engine.run(recipe(), {"content": [photo]}, stop))


def test_stop_without_checks_of_method(photo, calibration):
    class Deaf(Sample):
        def run(self, images, params, ctx):
            for step in range(1, 50):
                yield Frame(step, 50, (images["content"][0],))
            yield Frame(50, 50, (images["content"][0],), final=True)

    stop = threading.Event()
    for frame in hosting(Deaf(), calibration).run(recipe(), {"content": [photo]}, stop):
        if frame.step == 3:
            stop.set()
    assert frame.final and frame.report.cancelled and frame.step == 3


def test_stop_between_calls_of_net(photo, painting, calibration):
    stop, calls = threading.Event(), []

    class Busy(Descent):
        def run(self, images, params, ctx):
            yield Frame(0, 1, (images["content"][0],))
            for _ in range(50):
                calls.append(1)
                if len(calls) == 5:
                    stop.set()
                ctx.net("encoder", "describe")(picture=np.zeros((1, 3, 8, 8), np.float32))
            yield Frame(1, 1, (images["content"][0],), final=True)

    images = {"content": [photo], "style": [painting]}
    final = last(hosting(Busy(), calibration).run(recipe("descent"), images, stop))
    assert final.report.cancelled and len(calls) == 5


def test_stop_during_download(photo, painting, calibration, monkeypatch):
    monkeypatch.setattr(FakeBackend, "needs_weights", True)
    stop = threading.Event()
    engine = hosting(Descent(), calibration, StubStore())
    frames = engine.run(recipe("descent"), {"content": [photo], "style": [painting]}, stop)
    assert next(frame.note for frame in frames if "1 of 2" in frame.note)
    stop.set()
    with pytest.raises(Cancelled):
        next(frames)


def test_close_ends_method_and_returns_nets(engine, photo, painting, catalogue):
    frames = engine.run(recipe("descent"), {"content": [photo], "style": [painting]})
    while not next(frames).images:
        pass
    entries = engine._shared.cache._entries.values()
    assert [entry.users for entry in entries] == [1, 1]
    frames.close()
    assert [entry.users for entry in entries] == [0, 0]
    assert not [t for t in threading.enumerate() if t.name == "memory-watch"]


def test_close_closes_generator_held_elsewhere(photo, calibration):
    class Kept(Sample):
        def run(self, images, params, ctx):
            self.mine = super().run(images, params, ctx)
            return self.mine

    method = Kept()
    frames = hosting(method, calibration).run(recipe(), {"content": [photo]})
    while not next(frames).images:
        pass
    frames.close()
    assert method.closed == 1


def test_run_end_collects_young_garbage_only(engine, photo, monkeypatch):
    """All modules and the page are older, and looking through them takes longer than many runs."""
    oldest = []
    monkeypatch.setattr(gc, "collect", lambda generation=2: oldest.append(generation))
    list(engine.run(recipe(), {"content": [photo]}))
    assert set(oldest) == {1}


def test_close_frees_pictures(engine, photo, catalogue):
    import weakref

    method = catalogue.get("sample")
    frames = engine.run(recipe(), {"content": [photo]})
    while not (frame := next(frames)).images:
        pass
    held = weakref.ref(method.seen.pop()["content"][0])
    del frame
    frames.close()
    del frames
    gc.collect()
    assert held() is None and method.closed == 1


def test_stop_is_per_visitor(engine, photo):
    mine, other = threading.Event(), threading.Event()
    first = engine.run(recipe(), {"content": [photo]}, mine)
    second = engine.run(recipe(), {"content": [photo]}, other)
    while not next(first).images or not next(second).images:
        pass
    mine.set()
    assert last(first).report.cancelled
    assert not last(second).report.cancelled


# Memory


@pytest.mark.parametrize("error", [OutOfMemory, MemoryError])
def test_memory_short_steps_down_once(error, photo, calibration):
    method = Hungry()
    method.error = error
    frames = list(hosting(method, calibration).run(recipe("hungry", 140), {"content": [photo]}))
    report = frames[-1].report
    assert (report.width, report.recipe.size) == (98, 98)
    assert any("140 px" in note and "98 px" in note for note in report.notes)
    assert any("98 px" in frame.note for frame in frames[:-1])


@pytest.mark.slow
def test_memory_short_twice_raises(photo, calibration):
    with pytest.raises(OutOfMemory, match=r"200 px, nor for 140 px .*choose a smaller size"):
        list(hosting(Hungry(), calibration).run(recipe("hungry", 200), {"content": [photo]}))


@pytest.mark.slow
def test_memory_short_at_smallest_size_raises(photo, calibration):
    method = Hungry()
    method.most = 10
    with pytest.raises(OutOfMemory, match=r"memory for 64 px \(.*a smaller size would not help"):
        list(hosting(method, calibration).run(recipe("hungry", 64), {"content": [photo]}))


@pytest.mark.slow
def test_memory_short_closes_idle_nets(engine, photo, painting):
    list(engine.run(recipe("descent"), {"content": [photo], "style": [painting]}))
    assert engine._shared.cache._entries
    list(engine.run(recipe("hungry", 140), {"content": [photo]}))
    assert not engine._shared.cache._entries


# Methods that break their contract


class Misbehaving(Sample):
    def __init__(self, frames):
        super().__init__()
        self.frames = frames

    def run(self, images, params, ctx):
        return self.frames(images["content"][0])


GOOD = Frame(1, 1, (np.full((43, 64, 3), 0.5, np.float32),), final=True)


def _with(**changes):
    return lambda content: iter([replace(GOOD, **changes)])


def _fails(error):
    def frames(content):
        yield replace(GOOD, final=False)
        raise error

    return frames


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lambda c: iter(()), "without a final frame"),
        (lambda c: iter([replace(GOOD, final=False)]), "without a final frame"),
        (lambda c: iter([GOOD, GOOD]), "continued after its final frame"),
        (lambda c: iter([GOOD, replace(GOOD, final=False)]), "continued after its final frame"),
        (_with(images=()), "has no picture"),
        (_with(images=(np.full((43, 64, 3), np.nan),)), "pixels from nan"),
        (_with(images=(np.full((43, 64, 3), 255.0),)), "from 255 to 255; expected 0 to 1"),
        (_with(images=(np.ones((43, 64)),)), r"array\(43, 64\); .* arrays \(h, w, 3\)"),
        (_with(images=(np.ones((0, 64, 3)),)), "expected"),
        (_with(images=("picture",)), r"images = 'picture'; expected a tuple of arrays \(h, w, 3\)"),
        (_with(images=None), "images = None; expected"),
        (_with(step="first"), "step = 'first'; expected a whole number"),
        (_with(steps=-1), "steps = -1; expected a whole number"),
        (_with(note=3), "note = 3; expected text"),
        (_with(metrics={"loss": "low"}), "metrics = {'loss': 'low'}; expected numbers by name"),
        (_with(metrics=None), "metrics = None"),
        (_with(fps="fast"), "fps = 'fast'; expected 0 to 100 pictures a second"),
        (lambda c: iter([None, GOOD]), "yielded None; expected a Frame"),
        (_with(images=(np.ones((64, 43, 3)),)), "43 × 64 pixels; expected 64 × 43"),
        (lambda c: iter(["frame"]), "yielded 'frame'; expected a Frame"),
        (lambda c: None, "NoneType"),
        (lambda c: 1 / 0, "ZeroDivisionError"),
        (_fails(ValueError("boom")), "failed after step 1: ValueError: boom"),
        (_fails(SystemExit(3)), "failed after step 1: SystemExit: 3"),
    ],
)
def test_method_broken_contract_named(frames, words, photo, calibration):
    engine = hosting(Misbehaving(frames), calibration)
    with pytest.raises(MethodError, match=words) as caught:
        list(engine.run(recipe(), {"content": [photo]}))
    assert "'sample'" in str(caught.value)


def test_method_error_keeps_cause_and_pictures(photo, calibration):
    engine, boom = hosting(Misbehaving(_fails(KeyError("x"))), calibration), []
    with pytest.raises(MethodError) as caught:
        for frame in engine.run(recipe(), {"content": [photo]}):
            boom.extend(frame.images)
    assert isinstance(caught.value.__cause__, KeyError) and len(boom) == 1


def test_method_own_errors_pass(photo, calibration):
    engine = hosting(Misbehaving(_fails(BadParameter("two shares for one style"))), calibration)
    with pytest.raises(BadParameter, match="two shares"):
        list(engine.run(recipe(), {"content": [photo]}))


def test_method_undeclared_net_refused(photo, calibration):
    class Greedy(Sample):
        def run(self, images, params, ctx):
            yield Frame(0, 0, (images["content"][0],), final=bool(ctx.net("secret", "gram")))

    with pytest.raises(MethodError, match=r"'secret'.*none"):
        list(hosting(Greedy(), calibration).run(recipe(), {"content": [photo]}))


def test_method_rounding_clipped(photo, calibration):
    engine = hosting(Misbehaving(_with(images=(np.full((43, 64, 3), 1.0005),))), calibration)
    image = last(engine.run(recipe(), {"content": [photo]})).images[0]
    assert image.dtype == np.float32 and image.max() == 1


def test_method_without_input(calibration):
    class Dream(Sample):
        inputs = ()

        def run(self, images, params, ctx):
            yield Frame(1, 1, (ctx.rng.random((32, 48, 3)),) * 2, final=True)

        def shape(self, params, width, height):
            return width * 3 // 4, height // 2

    engine = hosting(Dream(), calibration)
    final = last(engine.run(recipe(), {}))
    assert [image.shape for image in final.images] == [(32, 48, 3)] * 2
    assert engine.plan(recipe(), {}).width == 48 == final.report.width
    assert final.report.count == 2


# Weights, versions


def test_notes_of_store_and_recipe_reach_report(photo, painting, calibration, monkeypatch):
    monkeypatch.setattr(FakeBackend, "needs_weights", True)
    engine = hosting(Descent(), calibration, StubStore("the Hub is down: embedded instead"))
    images = {"content": [photo], "style": [painting]}
    asked = recipe(
        "descent",
        versions={"numpy": "1.0", "torch": "2.0"},
        weights={"a.safetensors": "other", "b.safetensors": "d2"},
    )
    frames = list(engine.run(asked, images))
    assert "downloading 2 of 2 MB" in [frame.note for frame in frames]
    report = frames[-1].report
    notes = "\n".join(report.notes)
    for words in ("Hub is down", "made with numpy 1.0", "made with torch 2.0, this is without"):
        assert words in notes
    assert "other weights a.safetensors" in notes and "weights b.safetensors" in notes
    assert report.recipe.weights == {"a.safetensors": "d1"}
    again = list(engine.run(report.recipe, images))[-1].report.notes
    assert not any("recipe" in note for note in again)


def test_backend_not_installed_named(engine, photo, monkeypatch):
    def refuse(name, device):
        raise BackendError("get it by `pip install torch`")

    monkeypatch.setattr(host_module, "choose", refuse)
    with pytest.raises(BackendError, match="pip install"):
        list(engine.run(recipe(backend="torch"), {"content": [photo]}))


# Nets shared by all runs


class Counting(FakeBackend):
    """Notes what it loads and closes, and how many calls overlap."""

    def __init__(self):
        super().__init__("cpu")
        self.loaded, self.closed, self.inside, self.most = [], [], 0, 0

    def load(self, file, function):
        self.loaded.append(file.sha256)
        time.sleep(0.02)
        if function == "broken":
            raise BackendError("does not fit")
        backend, net = self, FakeNet(file, function)
        compute, close = net.compute, net.close

        class Watched(FakeNet):
            def compute(self, arrays):
                backend.inside += 1
                backend.most = max(backend.most, backend.inside)
                time.sleep(0.01)
                backend.inside -= 1
                return compute(arrays)

            def close(self):
                backend.closed.append(file.sha256)
                close()

        return Watched(file, function)


def weight(tmp_path: Path, name: str, size: int = 100) -> WeightFile:
    (tmp_path / name).write_bytes(b"0" * size)
    return WeightFile("any", tmp_path / name, name, "test")


def never() -> None:
    pass


def test_net_cache_loads_once_calls_one_at_a_time(tmp_path):
    backend, cache, file = Counting(), NetCache(), weight(tmp_path, "a")
    picture = np.zeros((1, 3, 8, 8), np.float32)

    def visit():
        net = cache.borrow(backend, file, "describe", never)
        for _ in range(3):
            net(picture=picture)
        net.close()

    visitors = [threading.Thread(target=visit) for _ in range(6)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert backend.loaded == ["a"] and backend.most == 1 and not backend.closed


def test_net_cache_closes_oldest_idle(tmp_path):
    backend, cache = Counting(), NetCache(limit=250)
    files = {name: weight(tmp_path, name) for name in "abcd"}
    borrowed = {name: cache.borrow(backend, files[name], "describe", never) for name in "abc"}
    assert not backend.closed  # over the limit, but all in use
    borrowed["b"].close()
    assert backend.closed == ["b"]
    borrowed["a"].close()
    borrowed["c"].close()
    cache.borrow(backend, files["a"], "describe", never).close()  # a is now the latest
    cache.borrow(backend, files["d"], "describe", never).close()
    assert backend.closed == ["b", "c"] and backend.loaded == ["a", "b", "c", "d"]
    with pytest.raises(BackendError, match="was returned"):
        borrowed["a"](picture=np.zeros((1, 3, 8, 8), np.float32))
    cache.shrink()
    assert backend.closed == ["b", "c", "a", "d"]


def test_net_cache_failed_load_tried_again(tmp_path):
    backend, cache, file = Counting(), NetCache(), weight(tmp_path, "a")
    for _ in range(2):
        with pytest.raises(BackendError, match="does not fit"):
            cache.borrow(backend, file, "broken", never)
    assert len(backend.loaded) == 2 and not cache._entries


def test_net_cache_waiting_hears_stop(tmp_path):
    backend, cache, file = Counting(), NetCache(), weight(tmp_path, "a")
    first = cache.borrow(backend, file, "describe", never)
    stop = threading.Event()

    def check():
        if stop.is_set():
            raise Cancelled("stopped")

    second = cache.borrow(backend, file, "describe", check)
    with first.lock():
        threading.Timer(0.05, stop.set).start()
        with pytest.raises(Cancelled):
            second(picture=np.zeros((1, 3, 8, 8), np.float32))


# Plans


def test_plan_learns_from_runs(engine, photo, calibration):
    asked, sizes = recipe(size=256, parameters={"steps": 10}), {"content": [(90, 60)]}
    guess = engine.plan(asked, sizes)
    assert "rough estimate" in guess.note and (guess.width, guess.height) == (256, 171)
    report = last(engine.run(asked, {"content": [photo]})).report
    learnt = engine.plan(asked, sizes)
    assert learnt.note == "estimated from 1 earlier run"
    assert learnt.seconds <= report.seconds < guess.seconds
    again = Engine(engine.catalogue, calibration=plan.Calibration(calibration._path))
    assert again.plan(asked, sizes).seconds == learnt.seconds


def test_plan_ignores_stopped_runs(engine, photo):
    stop = threading.Event()
    frames = engine.run(recipe(), {"content": [photo]}, stop)
    while not next(frames).images:
        pass
    stop.set()
    list(frames)
    assert "rough estimate" in engine.plan(recipe(), {"content": [(9, 9)]}).note


def test_plan_ignores_slow_consumer(engine, photo):
    asked, sizes = recipe(), {"content": [(90, 60)]}
    for _ in engine.run(asked, {"content": [photo]}):
        time.sleep(0.1)
    assert engine.plan(asked, sizes).seconds < 0.3


def test_plan_ignores_loading_of_nets(photo, painting, calibration, monkeypatch):
    load = FakeBackend.load

    def slow(self, file, function):
        time.sleep(0.3)
        return load(self, file, function)

    monkeypatch.setattr(FakeBackend, "load", slow)
    engine, images = hosting(Descent(), calibration), {"content": [photo], "style": [painting]}
    report = last(engine.run(recipe("descent"), images)).report
    planned = engine.plan(recipe("descent"), {"content": [(90, 60)]})
    assert report.seconds > 0.6 and planned.seconds < 0.3


def test_plan_follows_size_and_waits_for_picture(engine):
    small, large = (engine.plan(recipe(size=s), {"content": [(90, 60)]}) for s in (256, 512))
    assert large.seconds == pytest.approx(4 * small.seconds, rel=0.02)
    assert large.added_mb > small.added_mb
    waiting = engine.plan(recipe(), {"content": []})
    assert waiting.seconds is None and waiting.width == 0 and CONTENT.label in waiting.note


def test_plan_is_quick(engine):
    asked = recipe(backend="auto")
    engine.plan(asked, {"content": [(90, 60)]})
    started = time.perf_counter()
    for _ in range(10):
        engine.plan(asked, {"content": [(90, 60)]})
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("seen", "work", "expected"),
    [
        ([(10, 20), (10, 20), (10, 400)], 10, 20),  # one that the machine was too busy for
        ([(0.1, 2.1), (0.1, 2.1), (100, 102)], 200, 202),  # 2 s to begin, 1 s for each unit
        ([(0.1, 2.1), (0.1, 2.1), (100, 102)], 0.2, 2.2),
        ([(0.1, 2.1)], 100, 102),  # small runs alone tell little: the pace assumed at first
        ([(100, 50)], 1, 0.5),
    ],
)
def test_plan_seconds_follow_work(seen, work, expected):
    kind = plan.Kind("fake", "cpu", "sample", ())
    runs = [plan.Observation(1.0, *one, 1.0) for one in seen]
    assert plan.seconds(kind, runs, work) == pytest.approx(expected, rel=0.01)


def test_calibration_shared_by_processes(tmp_path):
    path, kind = tmp_path / "calibration.json", plan.Kind("fake", "cpu", "sample", ())
    page, command = plan.Calibration(path), plan.Calibration(path)
    seen = [plan.Observation(1, 1, took, 1) for took in (1, 2, 3)]
    assert page.of(kind) == command.of(kind) == ()
    for one, calibration in zip(seen, (page, command, page), strict=True):
        calibration.observe(kind, "d", one)
    assert page.of(kind) == command.of(kind) == tuple(seen)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"a": 3}', b'{"a": ["d", [{"megapixels": -1}]]}', b"\xff"],
)
def test_calibration_damaged_replaced(content, tmp_path):
    path, kind = tmp_path / "calibration.json", plan.Kind("fake", "cpu", "sample", ())
    path.write_bytes(content)
    calibration = plan.Calibration(path)
    assert calibration.of(kind) == ()
    calibration.observe(kind, "d", plan.Observation(1, 2, 3, 4))
    assert plan.Calibration(path).of(kind) == (plan.Observation(1, 2, 3, 4),)


def test_calibration_unwritable_kept_in_memory(tmp_path):
    (tmp_path / "file").write_text("")
    kind = plan.Kind("fake", "cpu", "sample", ())
    calibration = plan.Calibration(tmp_path / "file" / "calibration.json")
    calibration.observe(kind, "d", plan.Observation(1, 2, 3, 4))
    assert calibration.of(kind) == (plan.Observation(1, 2, 3, 4),)


def test_calibration_other_weights_forget(calibration):
    kind = plan.Kind("fake", "cpu", "sample", ("encoder",))
    for digest, took in (("d1", 1), ("d1", 2), ("d2", 3)):
        calibration.observe(kind, digest, plan.Observation(1, 1, took, 1))
    assert [one.seconds for one in calibration.of(kind)] == [3]


@pytest.mark.parametrize(
    ("asked", "given", "words"),
    [
        ("work", float("nan"), "work gives nan; expected a number of steps × megapixels above 0"),
        ("work", "much", "work gives 'much'"),
        ("nets", ("secret",), r"nets gives 'secret'; expected .* of weights \(none\)"),
        ("nets", None, "nets gives None"),
        ("shape", (64.5, 43), "shape gives 64.5, 43; expected width and height"),
        ("shape", (64, 43, 3), "shape gives 64, 43, 3"),
        ("shape", (0, 43), "shape gives 0, 43"),
        ("count", 0, "count gives 0; expected a whole number of 1 or more"),
        ("count", None, "count gives None"),
        ("animated", np.zeros(2), "animated gives array"),
        ("supports_finish", np.zeros(2), "supports_finish gives array"),
        ("work", ZeroDivisionError("boom"), "failed in work: ZeroDivisionError: boom"),
        ("nets", SystemExit(3), "failed in nets: SystemExit: 3"),
        ("supports_finish", KeyError("x"), "failed in supports_finish: KeyError: 'x'"),
        ("explanation", None, "explanation gives None; expected text"),
    ],
)
def test_guard_checks_every_answer(asked, given, words, photo, calibration):
    """One that is amiss ends the run with an error that names the method and the answer."""

    def answer(self, *_):
        if isinstance(given, BaseException):
            raise given
        return given

    engine = hosting(type("Odd", (Sample,), {asked: answer})(), calibration)
    method = engine.catalogue.get("sample")

    def everything():
        engine.plan(recipe(), {"content": [(64, 43)]})
        method.animated(method.params()), method.supports_finish(), method.explanation()
        list(engine.run(recipe(), {"content": [photo]}))

    with pytest.raises(MethodError, match=f"the method 'sample'.* {words}"):
        everything()


def test_guard_covers_every_call():
    computed = {name for name, one in vars(Method).items() if isinstance(one, property)}
    assert {name for name in vars(Method) if not name.startswith("_")} <= {
        *vars(Guarded),
        *Method.__annotations__,
        *computed,  # from what is covered
    }


def test_guard_failing_validator_named(photo, calibration):
    class Picky(SampleParams):
        @field_validator("steps")
        @classmethod
        def check(cls, steps):
            raise ZeroDivisionError("boom")

    class Odd(Sample):
        params = Picky

    with pytest.raises(MethodError, match="Picky failed: ZeroDivisionError: boom"):
        list(hosting(Odd(), calibration).run(recipe(parameters={"steps": 3}), {"content": [photo]}))
