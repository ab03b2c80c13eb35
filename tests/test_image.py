"""The image border: every kind of picture comes in right, every bad one with a clear sentence."""

import io
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from styleplug.core.errors import BadImage, OutputError
from styleplug.core.recipe import LARGEST
from styleplug.imaging import (
    MAX_PIXELS,
    MAX_RECIPE,
    Picture,
    encode,
    fit,
    format_of,
    read,
    resize,
    scale,
    write,
)

RED, GREEN, BLUE = (220, 30, 20), (30, 200, 60), (20, 40, 210)


def quarters(size: tuple[int, int] = (16, 12)) -> Image.Image:
    """Red and green above, blue and white below: no turn or mirroring goes unseen."""
    image = Image.new("RGB", (2, 2))
    image.putdata([RED, GREEN, BLUE, (255, 255, 255)])
    return image.resize(size, Image.Resampling.NEAREST)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def close(pixel: np.ndarray, colour: tuple[int, ...], by: float = 1) -> bool:
    return bool(np.abs(pixel * 255 - np.array(colour)).max() <= by)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# Formats and modes


@pytest.mark.parametrize(
    ("kind", "options", "by"),
    [
        ("PNG", {}, 0.01),
        ("BMP", {}, 0.01),
        ("TIFF", {}, 0.01),
        ("TIFF", {"compression": "tiff_lzw"}, 0.01),
        ("WEBP", {"lossless": True}, 0.01),
        ("GIF", {}, 0.01),
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
    ],
)
def test_read_every_format(
    kind: str, options: dict[str, object], by: float, tmp_path: Path
) -> None:
    data = saved(quarters(), kind, **options)
    path = tmp_path / "picture"  # no ending: the content decides
    path.write_bytes(data)
    for source in (data, path, str(path)):
        picture = read(source)
        assert (picture.width, picture.height) == (16, 12)
        assert picture.pixels.dtype == np.float32
        assert picture.alpha is None
        assert close(picture.pixels[1, 1], RED, by)
        assert close(picture.pixels[1, 14], GREEN, by)
        assert close(picture.pixels[10, 1], BLUE, by)


def test_read_unlisted_format_refused() -> None:
    for kind in ("PPM", "ICO", "TGA"):
        with pytest.raises(BadImage, match="expected one of PNG"):
            read(saved(quarters(), kind))


def test_read_animation_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    for kind in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert close(read(data).pixels[4, 4], RED, 3), kind


