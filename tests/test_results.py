"""Several results, animations, masks and results of another shape, at every border but the page."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import make_photo
from PIL import Image
from samples import Dream, Fill, Sample

import styleplug
from styleplug import cli, engine, methods
from styleplug.core.errors import BadParameter, BadRecipe, MethodError, OutputError, UsageError
from styleplug.core.frame import Frame
from styleplug.core.method import Slot
from styleplug.core.recipe import Finish, Recipe
from styleplug.engine import Engine
from styleplug.imaging import Picture, encode, read, read_recipe
from styleplug.imaging.metadata import without_exif
from styleplug.imaging.sheet import GAP, columns, grid, write_all
from styleplug.imaging.write import encode_animation
from styleplug.methods import Catalogue, admit
from styleplug.methods.shared.generation import FPS, GeneratorParams, latents, walk, wanted
from styleplug.system import extras


@pytest.fixture
def fill():
    return Fill()


@pytest.fixture
def host(fill, calibration):
    return Engine(Catalogue({"dream": Dream(), "fill": fill}, {}), calibration=calibration)


def recipe(method, **values):
    finish = values.pop("finish", Finish())
    given = {"size": 64, "backend": "fake", "seed": 3, "finish": finish}
    return Recipe(method=method, parameters=values, **given)


def last(frames):
    return list(frames)[-1]


def plain(count, height=6, width=6):
    """Pictures of one colour each."""
    return [np.full((height, width, 3), (n + 1) / (count + 1), np.float32) for n in range(count)]


# The sheet ----------------------------------------------------------------------------------


def test_sheet_rows_on_white():
    pictures = plain(5, 4, 6)
    sheet = grid(pictures)
    assert columns(pictures) == 2 and sheet.shape == (3 * 4 + 2 * GAP, 2 * 6 + GAP, 3)
    assert np.array_equal(sheet[:4, :6], pictures[0])
    assert np.array_equal(sheet[4 + GAP : 8 + GAP, 6 + GAP :], pictures[3])
    assert (sheet[:4, 6 : 6 + GAP] == 1).all() and (sheet[8 + 2 * GAP :, 6 + GAP :] == 1).all()
    assert grid(pictures[:1]) is pictures[0]


@pytest.mark.parametrize(("count", "across"), [(1, 1), (2, 2), (4, 2), (9, 3), (16, 4), (64, 8)])
def test_sheet_nearly_square(count, across):
    assert columns(plain(count)) == across


def test_sheet_three_pictures_two_columns():
    assert columns(plain(3, 20, 30)) == columns(plain(3, 30, 20)) == 2


def test_sheet_size_bounded():
    sheet = grid(plain(9, 40, 40), most=100)
    assert sheet.shape == (98, 98, 3) and np.abs(sheet[:30, :30] - 0.1).max() < 1e-6
    assert grid([np.zeros((40, 80, 4), np.float32)], most=20).shape == (10, 20, 4)


# Animations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["webp", "png"])
def test_animation_keeps_pictures_pace_and_recipe(ending, tmp_path):
    pictures = [make_photo(32, 24, seed).pixels for seed in range(5)]
    file = tmp_path / f"walk.{ending}"
    write_all(pictures, file, fps=20, recipe='{"ünder": "SPLG"}')
    assert read_recipe(file) == '{"ünder": "SPLG"}'
    with Image.open(file) as moving:
        assert moving.n_frames == 5 and moving.size == (32, 24) and moving.info["loop"] == 0
        for place, picture in enumerate(pictures):
            moving.seek(place)
            moving.load()
            shown = np.asarray(moving.convert("RGB")) / 255
            assert moving.info["duration"] == 50
            assert np.abs(shown - picture).mean() < (0.03 if ending == "webp" else 0.003)


def test_animation_without_exif_loses_recipe_only():
    bare = encode_animation(plain(3, 16, 16), 10)
    for recipe in ("odd", "even"):
        signed = encode_animation(plain(3, 16, 16), 10, recipe=recipe)
        assert without_exif(signed) == bare == without_exif(bare) and bare != signed
        assert read_recipe(signed) == recipe and read_recipe(bare) is None


@pytest.mark.parametrize("name", ["walk.jpg", "walk.gif", "walk.tif", "walk"])
def test_animation_other_formats_refused(name, tmp_path):
    with pytest.raises(OutputError, match=r"animation.*\.png, \.webp"):
        write_all(plain(2), tmp_path / name, fps=5)
    assert not list(tmp_path.iterdir())


# Generators ---------------------------------------------------------------------------------


def test_latents_same_for_any_count():
    few, many = (latents(np.random.default_rng(5), count, 7) for count in (2, 40))
    assert np.array_equal(few, many[:2]) and many.dtype == np.float32
    assert abs(many.mean()) < 0.2 and abs(many.std() - 1) < 0.2


def test_latents_between_seeds_on_sphere():
    def at(**values):
        return wanted(GeneratorParams(walk_to=8, **values), np.random.default_rng(5), 64)

    start, half, end = (at(count=3, position=place) for place in (0, 0.5, 1))
    other = wanted(GeneratorParams(count=3), np.random.default_rng(8), 64)
    assert np.allclose(end, other) and not np.allclose(start, end)
    assert np.linalg.norm(half) > 0.9 * np.linalg.norm(start), "a straight way would be shorter"
    assert np.allclose(at(count=3, truncation=0.25), start / 4)
    way = at(count=3, walk=8)
    assert way.shape == (8, 64)
    assert np.allclose(way[0], start[0]) and np.allclose(way[4], end[0], atol=1e-5)
    assert np.allclose(way[1:4], way[:4:-1], atol=1e-5), "it comes back the way it went"


def test_walk_closes():
    places = walk(16)
    steps = np.diff([*places, places[0]])
    assert places[0] == 0 and max(places) == 1 and abs(steps).max() < 0.21


# The engine ---------------------------------------------------------------------------------


def test_run_several_repeated_by_recipe(host):
    first = last(host.run(recipe("dream", count=5), {}))
    assert [image.shape for image in first.images] == [(64, 64, 3)] * 5
    assert (first.report.count, first.report.width, first.report.fps) == (5, 64, 0)
    again = last(host.run(Recipe.from_json(first.report.recipe.to_json()), {}))
    assert np.array_equal(grid(first.images), grid(again.images))
    assert not np.array_equal(first.images[0], first.images[1])


def test_previews_of_several_bounded_in_sum(calibration):
    class Many(Dream):
        def run(self, images, params, ctx):
            whole = (np.zeros((512, 512, 3), np.float32),) * 64
            yield Frame(1, 2, whole)
            yield Frame(2, 2, whole, final=True)

    run = Engine(Catalogue({"dream": Many()}, {}), calibration=calibration).run
    asked = recipe("dream", count=64).model_copy(update={"size": 512})
    seen = [frame for frame in run(asked, {}) if frame.images]
    assert [len(frame.images) for frame in seen] == [64, 64]
    assert sum(image.size for image in seen[0].images) <= 3 * 2048**2
    assert seen[1].images[0].shape == (512, 512, 3)


def test_plan_more_pictures_more_memory(host):
    one, many = (host.plan(recipe("dream", count=count), {}) for count in (1, 64))
    assert many.added_mb > one.added_mb + 5 and many.seconds > one.seconds
    assert (one.width, one.height) == (64, 64)


def test_mask_resized_to_picture(host, fill):
    marks = np.zeros((30, 40), np.float32)
    marks[:15] = 1
    white = Picture(np.repeat(marks[:, :, None], 3, axis=2))
    opaque = Picture(np.zeros((30, 40, 3), np.float32), marks)
    photo = make_photo(160, 120)
    for mask in (white, opaque):
        last(host.run(recipe("fill"), {"content": [photo], "mask": [mask]}))
        (seen,) = fill.masks
        assert seen.shape == (48, 64, 3) and set(np.unique(seen)) == {0.0, 1.0}
        assert (seen[:24] == 1).all() and (seen[24:] == 0).all()
    last(host.run(recipe("fill"), {"content": [photo]}))
    assert fill.masks == []
    assert engine.longest(fill, 64) == {"content": 64, "mask": 64}


def holed(width=160, height=120):
    """A picture whose upper half is transparent, and its lower half a little so."""
    alpha = np.full((height, width), 0.8, np.float32)
    alpha[: height // 2] = 0
    return Picture(make_photo(width, height).pixels, alpha)


def test_transparency_becomes_mask(host, fill):
    final = last(host.run(recipe("fill"), {"content": [holed()]}))
    (seen,) = fill.masks
    assert seen.shape == (48, 64, 3) and set(np.unique(seen)) == {0.0, 1.0}
    assert (seen[:24] == 1).all() and (seen[24:] == 0).all()
    assert final.images[0].shape == (48, 64, 3), "it is filled, and yet transparent"
    final = last(host.run(recipe("fill", margin=0.25), {"content": [holed()]}))
    assert final.images[0].shape == (72, 96, 3) and len(fill.masks) == 1


def test_mask_given_keeps_transparency(host, fill):
    marks = np.zeros((120, 160, 3), np.float32)
    marks[30:90] = 1
    given = {"content": [holed()], "mask": [Picture(marks)]}
    final = last(host.run(recipe("fill"), given))
    assert fill.masks[0][12:36].all() and not fill.masks[0][:12].any()
    (result,) = final.images
    assert result.shape == (48, 64, 4)
    assert (result[:11, :, 3] == 0).all() and (result[12:36, :, 3] == 1).all()
    np.testing.assert_allclose(result[37:, :, 3], 0.8, atol=0.01)
    final = last(host.run(recipe("fill", margin=0.25), given))
    assert final.images[0].shape == (72, 96, 3)


def test_transparency_partial_is_no_mask(host, fill):
    veil = Picture(make_photo(160, 120).pixels, np.full((120, 160), 0.8, np.float32))
    final = last(host.run(recipe("fill"), {"content": [veil]}))
    assert fill.masks == []
    np.testing.assert_allclose(final.images[0][:, :, 3], 0.8, atol=0.01)


def test_mask_of_other_proportions_refused(host):
    photo = make_photo(160, 120)
    for shape in ((160, 120), (80, 60), (40, 31), (641, 480)):
        host.run(recipe("fill"), {"content": [photo], "mask": [make_photo(*shape)]})
    for shape in ((120, 160), (100, 100), (160, 110)):
        with pytest.raises(UsageError, match=f"'mask' is {shape[0]} × {shape[1]}.*160 × 120"):
            host.run(recipe("fill"), {"content": [photo], "mask": [make_photo(*shape)]})


def test_result_of_other_shape_allowed(host):
    photo = make_photo(80, 60)
    final = last(host.run(recipe("fill", margin=0.25), {"content": [photo]}))
    assert final.images[0].shape == (72, 96, 3)
    assert (final.report.width, final.report.height) == (96, 72)
    plan = host.plan(recipe("fill", margin=0.25), {"content": [(80, 60)]})
    assert (plan.width, plan.height) == (96, 72)
    tiny = last(host.run(recipe("fill", margin=0.5), {"content": [make_photo(1, 300)]}))
    assert tiny.images[0].shape == (128, 1, 3), "made of 16 pixels at least, and brought back"


def test_result_of_other_shape_has_no_transparency(host):
    seen = make_photo(80, 60)
    glass = Picture(seen.pixels, np.full((60, 80), 0.5, np.float32))
    final = last(host.run(recipe("fill", margin=0.25), {"content": [glass]}))
    assert final.images[0].shape == (72, 96, 3)


def test_result_too_large_refused(host):
    asked = recipe("fill", margin=1.0).model_copy(update={"size": 8192})
    with pytest.raises(UsageError, match="24576 × 24576.*8192"):
        host.plan(asked, {"content": [(10, 10)]})
    with pytest.raises(UsageError, match="24576 × 24576"):
        list(host.run(asked, {"content": [make_photo(10, 10)]}))


@pytest.mark.parametrize("method", ["dream", "fill"])
def test_finish_of_generators_refused(method, host):
    given = {"content": [make_photo(20, 20)]} if method == "fill" else {}
    for finish in (Finish(keep_colours=True), Finish(strength=0.5)):
        with pytest.raises(
            BadParameter, match=next(iter(finish.model_dump(exclude_defaults=True)))
        ):
            host.run(recipe(method, finish=finish), given)


class Odd(Dream):
    """Breaks one promise, as the test says."""

    def shape(self, params, width, height):
        return self.promised(width)

    def run(self, images, params, ctx):
        yield from self.made(ctx)


@pytest.mark.parametrize(
    ("promised", "made", "says"),
    [
        (lambda side: (side, side), [(32, 32)], "32 × 32 pixels; expected 64 × 64, as shape"),
        (lambda side: (side, side), [(64, 64), (64, 63)], "63 × 64 pixels"),
        (lambda side: (0, side), [(64, 64)], "shape gives 0, 64; expected width"),
        (lambda side: 1 / 0, [(64, 64)], "shape.*ZeroDivisionError"),
    ],
)
def test_result_shape_other_than_declared_named(promised, made, says, calibration):
    odd = Odd()
    odd.promised = promised
    odd.made = lambda ctx: iter([Frame(1, 1, tuple(np.zeros((*m, 3)) for m in made), final=True)])
    run = Engine(Catalogue({"dream": odd}, {}), calibration=calibration).run
    with pytest.raises(MethodError, match=says):
        list(run(recipe("dream"), {}))


@pytest.mark.parametrize("fps", [-1.0, float("nan"), 1e9])
def test_frame_bad_fps_named(fps, calibration):
    odd = Odd()
    odd.promised = lambda side: (side, side)
    odd.made = lambda ctx: iter([Frame(1, 1, (np.zeros((64, 64, 3)),), final=True, fps=fps)])
    run = Engine(Catalogue({"dream": odd}, {}), calibration=calibration).run
    with pytest.raises(MethodError, match="pictures a second"):
        list(run(recipe("dream"), {}))


def test_stop_keeps_samples_so_far(host):
    import threading

    stop = threading.Event()
    for frame in host.run(recipe("dream", count=64), {}, stop):
        if frame.images:
            stop.set()
    assert frame.report.cancelled and frame.report.count == len(frame.images) == 8
    assert all(image.shape == (64, 64, 3) for image in frame.images)


def test_final_note_is_reported(calibration):
    class Talker(Sample):
        def run(self, images, params, ctx):
            picture = images["content"][0]
            yield Frame(1, 2, (picture,), note="half done")
            yield Frame(2, 2, (picture,), note="the mask was empty", final=True)

    run = Engine(Catalogue({"sample": Talker()}, {}), calibration=calibration).run
    notes = last(run(recipe("sample"), {"content": [make_photo(20, 20)]})).report.notes
    assert "the mask was empty" in notes and "half done" not in notes


CONTENT = Slot("content", "Content", "Here.")
WORDS = ("Mask", "There.")


@pytest.mark.parametrize(
    ("slots", "says"),
    [
        ((CONTENT, Slot("mask", *WORDS, drawn_on="nothing")), "'mask' is drawn on 'nothing'"),
        ((CONTENT, Slot("mask", *WORDS, 2, 0, "content")), "expected one mask"),
        ((Slot("mask", *WORDS, drawn_on="mask"),), "drawn on 'mask'"),
        (
            (Slot("content", *WORDS, least=0), Slot("mask", *WORDS, 1, 0, "content")),
            "exactly one picture",
        ),
        ((Slot("content", *WORDS, least=2),), "needs 2 pictures; expected 0 to 1"),
        ((Slot("content", *WORDS, least=-1),), "needs -1"),
    ],
)
def test_admit_bad_slots_refused(slots, says):
    class Wrong(Sample):
        inputs = slots

    with pytest.raises(MethodError, match=says):
        admit(Wrong())


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("shape", lambda self, params, width, height: (width, height / 2), "shape gives"),
        ("shape", lambda self, params, width, height: 512, "shape gives 512"),
        ("shape", lambda self, params, width, height: params.no, "failed in shape: Attr"),
        ("count", lambda self, params: 0, "count gives 0"),
        ("count", lambda self, params: "many", "count gives 'many'"),
    ],
)
def test_admit_bad_shape_or_count_refused(name, value, says):
    with pytest.raises(MethodError, match=says):
        admit(type("Wrong", (Sample,), {name: value})())


# Python and the command line ----------------------------------------------------------------


@pytest.fixture
def known(host, monkeypatch):
    """The only methods there are."""
    from styleplug.cli import method

    monkeypatch.setattr(methods, "catalogue", lambda: host.catalogue)
    monkeypatch.setattr(method, "shared", lambda: host)
    monkeypatch.setattr(engine, "shared", lambda: host)
    return host


def test_generate_gives_all_pictures(known, tmp_path):
    given = {"count": 3, "size": 64, "backend": "fake", "seed": 4}
    result = styleplug.generate("dream", **given)
    assert len(result.images) == 3 and result.array.shape == grid(result.images).shape
    assert result.image.size == result.array.shape[1::-1]
    result.save(tmp_path / "sheet.png")
    again = styleplug.generate("dream", recipe=tmp_path / "sheet.png")
    assert np.array_equal(again.array, result.array)

    moving = styleplug.generate("dream", walk=4, **given)
    moving.save(tmp_path / "walk.webp")
    with Image.open(tmp_path / "walk.webp") as file:
        assert file.n_frames == 4
    again = styleplug.generate("dream", recipe=tmp_path / "walk.webp")
    assert np.array_equal(again.images, moving.images)
    moving.save(tmp_path / "bare.webp", with_recipe=False)
    with pytest.raises(BadRecipe, match=r"bare\.webp"):
        styleplug.generate("dream", recipe=tmp_path / "bare.webp")


def test_generate_takes_mask(known, fill):
    content = make_photo(40, 40).pixels
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    result = styleplug.generate("fill", content=content, mask=mask, size=64, backend="fake")
    assert fill.masks[0].mean() == pytest.approx(0.25, abs=0.02)
    assert result.array.shape == (64, 64, 3)
    with pytest.raises(UsageError, match="'content'"):
        styleplug.generate("fill", mask=mask)


@pytest.fixture
def command(known, monkeypatch, capsys):
    """Runs a command in this process; its exit status and both outputs."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["styleplug", "run", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(leaving.value.code or 0), out, err

    return run


