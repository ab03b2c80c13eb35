"""Files of every kind: read as their format means them, or refused; what is to know is told."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_image import BLUE, GREEN, RED, close, png, png_chunk, quarters, saved, swapped_profile

from styleplug.core.errors import BadImage
from styleplug.engine import Engine
from styleplug.imaging import Picture, measure, read

HEIC = Path(__file__).with_name("quarters.heic").read_bytes()  # on its side, and told to be turned
RAMP = np.linspace(0, 1, 96, dtype=np.float32).reshape(8, 12)


# AVIF and HEIC


def test_avif_colours_and_alpha() -> None:
    data = saved(quarters((32, 16)), "AVIF", quality=95, subsampling="4:4:4")
    picture = read(data)
    assert (picture.width, picture.height, picture.alpha) == (32, 16, None)
    for (y, x), colour in {(2, 2): RED, (2, 29): GREEN, (13, 2): BLUE}.items():
        assert close(picture.pixels[y, x], colour, 5)
    clear = quarters((32, 16)).convert("RGBA")
    clear.putalpha(51)
    alpha = read(saved(clear, "AVIF", quality=95)).alpha
    assert alpha is not None and np.allclose(alpha, 0.2, atol=0.01)


def test_heic_upright(tmp_path: Path) -> None:
    (tmp_path / "phone").write_bytes(HEIC)
    picture = read(tmp_path / "phone")
    assert (picture.width, picture.height) == (32, 16) == measure(tmp_path / "phone")
    for (y, x), colour in {(2, 2): RED, (2, 29): GREEN, (13, 2): BLUE}.items():
        assert close(picture.pixels[y, x], colour, 5)


def test_heic_without_package_names_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(BadImage, match=r'HEIC picture.*pip install "styleplug\[heic\]"'):
        read(HEIC)


@pytest.mark.parametrize("byte", [0xD1, 0x80, 0xFF])
def test_heic_damaged_refused(byte: int) -> None:
    at = HEIC.index(b"Exif") + 1  # the type of an item
    with pytest.raises(BadImage, match="damaged"):
        read(HEIC[:at] + bytes([byte]) + HEIC[at + 1 :])


def test_brands_unknown_or_damaged_refused() -> None:
    for brands, says in (
        (b"mif1\0\0\0\0heic", "damaged"),
        (b"crx \0\0\0\0isom", "expected one of"),
    ):
        with pytest.raises(BadImage, match=says):
            read(struct.pack(">I", len(brands) + 8) + b"ftyp" + brands)


def test_measure_reads_upright_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        path = tmp_path / kind
        path.write_bytes(saved(quarters((32, 16)), kind, exif=exif))
        whole = read(path)
        assert measure(path) == (whole.width, whole.height) == (16, 32), kind


# TIFF


def tags_of(page: np.ndarray, at: int) -> dict[int, list[int]]:
    """Tags of a grey (h, w), coloured (h, w, 3) or planar (3, h, w) page with its pixels there."""
    planar = page.ndim == 3 and page.shape[0] == 3
    height, width = page.shape[1:] if planar else page.shape[:2]
    many, parts = 3 if page.ndim == 3 else 1, 3 if planar else 1
    size = page.nbytes // parts
    return {
        256: [width], 257: [height], 258: [8 * page.itemsize] * many, 259: [1],
        262: [2 if many == 3 else 1], 273: [at + part * size for part in range(parts)],
        277: [many], 278: [height], 279: [size] * parts, 284: [parts // 3 + 1],
        339: ["uif".index(page.dtype.kind) + 1] * many,
    }  # fmt: skip


def tiff(
    *pages: np.ndarray, order: str = "<", child: bool = False, **tags: dict[int, int]
) -> bytes:
    """A TIFF of these pages, uncompressed.

    Its `page0` and `page1` may have other tags than usual; where there is a `child`, the second
    page does not follow the first, but lies below it.
    """
    data = bytearray(b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0")
    following = 0
    for number, page in reversed(list(enumerate(pages))):
        entries = tags_of(page, len(data))
        entries |= {tag: [value] for tag, value in tags.get(f"page{number}", {}).items()}
        data += page.astype(page.dtype.newbyteorder(order)).tobytes()
        if child and number == 0:
            entries[330], following = [following], 0
        fields = struct.pack(f"{order}H", len(entries))
        for tag, values in sorted(entries.items()):
            value = values[0] if len(values) == 1 else len(data)
            fields += struct.pack(f"{order}HHII", tag, 4, len(values), value)
            if len(values) > 1:
                data += struct.pack(f"{order}{len(values)}I", *values)
        at, following = following, len(data)
        data += fields + struct.pack(f"{order}I", at)
    data[4:8] = struct.pack(f"{order}I", following)
    return bytes(data)


def test_tiff_byte_orders_and_planes() -> None:
    colour = np.array(quarters())
    for order in "<>":
        assert close(read(tiff(colour, order=order)).pixels[1, 14], GREEN)
        planes = np.ascontiguousarray(colour.transpose(2, 0, 1))
        assert close(read(tiff(planes, order=order)).pixels[1, 14], GREEN)
        np.testing.assert_allclose(read(tiff(RAMP, order=order)).pixels[:, :, 0], RAMP)


@pytest.mark.parametrize(
    ("numbers", "white", "says"),
    [
        (RAMP, 1, ""),
        (RAMP * 1.02, 1, "0 to 1.02, were read with 0 as black and 1 as white; other values"),
        (RAMP * 4 - 0.5, 1, "-0.5 to 3.5"),  # high dynamic range
        (RAMP * 255, 255, "255 as white"),
        (RAMP * 260, 255, "255 as white; other values"),
        (RAMP * 4095, 65535, "65535 as white"),
        (RAMP * 66_000, 65535, "65535 as white; other values"),
        (RAMP * 1e6, 1e6, "1e+06 as white"),
        ((RAMP * 10).astype(np.int32), 255, "0 to 10"),
        ((RAMP * 300).astype(np.int32), 65535, "0 to 300"),
        ((RAMP * 4e9).astype(np.uint32), 4e9, "0 to 4e+09"),
    ],
)
def test_tiff_numbers_white_point(numbers: np.ndarray, white: float, says: str) -> None:
    picture = read(tiff(numbers))
    wanted = np.clip(numbers / white, 0, 1)
    np.testing.assert_allclose(picture.pixels[:, :, 1], wanted, atol=2e-6)
    assert "".join(picture.notes).startswith("the picture: its numbers, " if says else "")
    assert says in "".join(picture.notes)


def test_tiff_numbers_one_bright_pixel() -> None:
    sun = RAMP.copy()
    sun.resize(64, 64)
    sun[3, 3] = 900
    assert read(tiff(sun)).pixels.mean() > sun.clip(0, 1).mean() - 1e-3


def test_tiff_numbers_not_finite_refused() -> None:
    for bad in (np.nan, np.inf, -np.inf):
        ramp = RAMP.copy()
        ramp[2, 2] = bad
        with pytest.raises(BadImage, match="not finite"):
            read(tiff(ramp))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_tiff_white_is_zero(kind: type[np.generic]) -> None:
    most = 1 if kind is np.float32 else np.iinfo(kind).max
    stored = ((1 - RAMP) * most).astype(kind)
    pixels = read(tiff(stored, page0={262: 0})).pixels
    np.testing.assert_allclose(pixels[:, :, 0], RAMP, atol=0.004)


PACKED = np.frombuffer(zlib.compress(RAMP.astype(">f4")), np.uint8)[None]
DEFLATE = {256: 12, 257: 8, 258: 32, 259: 8, 278: 8, 279: PACKED.size, 339: 3}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            tiff(PACKED, order=">", page0=DEFLATE),
            "compressed big-endian numbers of more than 8 bits",
        ),
        (tiff(np.zeros((3, 4, 5), np.uint16)), "16 bits in separate planes"),
        (tiff(np.zeros((3, 4, 5), np.uint16), order=">"), "16 bits in separate planes"),
        (tiff(np.zeros((4, 5, 3), np.uint8), page0={262: 6}), "uncompressed YCbCr"),
        (tiff(np.zeros((4, 5), np.int8)), "8 bits with a sign"),
    ],
)
def test_tiff_unsupported_layout_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadImage, match=f"{says}, which is not read; save it again"):
        read(data)


SMALL, LARGE = np.zeros((6, 8), np.uint8), np.array(quarters((32, 24)))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "tags",
    [
        {"page0": {254: 1}},
        {"page0": {255: 2}},
        {"page0": {254: 1}, "child": True},
        {"page0": {254: 1}, "page1": {254: 0}, "child": True},
    ],
    ids=["second page", "old tag", "below the first", "said to be full"],
)
def test_tiff_full_page_read(order: str, tags: dict[str, Any]) -> None:
    picture = read(tiff(SMALL, LARGE, order=order, **tags))
    assert (picture.width, picture.height) == (32, 24)
    assert close(picture.pixels[2, 29], GREEN)
    assert picture.notes == (
        "the picture: its first page is a small preview; the first full page was read",
    )


def test_tiff_first_full_page_read() -> None:
    picture = read(tiff(LARGE, SMALL, page1={254: 1}))
    assert picture.width == 32 and not picture.notes
    assert read(tiff(LARGE, SMALL, page1={254: 1}, child=True)).width == 32
    assert read(tiff(LARGE, page0={330: 10**6})).width == 32  # a child that is not there


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (tiff(SMALL, page0={254: 1}), "only a small preview"),
        (tiff(SMALL, LARGE, page0={254: 1}, page1={254: 1}), "only a small preview"),
        (
            tiff(SMALL, SMALL, page0={254: 1}, page1={262: 32803}, child=True),
            "raw data of a camera",
        ),
        (tiff(LARGE, SMALL, page1={262: 34892}, child=True), "data of a camera"),
        (tiff(LARGE, page0={50706: 1}), "data of a camera"),
    ],
    ids=["alone", "two", "colour filter array", "linear", "DNG"],
)
def test_tiff_preview_only_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        read(data)


# Colours


def encoded(light: np.ndarray) -> np.ndarray:
    """sRGB of light, as IEC 61966-2-1 has it."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def grey_png(values: np.ndarray, *chunks: bytes) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    height, width = values.shape
    return png(width, height, *chunks, png_chunk(b"IDAT", zlib.compress(rows)))