@pytest.mark.parametrize("mode", ["1", "L", "P", "I", "I;16", "F", "CMYK", "YCbCr", "HSV", "LAB"])
def test_read_every_mode(mode: str) -> None:
    grey = Image.new("L", (8, 4), 255)
    grey.paste(0, (4, 0, 8, 4))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "LAB":
        image = ImageCms.profileToProfile(
            grey.convert("RGB"),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
    else:
        image = (grey if mode in "1IF" else grey.convert("RGB")).convert(mode)
    assert image.mode == mode
    picture = read(image)
    assert picture.pixels.shape == (4, 8, 3)
    assert close(picture.pixels[1, 1], (255, 255, 255), 2)
    assert close(picture.pixels[1, 6], (0, 0, 0), 2)


def test_read_sixteen_bit_grey_keeps_depth() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for data in (saved(Image.fromarray(ramp), "PNG"), saved(Image.fromarray(ramp), "TIFF"), ramp):
        pixels = read(data).pixels
        np.testing.assert_allclose(pixels[:, :, 1] * 65535, ramp, atol=0.01)


def test_read_sixteen_bit_dark_stays_dark() -> None:
    dark = np.full((4, 4), 200, np.uint16)
    assert read(saved(Image.fromarray(dark))).pixels.max() < 0.004


def test_read_sixteen_bit_colour() -> None:
    row = b"\0" + struct.pack(">6H", 0x8080, 0, 0xFFFF, 0xFFFF, 0x4040, 0)
    data = png(2, 1, png_chunk(b"IDAT", zlib.compress(row)), depth=16, colour=2)
    pixels = read(data).pixels
    assert close(pixels[0, 0], (128, 0, 255))
    assert close(pixels[0, 1], (255, 64, 0))


def test_read_twelve_bit_tiff() -> None:
    tags = [
        (256, 3, 2), (257, 3, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 3, 1), (279, 4, 3),
    ]  # fmt: skip
    strip = b"\xff\xf8\x00\x00"  # 4095, 2048
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    data = b"II*\0" + struct.pack("<I", 12) + strip + struct.pack("<H", len(tags)) + entries
    pixels = read(data + bytes(4)).pixels
    np.testing.assert_allclose(pixels[0, :, 0], [1, 2048 / 4095], atol=1e-4)


def test_read_alpha_kept_apart() -> None:
    image = quarters().convert("RGBA")
    mask = Image.new("L", image.size, 255)
    mask.paste(51, (0, 0, 8, 12))
    image.putalpha(mask)
    for kind in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        picture = read(saved(image, kind, **options))
        assert picture.alpha is not None
        np.testing.assert_allclose(picture.alpha[5], [0.2] * 8 + [1] * 8, atol=1e-6)
        assert close(picture.pixels[1, 1], RED)  # not premultiplied
    grey = read(image.convert("LA"))
    assert grey.alpha is not None and abs(grey.alpha[5, 1] - 0.2) < 1e-6
    image.putalpha(255)
    assert read(image).alpha is None  # all opaque


def test_read_alpha_of_palette_and_colour_key() -> None:
    palette = quarters().quantize(4)
    corner, other = palette.getpixel((1, 1)), palette.getpixel((14, 1))
    for kind in ("PNG", "GIF"):
        picture = read(saved(palette, kind, transparency=corner))
        assert picture.alpha is not None
        assert picture.alpha[1, 1] == 0 and picture.alpha[1, 14] == 1
        assert close(picture.pixels[1, 14], GREEN)
    assert corner != other
    keyed = read(saved(quarters(), "PNG", transparency=RED))
    assert keyed.alpha is not None and keyed.alpha[1, 1] == 0 and keyed.alpha[1, 14] == 1


def test_read_cmyk_jpeg() -> None:
    picture = read(saved(quarters().convert("CMYK"), "JPEG", quality=98))
    assert close(picture.pixels[1, 1], RED, 12)
    assert close(picture.pixels[10, 1], BLUE, 12)


# Orientation and colour profiles


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_read_every_orientation_upright(orientation: int, kind: str) -> None:
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    image = quarters((32, 16))
    stored = image.transpose(back[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    picture = read(saved(stored, kind, exif=exif, **options))
    assert (picture.width, picture.height) == (32, 16)
    assert close(picture.pixels[2, 2], RED, 4)
    assert close(picture.pixels[2, 29], GREEN, 4)
    assert close(picture.pixels[13, 2], BLUE, 4)


def test_read_broken_exif_ignored() -> None:
    assert close(read(saved(quarters(), exif=b"Exif\0\0II*\0nonsense")).pixels[1, 1], RED)


def swapped_profile() -> bytes:
    """sRGB with its red and blue primaries exchanged: its use is seen at once."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = data.index(b"rXYZ"), data.index(b"bXYZ")
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def test_read_profile_applied() -> None:
    profile = swapped_profile()
    for kind in ("PNG", "TIFF"):
        pixels = read(saved(quarters(), kind, icc_profile=profile)).pixels
        assert close(pixels[1, 1], RED[::-1], 3)
        assert close(pixels[1, 14], GREEN[::-1], 3)
    alpha = quarters().convert("RGBA")
    alpha.putalpha(100)
    picture = read(saved(alpha, icc_profile=profile))
    assert close(picture.pixels[1, 1], RED[::-1], 3)
    assert picture.alpha is not None and abs(picture.alpha[1, 1] - 100 / 255) < 1e-6
    palette = quarters().quantize(4)
    assert close(read(saved(palette, icc_profile=profile)).pixels[1, 1], RED[::-1], 3)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "I;16"])
def test_read_profile_broken_ignored(mode: str) -> None:
    image = Image.new(mode, (4, 4), 0x7FFF if mode == "I;16" else None or 0)
    plain = read(saved(image, "TIFF")).pixels
    for profile in (b"junk", swapped_profile()[:200], bytes(3000)):
        np.testing.assert_allclose(
            read(saved(image, "TIFF", icc_profile=profile)).pixels, plain, atol=0.003
        )


# Hostile and absurd


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"Dear sir, this is a text.\n" * 40, "expected one of PNG, JPEG"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"GIF89a", "damaged"),
        (b"BM" + bytes(60), "damaged|0 × 0"),
        (b"II*\0" + b"\xff" * 60, "damaged"),
        (b"RIFF\x20\0\0\0WEBPVP8 junk", "damaged"),
        (png(0, 5), "damaged|at least 1"),
        (png(30_000, 30_000), "134 megapixels"),
        (png(2**31 - 1, 2**31 - 1), "134 megapixels"),
        (png(MAX_PIXELS + 1, 1), "134 megapixels"),
    ],
    ids=[
        "empty",
        "text",
        "png",
        "jpeg",
        "gif",
        "bmp",
        "tiff",
        "webp",
        "no width",
        "bomb",
        "huge bomb",
        "just too large",
    ],
)
def test_read_hostile_file_refused_in_bounded_memory(
    data: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "upload.png"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(BadImage, match=says) as caught:
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_read_truncated_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    for part in (0.02, 0.1, 0.5, 0.9):
        with pytest.raises(BadImage):
            read(data[: int(len(data) * part)])


@pytest.mark.slow
def test_read_text_bomb_refused() -> None:
    bomb = b"key\0\0" + zlib.compress(bytes(200_000_000), 9)
    data = png(1, 1, png_chunk(b"zTXt", bomb), png_chunk(b"IDAT", zlib.compress(b"\0\0")))
    tracemalloc.start()
    with pytest.raises(BadImage):
        read(data)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 70_000)])
def test_read_absurd_shapes(size: tuple[int, int]) -> None:
    picture = read(saved(Image.new("RGB", size, RED)))
    assert max(picture.width, picture.height) == min(LARGEST, max(size))
    assert min(picture.width, picture.height) >= 1
    assert close(picture.pixels[0, 0], RED)


def test_read_unopenable_refused(tmp_path: Path) -> None:
    for path, says in (
        (tmp_path / "none.png", "there is no file 'none.png'"),
        (tmp_path, "'test_read_unopen.*' is a folder; expected a picture in it"),
        (Path("/dev/zero"), "there is no file"),
        ("a\0b", "a"),
        ("x" * 5000, "x"),
    ):
        with pytest.raises(BadImage, match=says):
            read(path)
    with pytest.raises(BadImage, match="0 × 5 pixels"):
        read(Image.new("RGB", (0, 5)))
    with pytest.raises(BadImage, match="NoneType"):
        read(None)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_read_hundred_megapixels_in_bounded_memory(kind: str) -> None:
    # Bytes of a 12000 × 9000 picture, made without ever holding one.
    if kind == "PNG":
        packer = zlib.compressobj(1)
        row = b"\0" + bytes(RED) * 12_000
        packed = b"".join(packer.compress(row) for _ in range(9000)) + packer.flush()
        data = png(12_000, 9_000, png_chunk(b"IDAT", packed), colour=2)
    else:
        data = saved(Image.new("RGB", (12_000, 9_000), RED), "JPEG")
    # In a process of its own: only there does the peak tell of this picture alone.
    code = (
        "import sys, resource; from styleplug.imaging import read\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "picture = read(sys.stdin.buffer.read(), longest=4096)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(picture.width, picture.height, (after - before) // 1024)"
    )
    out = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], input=data, capture_output=True, check=True
    )
    width, height, megabytes = map(int, out.stdout.split())
    assert (width, height) == (4096, 3072)
    assert megabytes < 900


def test_read_jpeg_reduced_by_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    true_load = ImageFile.ImageFile.load
    monkeypatch.setattr(
        ImageFile.ImageFile, "load", lambda self: loaded.append(self.size) or true_load(self)
    )
    picture = read(saved(quarters((2000, 1000)), "JPEG"), longest=200)
    assert (picture.width, picture.height) == (200, 100)
    assert loaded[0] == (250, 125)


def test_read_leaves_given_picture_unchanged() -> None:
    image = Image.open(io.BytesIO(saved(quarters((800, 600)), "JPEG")))
    assert read(image, longest=100).width == 100
    assert image.size == (800, 600)


def test_read_transparent_colours_do_not_bleed() -> None:
    image = Image.new("RGBA", (400, 400), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 199, 400))
    for longest in (100, 37):
        picture = read(image, longest=longest)
        assert picture.alpha is not None
        seen = picture.pixels[picture.alpha > 0.05]
        assert seen[:, 1].max() < 0.05  # no green


def test_read_in_threads_agrees() -> None:
    data = [saved(quarters((300, 200)), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")]
    expected = [read(item, longest=90).pixels for item in data]
    wrong: list[int] = []

    def work() -> None:
        for index, item in enumerate(data):
            if not np.array_equal(read(item, longest=90).pixels, expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Arrays


def test_read_arrays() -> None:
    colour = np.array(quarters())
    expected = colour / 255
    for array in (colour, expected, expected.astype(np.float32), colour.astype(np.uint16) * 257):
        np.testing.assert_allclose(read(array).pixels, expected, atol=1e-6)
    for grey in (colour[:, :, 0], colour[:, :, :1], expected[:, :, 0]):
        np.testing.assert_allclose(read(grey).pixels[:, :, 2], expected[:, :, 0], atol=1e-6)
    assert read(np.eye(4, dtype=bool)).pixels[2, 2, 0] == 1
    masked = read(np.dstack([expected, np.full(expected.shape[:2], 0.25)]))
    assert masked.alpha is not None and masked.alpha.max() == 0.25
    assert read(expected.astype(np.float32), longest=8).pixels.shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 4, 2)), "shape"),
        (np.zeros((2, 4, 4, 3)), "shape"),
        (np.zeros(7), "shape"),
        (np.zeros((0, 4, 3)), "at least 1"),
        (np.full((4, 4, 3), np.nan), r"\[0, 1\]"),
        (np.full((4, 4, 3), np.inf), r"\[0, 1\]"),
        (np.full((4, 4, 3), 200.0), "0, 1.*200"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.zeros((4, 4, 3), complex), "complex"),
        (np.array([["a"]]), "array of"),
    ],
)
def test_read_bad_array_refused(array: np.ndarray, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        read(array)


# Size


def test_resize_keeps_flat_averages_fine() -> None:
    flat = np.full((30, 50, 3), 0.3, np.float32)
    np.testing.assert_allclose(resize(flat, 17, 71), 0.3, atol=1e-6)
    fine = np.indices((64, 64)).sum(axis=0) % 2  # a checkerboard: grey from afar
    small = resize(fine.astype(np.float32), 16, 16)
    assert small.shape == (16, 16) and small.dtype == np.float32
    np.testing.assert_allclose(small, 0.5, atol=0.03)
    large = resize(fine.astype(np.float32), 300, 200)
    assert large.shape == (200, 300) and large.min() >= 0 and large.max() <= 1
    assert resize(flat, 50, 30) is flat


def test_resize_does_not_shift() -> None:
    ramp = np.tile(np.linspace(0, 1, 100, dtype=np.float32), (10, 1))
    for width in (31, 50, 250):
        row = resize(ramp, width, 10)[5, width // 5 : -width // 5]
        where = (np.arange(width) + 0.5) * 100 / width - 0.5
        np.testing.assert_allclose(row, where[width // 5 : -width // 5] / 99, atol=0.002)


def test_fit_and_scale_shapes() -> None:
    picture = Picture(np.zeros((30, 40, 3), np.float32), np.ones((30, 40), np.float32))
    assert fit(picture, 20).pixels.shape == (15, 20, 3)
    assert fit(picture, 80).alpha.shape == (60, 80)  # type: ignore[union-attr]
    assert fit(Picture(np.zeros((5000, 1, 3), np.float32)), 64).pixels.shape == (64, 1, 3)
    assert scale(picture, 7, 9).pixels.shape == (9, 7, 3)
    same = scale(picture, 40, 30)
    np.testing.assert_array_equal(same.pixels, picture.pixels)


def test_fit_transparent_colours_do_not_bleed() -> None:
    pixels = np.zeros((40, 40, 3), np.float32)
    pixels[:, :20, 0] = 1
    pixels[:, 20:, 1] = 1  # green, but invisible
    alpha = np.zeros((40, 40), np.float32)
    alpha[:, :20] = 1
    for size in (13, 90):
        result = fit(Picture(pixels, alpha), size)
        assert result.alpha is not None
        assert result.pixels[result.alpha > 0.05][:, 1].max() < 0.02


# Going out


def test_encode_png_exact() -> None:
    values = np.arange(256, dtype=np.float32).reshape(16, 16, 1).repeat(3, axis=2) / 255
    for shift in (0, 0.49 / 255, -0.49 / 255):
        back = np.asarray(Image.open(io.BytesIO(encode(values + np.float32(shift)))))
        np.testing.assert_array_equal(back[:, :, 0].ravel(), np.arange(256))
    beyond = encode(np.array([[[-3, 0.5, 7]]], np.float32))
    np.testing.assert_allclose(read(beyond).pixels[0, 0] * 255, [0, 128, 255], atol=0.01)


def test_encode_alpha() -> None:
    picture = Picture(np.full((6, 5, 3), 0.2, np.float32), np.full((6, 5), 0.5, np.float32))
    rgba = np.dstack([picture.pixels, picture.alpha])
    assert encode(picture) == encode(rgba)
    back = read(encode(picture))
    assert back.alpha is not None and abs(back.alpha[0, 0] - 0.5) < 0.003
    for kind in ("webp", "avif"):
        assert Image.open(io.BytesIO(encode(picture, kind))).mode == "RGBA"
    np.testing.assert_allclose(read(encode(picture, "jpg")).pixels, 0.6, atol=0.01)  # on white


def test_encode_bad_picture_refused() -> None:
    good = np.zeros((4, 4, 3), np.float32)
    for bad, says in (
        (good[:, :, :2], "shape"),
        (good[:0], "shape"),
        (good + np.nan, "not finite"),
    ):
        with pytest.raises(OutputError, match=says):
            encode(bad)
    with pytest.raises(OutputError, match="ending must be one of"):
        encode(good, "gif")
    with pytest.raises(OutputError, match="16500 × 2 pixels cannot be written as WEBP"):
        encode(np.zeros((2, 16_500, 3), np.float32), "webp")
    with pytest.raises(OutputError, match="recipe"):
        encode(good, "png", "x" * (MAX_RECIPE + 1))


@pytest.mark.parametrize(
    "name", ["a.png", "b.JPG", "c.jpeg", "d.webp", "e.tif", "f.tiff", "g.avif"]
)
def test_write_every_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")
    write(np.full((9, 7, 3), 0.25, np.float32), path, recipe="{}")
    np.testing.assert_allclose(read(path).pixels, 0.25, atol=0.01)
    with Image.open(path) as image:
        assert image.format == format_of(path)
    assert os.listdir(tmp_path) == [name]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_write_bad_path_refused(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.float32)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    for path, says in (
        (tmp_path / "none" / "a.png", "does not exist: create it"),
        (tmp_path / "file" / "a.png", "does not exist: create it"),
        (tmp_path / "folder.png", "folder of that name"),
        (tmp_path / "a.xyz", "ending must be one of .png"),
        (tmp_path / "a", "ending must be one of .png"),
        (tmp_path / ("n" * 300 + ".png"), "cannot write"),
        (tmp_path / "a\0b.png", "cannot write"),
    ):
        with pytest.raises(OutputError, match=says):
            write(pixels, path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


def test_write_read_only_folder_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:  # root may write anywhere: let the system's answer be played

        def refuse(path: Path, *_: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", refuse)
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError, match="is not allowed: choose another folder"):
        write(np.zeros((4, 4, 3), np.float32), tmp_path / "a.png")


def test_write_disk_full_keeps_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).random((200, 200, 3), np.float32)
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))  # the write fails half-way
    try:
        with pytest.raises(OutputError, match="the disk is full"):
            write(noise, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_write_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(np.zeros((4, 4, 3), np.float32), tmp_path / "a.png")
    assert os.listdir(tmp_path) == []