QUICK = ("--size", 64, "--backend", "fake")


def test_command_writes_sheet(command, tmp_path):
    out = tmp_path / "sheet.png"
    status, said, err = command("dream", "--seed", 7, "--count", 16, "--out", out, "--json", *QUICK)
    assert status == 0, err
    report = json.loads(said)
    assert (report["count"], report["width"], report["height"]) == (16, 64, 64)
    made = read(out)
    assert made.width == made.height == 4 * 64 + 3 * GAP
    status, _, err = command("dream", "--recipe", out, "--out", tmp_path / "again.png")
    assert status == 0 and "16 pictures of 64×64 px" in err
    assert np.array_equal(read(tmp_path / "again.png").pixels, made.pixels)


def test_command_writes_animation(command, tmp_path):
    out = tmp_path / "walk.webp"
    status, said, err = command("dream", "--walk", 6, "--out", out, "--json", *QUICK)
    assert status == 0, err
    assert json.loads(said)["fps"] > 0
    with Image.open(out) as file:
        assert file.n_frames == 6
    assert Recipe.from_json(read_recipe(out)).parameters["walk"] == 6


def test_command_animation_ending_refused_before_run(command, tmp_path, monkeypatch):
    monkeypatch.setattr(Dream, "run", None)
    status, _, err = command("dream", "--walk", 5, "--out", tmp_path / "walk.jpg", *QUICK)
    assert status == 2 and ".webp" in " ".join(err.split()) and not list(tmp_path.iterdir())


