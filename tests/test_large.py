"""Large pictures: few copies, previews in bounded size, limits where anybody may ask."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest
from conftest import make_photo
from samples import Sample

from styleplug.core.errors import BadParameter, MethodError
from styleplug.core.frame import Frame
from styleplug.core.params import bounds_of, hint_of
from styleplug.core.recipe import LARGEST, Finish, Recipe, Settings
from styleplug.engine import longest
from styleplug.engine import run as engine_run
from styleplug.engine.finish import finish
from styleplug.engine.inputs import prepare
from styleplug.engine.request import narrowed
from styleplug.imaging import Picture, bands, picture, scale
from styleplug.imaging.tiles import by_tiles
from styleplug.imaging.write import _quantised
from styleplug.imaging.write import encode as encoded
from styleplug.ui import page
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts


class Negative(Sample):
    """Turns a picture into its negative, in place and tile by tile."""

    def run(self, images, params, ctx):
        tiles = by_tiles(
            images["content"][0], lambda x: 1 - x, multiple=1, margin=0, check=ctx.check, side=64
        )
        for done, count, result in tiles:
            yield Frame(done, count, (result,), final=done == count)


@pytest.fixture
def negative(catalogue, monkeypatch):
    monkeypatch.setattr(engine_run, "_PREVIEW", 64)
    method = catalogue.get("sample")
    monkeypatch.setattr(method, "run", Negative().run)
    return Recipe(method="sample", backend="fake", size=192)


@pytest.fixture
def small_bands(monkeypatch):
    monkeypatch.setattr(picture.bands, "__defaults__", (1000,))


# The engine


def test_previews_are_small_copies(negative, engine):
    content = make_photo(192, 128)
    *previews, final = [f for f in engine.run(negative, {"content": [content]}) if f.images]
    assert [frame.images[0].shape for frame in previews] == [(43, 64, 3)] * 5
    assert final.images[0].shape == (128, 192, 3)
    first = previews[0].images[0]  # one tile was done then
    assert np.allclose(first[:21, :21], 1 - content.pixels[:63:3, :63:3])
    assert np.array_equal(first[22:], content.pixels[66::3, ::3])
    assert np.allclose(final.images[0], 1 - content.pixels)


def test_stop_gives_full_size_picture(negative, engine):
    content, stop = make_photo(192, 128), threading.Event()
    for frame in engine.run(negative, {"content": [content]}, stop):
        if frame.step == 2:
            stop.set()
    assert frame.report.cancelled and frame.step == 2
    assert np.allclose(frame.images[0][:64, :128], 1 - content.pixels[:64, :128])
    assert np.array_equal(frame.images[0][64:], content.pixels[64:])


def test_final_bad_pixel_found(negative, engine, catalogue):
    def run(images, params, ctx):
        result = images["content"][0].copy()
        result[1, 1] = np.nan
        yield Frame(1, 2, (result,))
        yield Frame(2, 2, (result,), final=True)

    catalogue.get("sample").run = run
    frames = engine.run(negative, {"content": [make_photo(192, 128)]})
    with pytest.raises(MethodError, match="nan"):
        list(frames)


def test_longest_side_read_by_size(catalogue):
    method = catalogue.get("descent")
    assert longest(method, 500) == {
        "content": 500,
        "style": 1000,
        "mask": 500,
        "region": 500,
    }
    assert longest(method, LARGEST)["style"] == 4096
    assert longest(catalogue.get("sample"), 64) == {"content": 64, "mask": 64}


def test_prepare_right_size_not_copied(catalogue):
    alpha = np.linspace(0, 1, 6400, dtype=np.float32).reshape(64, 100)
    content = Picture(make_photo(100, 64).pixels, alpha)
    images, kept = prepare(catalogue.get("sample"), {"content": [content]}, 100)
    assert images["content"][0] is content.pixels and kept is content


# Finishing and writing


@pytest.mark.parametrize("shape", [(1, 1), (7, 3000), (3000, 7), (80, 60)])
def test_bands_cover_every_row_once(shape, small_bands):
    rows = [range(shape[0])[band] for band in bands(*shape)]
    assert [row for band in rows for row in band] == list(range(shape[0]))
    assert all(len(band) == 1 or len(band) * shape[1] <= 1000 for band in rows)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"keep_colours": True}, {"strength": 0.4}, {"keep_colours": 1, "strength": 0}]
)
def test_bands_change_nothing(settings, alpha, monkeypatch):
    content = make_photo(70, 90)
    ramp = np.linspace(0, 1, 6300, dtype=np.float32).reshape(90, 70)
    content = Picture(content.pixels, ramp if alpha else None)
    result = make_photo(70, 90, seed=5).pixels

    def made() -> tuple[np.ndarray, bytes, bytes]:
        finished = finish(result, content, Finish(**settings))
        return finished, encoded(finished), encoded(finished, "jpeg")

    at_once = made()
    monkeypatch.setattr(picture.bands, "__defaults__", (500,))
    by_bands = made()
    assert np.array_equal(at_once[0], by_bands[0]) and at_once[1:] == by_bands[1:]


@pytest.mark.parametrize("alpha", [False, True])
def test_finish_and_write_make_no_large_copies(alpha, small_bands):
    """Besides the picture finished, and its bytes, nothing as large comes to be."""
    pixels = np.full((1000, 1200, 3), 0.5, np.float32)
    content = Picture(pixels, np.full((1000, 1200), 0.5, np.float32) if alpha else None)
    tracemalloc.start()
    finished = finish(pixels, content, Finish(keep_colours=True, strength=0.5))
    finishing = tracemalloc.get_traced_memory()[1]
    _quantised(finished, opaque=False)
    writing = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert finishing < 1.1 * finished.nbytes
    assert writing < 1.4 * finished.nbytes


def test_scale_by_bands_transparency_does_not_bleed(monkeypatch):
    hidden = Picture(np.ones((64, 64, 3), np.float32), np.zeros((64, 64), np.float32))
    hidden.pixels[:, 32:], hidden.alpha[:, 32:] = 0.25, 1.0
    at_once = scale(hidden, 32, 48)
    monkeypatch.setattr(picture.bands, "__defaults__", (100,))
    by_bands = scale(hidden, 32, 48)
    assert np.array_equal(at_once.pixels, by_bands.pixels)
    seen = by_bands.alpha > 0.1
    assert np.abs(by_bands.pixels[seen] - 0.25).max() < 0.01 and seen.any()


# What visitors may ask for


def test_narrowed_parameter_has_lower_bound():
    less = narrowed(Settings, "size", 1024)
    assert issubclass(less, Settings) and list(less.model_fields) == list(Settings.model_fields)
    assert bounds_of(less.model_fields["size"]) == (64, 1024)
    assert hint_of(less.model_fields["size"]) == hint_of(Settings.model_fields["size"])
    with pytest.raises(BadParameter, match=r"size = 1025.*64 to 1024, default 512"):
        less.of({"size": 1025})
    assert narrowed(Settings, "size", 128).of({}).size == 128
    assert bounds_of(Settings.model_fields["size"]) == (64, LARGEST)
    for most in (32, LARGEST + 1):
        with pytest.raises(BadParameter, match="64 to 8192"):
            narrowed(Settings, "size", most)


@pytest.mark.parametrize(
    ("said", "space", "share", "most"),
    [
        ("", False, False, LARGEST),
        ("", False, True, page.PUBLIC_SIZE),
        ("", True, False, page.PUBLIC_SIZE),
        ("2048", False, False, 2048),
        ("6000", True, True, 6000),
    ],
)
def test_public_page_size_bounded(said, space, share, most, monkeypatch):
    monkeypatch.setenv(page.MAX_SIZE, said)
    if space:
        monkeypatch.setenv("SPACE_ID", "owner/name")
    assert bounds_of(page.allowed(share)[0].model_fields["size"])[1] == most


def test_form_size_bound_enforced(catalogue):
    method = catalogue.get("sample")
    form = Form(method, Texts(), narrowed(Settings, "size", 1024))
    values = {
        name: info.default
        for params in form.groups.values()
        for name, info in params.model_fields.items()
    }
    assert form.recipe({**values, "size": 1024}).size == 1024
    with pytest.raises(BadParameter, match="size = 1025"):
        form.recipe({**values, "size": 1025})


@pytest.mark.parametrize("said", ["many", "-5", "7", "1e3"])
def test_size_bound_invalid_refused(said, monkeypatch):
    monkeypatch.setenv(page.MAX_SIZE, said)
    with pytest.raises(BadParameter):
        page.allowed(False)
