"""What a file carries beside its pixels: a recipe, and date and origin where they are asked for."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from PIL.ExifTags import GPS, IFD, Base

from styleplug.core.errors import BadRecipe, OutputError
from styleplug.core.recipe import Recipe
from styleplug.imaging import (
    ENDINGS,
    MAX_RECIPE,
    Origin,
    encode,
    read,
    read_recipe,
    write,
)
from styleplug.imaging.write import encode_animation

BEFORE = Path(__file__).parent / "written_before"
BLACK = np.zeros((4, 6, 3), np.float32)
TEXT = '{"method": "gatys", "note": "强度 \\u0000 é 🎨 styleplug SPLG"}'

each_ending = pytest.mark.parametrize("ending", ENDINGS)


def saved(kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4)).save(file, kind, **options)
    return file.getvalue()


def old_webp(recipe: bytes) -> bytes:
    """An animated WebP as it was written before, with another recipe."""
    file = (BEFORE / "walk.webp").read_bytes().partition(b"SPLG")[0]
    file += b"SPLG" + len(recipe).to_bytes(4, "little") + recipe
    return file[:4] + (len(file) - 8).to_bytes(4, "little") + file[8:]


# Recipes --------------------------------------------------------------------------------------


@each_ending
def test_recipe_round_trip_every_format(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    write(BLACK, path, recipe=TEXT)
    for source in (path, str(path), path.read_bytes()):
        assert read_recipe(source) == TEXT
    assert read(path).pixels.shape == (4, 6, 3)
    assert read_recipe(encode(BLACK, ending[1:])) is None
    assert b"styleplug" not in encode(BLACK, ending[1:])


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_recipe_round_trip_animation(ending: str) -> None:
    data = encode_animation([BLACK, BLACK + 1], 5, ending[1:], TEXT)
    assert read_recipe(data) == TEXT
    with Image.open(io.BytesIO(data)) as moving:
        assert moving.n_frames == 2


@pytest.mark.parametrize("name", ["picture.png", "walk.png", "walk.webp"])
def test_recipe_of_older_files_read(name: str) -> None:
    """They were written when animated WebP had a chunk of our own, and no other format a recipe."""
    recipe = Recipe.from_json(read_recipe(BEFORE / name) or "")
    assert recipe.parameters == {"count": 2, "label": "强度 é"} and recipe.seed == 7


def test_recipe_json_with_byte_order_mark_read(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    for encoding in ("utf-8", "utf-8-sig"):
        file.write_text("\n  " + TEXT, encoding=encoding)
        assert (read_recipe(file) or "").strip() == TEXT


def test_recipe_absent_gives_none() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("styleplugged", "no")
    info.add_itxt("Comment", "no")
    exif = Image.Exif()
    exif[Base.ImageDescription] = "styleplugged by nobody"
    for data in (
        saved(pnginfo=info),
        saved(exif=exif),
        saved("JPEG"),
        saved("JPEG", exif=exif),
        saved("GIF"),
        saved("WEBP", exif=exif),
        saved()[:60],
        b"",
        b"text",
    ):
        assert read_recipe(data) is None


def test_recipe_compressed_itxt_read() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("styleplug", "{}" * 100, zip=True)
    assert read_recipe(saved(pnginfo=info)) == "{}" * 100


def test_recipe_hostile_refused_in_bounded_memory(tmp_path: Path) -> None:
    def holding(data: bytes) -> bytes:
        info = PngImagePlugin.PngInfo()
        info.add(b"iTXt", b"styleplug\0" + data)
        return saved(pnginfo=info)

    exif = Image.Exif()
    exif[Base.ImageDescription] = b"styleplug {\xff"
    for data, says in (
        (holding(b"\1\0\0\0" + zlib.compress(bytes(100_000_000), 9)), "damaged"),
        (saved("JPEG", exif=exif), "damaged"),
        (b"{" + bytes(2 * MAX_RECIPE), "longer"),
        (b"{\xff", "damaged"),
        (b"RIFF\0\0\0\0WEBP", "damaged"),
        (tmp_path / "none.json", "no file"),
        (old_webp(bytes(MAX_RECIPE + 2)), "longer"),
    ):
        tracemalloc.start()
        with pytest.raises(BadRecipe, match=says):
            read_recipe(data)
        assert tracemalloc.get_traced_memory()[1] < 8e6
        tracemalloc.stop()


@each_ending
def test_recipe_too_long_refused(ending: str) -> None:
    with pytest.raises(OutputError, match="recipe is longer|EXIF data is too long"):
        encode(BLACK, ending[1:], "x" * (MAX_RECIPE + 1))


# Date and origin ------------------------------------------------------------------------------

ORIGIN = Origin((300.0, 150.0), "2020:12:31 23:59:59", "Zoë 王", "© Zoë")


@each_ending
def test_origin_kept_only_if_asked(ending: str) -> None:
    data = encode(BLACK, ending[1:], TEXT, ORIGIN)
    found = read(data).origin
    assert found.dpi == pytest.approx(ORIGIN.dpi, abs=0.02)
    assert (found.date, found.author, found.copyright) == (ORIGIN.date, ORIGIN.author, "© Zoë")
    assert read_recipe(data) == TEXT
    assert read(encode(BLACK, ending[1:], TEXT)).origin.date == ""
    assert read(encode(read(data), ending[1:])).origin.author == "", "nothing unless asked for"
    with Image.open(io.BytesIO(data)) as image:
        taken = image.getexif().get_ifd(IFD.Exif).get(Base.DateTimeOriginal)
    assert taken == (None if ENDINGS[ending] == "TIFF" else ORIGIN.date)


def test_origin_read_without_place_and_camera() -> None:
    exif = Image.Exif()
    exif[Base.Artist] = "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}".encode("latin-1")
    exif[Base.DateTime] = "2021:01:01 00:00:00"
    exif[Base.Make] = "a camera"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (1.0, 2.0, 3.0)
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = ORIGIN.date
    origin = read(saved("WEBP", exif=exif)).origin
    assert origin == Origin(None, ORIGIN.date, "Zoë")


def test_origin_from_png_text() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Zoë")
    info.add_itxt("Copyright", "© 王")
    assert read(saved(pnginfo=info)).origin == Origin(author="Zoë", copyright="© 王")


@pytest.mark.parametrize("unit", [2, 3])
def test_resolution_units_converted(unit: int) -> None:
    exif = Image.Exif()
    exif[Base.XResolution] = exif[Base.YResolution] = 300.0 if unit == 2 else 300 / 2.54
    exif[Base.ResolutionUnit] = unit
    assert read(saved("WEBP", exif=exif)).origin.dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("value", [0.0, 0.5, 1e9])
def test_resolution_senseless_ignored(value: object) -> None:
    exif = Image.Exif()
    exif[Base.XResolution] = exif[Base.YResolution] = value
    assert read(saved("WEBP", exif=exif)).origin == Origin()