def test_command_video_without_packages_names_remedy(command, tmp_path, monkeypatch):
    monkeypatch.setattr(Dream, "run", None)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    status, _, err = command("dream", "--walk", 5, "--out", tmp_path / "a walk.mp4", *QUICK)
    assert status == 2 and not list(tmp_path.iterdir())
    assert 'pip install "styleplug[video]"' in " ".join(err.split())
    with pytest.raises(OutputError) as refused:
        write_all([np.zeros((4, 4, 3))], tmp_path / "a.mp4")
    assert ".jpg" in str(refused.value) and ".mp4" not in str(refused.value).split(":")[1]


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_command_walk_as_video(command, tmp_path, ending):
    clips = pytest.importorskip("clips")
    out = tmp_path / f"walk{ending}"
    status, _, err = command("dream", "--walk", 6, "--out", out, *QUICK)
    assert status == 0, err
    times = [round(time, 2) for time, _ in clips.frames_of(out)]
    assert len(times) == 6 and times[0] == 0 and times[-1] == pytest.approx(5 / FPS, abs=0.02)
    assert Recipe.from_json(read_recipe(out)).parameters["walk"] == 6
    assert Recipe.from_json(read_recipe(out.read_bytes())).parameters["walk"] == 6
    assert command("dream", "--recipe", out, "--out", tmp_path / "again.webp", "--walk", 4)[0] == 0