GREY = np.arange(256, dtype=np.uint8).reshape(8, 32)
LINEAR = png_chunk(b"gAMA", struct.pack(">I", 100_000))
USUAL = png_chunk(b"gAMA", struct.pack(">I", 45_455))
SRGB = png_chunk(b"sRGB", b"\0")
PROFILE = png_chunk(b"iCCP", b"any\0\0" + zlib.compress(swapped_profile()))


def cicp(primaries: int, curve: int, full: int = 1) -> bytes:
    return png_chunk(b"cICP", bytes([primaries, curve, 0, full]))


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ((), GREY / 255),
        ((LINEAR,), encoded(GREY / 255)),
        ((png_chunk(b"gAMA", struct.pack(">I", 55_556)),), encoded((GREY / 255) ** 1.8)),
        ((USUAL,), GREY / 255),
        ((LINEAR, SRGB), GREY / 255),
        ((PROFILE, LINEAR), GREY / 255),
        ((png_chunk(b"gAMA", bytes(4)),), GREY / 255),
        ((cicp(1, 8),), encoded(GREY / 255)),
        ((cicp(1, 13), LINEAR), GREY / 255),
        ((cicp(1, 1),), GREY / 255),
        ((cicp(1, 4), PROFILE), encoded((GREY / 255) ** 2.2)),
        ((cicp(9, 16),), None),
        ((cicp(9, 18),), None),
        ((cicp(1, 13, 0),), (GREY - 16.0) / 219),
    ],
    ids=[
        "nothing", "linear", "gamma 1.8", "gamma 2.2", "sRGB", "profile", "no gamma", "cICP linear",
        "cICP first", "television", "cICP before ICC", "PQ", "HLG", "narrow",
    ],
)  # fmt: skip
def test_png_gamma_profile_and_cicp_of_grey(
    chunks: tuple[bytes, ...], wanted: np.ndarray | None
) -> None:
    picture = read(grey_png(GREY, *chunks))
    pixels = picture.pixels
    assert np.ptp(pixels, axis=2).max() < 1e-3, "grey stays grey"
    if wanted is not None:
        np.testing.assert_allclose(pixels[:, :, 0], np.clip(wanted, 0, 1), atol=0.002)
        return
    # What BT.2408 calls the white of graphics: 58 of 100 of PQ, 75 of HLG.
    white = {16: 0.58, 18: 0.75}[chunks[0][9]]
    assert abs(pixels[:, :, 0].ravel()[round(white * 255)] - 1) < 0.02
    assert (np.diff(pixels[:, :, 0].ravel()) >= -1e-6).all()
    assert "brighter than white paper, were clipped" in picture.notes[0]


