"""Enlarging the result of a run by `enhance`."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import styleplug
from styleplug.core.errors import BadParameter, OutOfMemory
from styleplug.core.recipe import Recipe, Settings
from styleplug.engine import shared
from styleplug.engine.request import narrowed
from styleplug.imaging import Picture

PHOTO = np.random.default_rng(0).random((40, 64, 3), np.float32)
STYLE = PHOTO[:, ::-1].copy()
COMMON = {"backend": "onnx", "size": 64}


def paint(content=PHOTO, **values):
    return styleplug.stylize(content, STYLE, "cnn", **COMMON, **values)


@pytest.fixture(scope="module")
def small():
    return paint()


@pytest.fixture(scope="module")
def large():
    return paint(enlarge="2")


def test_result_enlarged_by_enhance(small, large):
    *_, again = styleplug.run("enhance", content=small.images[0], backend="onnx", size=128)
    assert large.images[0].shape == (80, 128, 3)
    np.testing.assert_allclose(large.images[0], again.images[0], atol=1e-6)


def test_report_covers_both_runs(small, large):
    one, both = small.report, large.report
    assert (both.method, both.width, both.height) == ("cnn", 128, 80)
    assert both.recipe.enlarge == "2" and both.recipe.size == 64
    more = {"enhance.safetensors"}
    assert {file["file"] for file in both.weights} == {file["file"] for file in one.weights} | more
    assert both.recipe.weights.keys() == one.recipe.weights.keys() | more


def test_recipe_repeats_enlarging(large):
    again = styleplug.stylize(PHOTO, STYLE, recipe=large.report.recipe)
    np.testing.assert_array_equal(again.images[0], large.images[0])


def test_alpha_enlarged():
    alpha = np.zeros((40, 64, 1), np.float32)
    alpha[:, :32] = 1
    image = paint(np.concatenate([PHOTO, alpha], 2), enlarge="2").images[0]
    assert image.shape == (80, 128, 4)
    assert image[:, :60, 3].min() == 1 and image[:, 68:, 3].max() == 0


def test_all_pictures_enlarged():
    made = styleplug.generate("texture", count=2, enlarge="2", **COMMON)
    assert [image.shape for image in made.images] == [(128, 128, 3)] * 2


@pytest.mark.parametrize(
    ("settings", "size"), [(Settings, 4096), (narrowed(Settings, "size", 512), 256)]
)
def test_largest_size_holds_for_enlarged(settings, size):
    assert settings.of({"size": size, "enlarge": "2"}).enlarge == "2"
    with pytest.raises(BadParameter, match=f"enlarge = '4'.* {2 * size} px; make size smaller"):
        settings.of({"size": size, "enlarge": "4"})


def test_plan_covers_enlarging():
    sizes = {"content": [(64, 40)], "style": [(64, 40)]}
    once, both = (
        shared().plan(Recipe(method="cnn", enlarge=times, **COMMON), sizes) for times in "14"
    )
    assert (both.width, both.height) == (256, 160)
    assert both.seconds > once.seconds and both.added_mb >= once.added_mb
    assert shared().plan(Recipe(method="cnn", enlarge="2"), {}).waiting


def frames(cancel, **values):
    pictures = {"content": [Picture(PHOTO)], "style": [Picture(STYLE)]}
    return shared().run(Recipe(method="cnn", enlarge="2", **COMMON, **values), pictures, cancel)


def test_stopped_enlarging_keeps_the_result(small):
    cancel = threading.Event()
    for frame in frames(cancel):
        if frame.note == "enlarging":
            cancel.set()
    assert frame.report.cancelled and frame.final
    np.testing.assert_allclose(frame.images[0], small.images[0], atol=1e-6)


def test_failed_enlarging_keeps_the_result(small, monkeypatch):
    run = type(shared()).run

    def failing(engine, recipe, *args, **options):
        if recipe.method == "enhance":
            raise OutOfMemory("not enough memory")
        return run(engine, recipe, *args, **options)

    monkeypatch.setattr(type(shared()), "run", failing)
    *_, frame = frames(threading.Event())
    assert not frame.report.cancelled and frame.images[0].shape == small.images[0].shape
    assert "the result is not enlarged: not enough memory" in frame.report.notes