def test_command_takes_mask(command, fill, tmp_path):
    for name, pixels in (("photo", make_photo(40, 30).pixels), ("mask", np.ones((30, 40, 3)))):
        (tmp_path / f"{name}.png").write_bytes(encode(pixels))
    files = ("--content", tmp_path / "photo.png", "--out", tmp_path / "out.png", *QUICK)
    assert command("fill", *files)[0] == 0 and fill.masks == []
    assert command("fill", *files, "--mask", tmp_path / "mask.png")[0] == 0
    assert (fill.masks[0] == 1).all()
    status, _, err = command("fill", "--mask", tmp_path / "mask.png", "--out", tmp_path / "o.png")
    assert status == 2 and "'content'" in err
    (tmp_path / "photo.png").write_bytes(encode(holed(40, 30)))
    assert command("fill", *files)[0] == 0
    assert fill.masks[0].mean() == 0.5 and read(tmp_path / "out.png").alpha is None


def test_help_omits_what_does_not_apply(command):
    _, dream, _ = command("dream", "--help")
    _, fill, _ = command("fill", "--help")
    assert "--content" not in dream and "--count" in dream and "--seed" in dream
    assert "--mask" in fill and "Optional." in fill and "proportions as --content" in fill
    for text in (dream, fill):
        assert "--strength" not in text and "--keep-colours" not in text