def colour_png(*chunks: bytes) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in np.array(quarters((8, 8))))
    return png(8, 8, *chunks, png_chunk(b"IDAT", zlib.compress(rows)), colour=2)


def test_png_wide_primaries() -> None:
    # Display P3 of an sRGB colour, by the matrix of CSS Color 4
    to_p3 = np.array(
        [[0.822462, 0.177538, 0], [0.033194, 0.966806, 0], [0.017083, 0.072397, 0.910520]]
    )
    colour = np.array([0.8, 0.3, 0.2])
    light = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    value = np.rint(encoded(to_p3 @ light) * 255).astype(np.uint8)
    rows = b"\0" + value.tobytes()
    p3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    for chunk in (cicp(12, 13), png_chunk(b"cHRM", p3)):
        data = png(1, 1, chunk, png_chunk(b"IDAT", zlib.compress(rows)), colour=2)
        np.testing.assert_allclose(read(data).pixels[0, 0], colour, atol=0.006)
    for broken in (bytes(32), struct.pack(">8I", *[1] * 8), b"\xff" * 32):
        assert close(read(colour_png(png_chunk(b"cHRM", broken))).pixels[1, 1], RED)


def test_avif_linear_colours() -> None:
    data = bytearray(saved(Image.new("RGB", (8, 8), (100, 100, 100)), "AVIF", quality=100))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", 1, 8)  # linear
    assert abs(read(bytes(data)).pixels.mean() - encoded(np.array(100 / 255))) < 0.01


def test_png_large_profile_applied() -> None:
    # Pillow takes a megabyte; what follows a profile's tags is not looked at.
    large = swapped_profile() + np.random.default_rng(0).bytes(1_500_000)
    large = struct.pack(">I", len(large)) + large[4:]
    chunk = png_chunk(b"iCCP", b"any\0\0" + zlib.compress(large))
    picture = read(colour_png(chunk))
    assert close(picture.pixels[1, 1], RED[::-1], 3) and not picture.notes
    assert close(read(saved(quarters(), "JPEG", icc_profile=large)).pixels[1, 1], RED[::-1], 9)
    bomb = png_chunk(b"iCCP", b"any\0\0" + zlib.compress(bytes(20_000_000)))
    picture = read(colour_png(bomb))
    assert close(picture.pixels[1, 1], RED) and "was ignored" in picture.notes[0]


# JPEG


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_jpeg_without_end_mark_read(options: dict[str, bool]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
    data = saved(Image.fromarray(noise), "JPEG", quality=90, **options)
    assert data.endswith(b"\xff\xd9")
    whole = read(data)
    for cut in (1, 2):
        picture = read(data[:-cut])
        np.testing.assert_array_equal(picture.pixels, whole.pixels)
        assert "its end mark is missing" in picture.notes[0]
    small = read(data[:-2], longest=16)
    np.testing.assert_array_equal(small.pixels, read(data, longest=16).pixels)
    for cut in (4, 5, 6, 7, 8, 30, 200, 2000):
        with pytest.raises(BadImage, match="incomplete"):
            read(data[:-cut])


# What is said of them


def test_notes_of_picture_reach_report(engine: Engine) -> None:
    from styleplug.core.recipe import Recipe

    deep = read(tiff(RAMP * 1.5))
    assert Picture(deep.pixels).notes == () and read(deep, longest=4).notes == deep.notes
    *_, final = engine.run(Recipe(method="sample", size=64, backend="fake"), {"content": [deep]})
    assert final.report is not None and deep.notes[0] in final.report.notes


@pytest.mark.slow
def test_library_remarks_stay_off_terminal(tmp_path: Path) -> None:
    files = {
        "a.jpg": saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        "b.png": colour_png(png_chunk(b"acTL", bytes(8))),
        "c.tif": tiff(LARGE, page0={277: 2000}),  # Pillow logs that these are too many samples
        "d.tif": tiff(LARGE, page0={259: 5}),  # libtiff writes that this is no LZW
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    code = (
        "import sys; from styleplug.core.errors import BadImage\n"
        "from styleplug.imaging import read\n"
        "for path in sys.argv[1:]:\n"
        "    try: print(read(path).width)\n"
        "    except BadImage: print('no')"
    )
    for options in ([], ["-W", "always"], ["-W", "error"]):
        command = [sys.executable, *options, "-c", code, *(tmp_path / name for name in files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.stdout.split(), done.stderr) == (["16", "8", "no", "no"], "")