def test_page_files_equal_engine_result(host):
    from styleplug.ui.results import Folder

    final = last(host.run(recipe("dream", count=3), {}))
    folder = Folder("dream")
    kept = folder.keep(final)
    expected = read(encode(grid(final.images))).pixels
    assert np.array_equal(read(kept).pixels, expected) and read_recipe(kept)
    assert np.array_equal(read(folder.file(signed=False)).pixels, expected)
    assert read_recipe(folder.file(signed=False)) is None
    singles = folder.singles(final)
    assert [Path(folder.single(n)) for n in range(3)] == singles
    assert np.array_equal(read(singles[2]).pixels, read(encode(final.images[2])).pixels)
    with zipfile.ZipFile(folder.pack()) as pack:
        assert pack.namelist() == ["dream-3.png", *(f"dream-3-{n}.png" for n in (1, 2, 3))]
        assert pack.read("dream-3-3.png") == singles[2].read_bytes()

    moving = last(host.run(recipe("dream", walk=4), {}))
    folder = Folder("dream")
    kept, bare = folder.keep(moving), folder.file(signed=False)
    assert kept.suffix == ".webp" and read_recipe(kept) and read_recipe(bare) is None
    for file in (kept, bare):
        with Image.open(file) as frames:
            assert frames.n_frames == 4
