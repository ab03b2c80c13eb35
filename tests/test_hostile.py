"""A thousand damaged pictures: each is painted or refused in words, in time and without remarks."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

HERE = Path(__file__).parent
MANY, LONGEST = 1000, 5.0  # files; seconds for one of them


def whole() -> dict[str, bytes]:
    """Small pictures of every format that is read, with metadata where it keeps some."""
    y, x = np.mgrid[0:40, 0:56]
    image = Image.fromarray(np.stack([4 * x, 6 * y, 2 * (x + y)], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "somebody"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    extra = {"exif": exif, "icc_profile": profile}
    deep = Image.fromarray((x * 1000).astype(np.uint16))
    kinds: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "png": (image, "PNG", extra),
        "png 16": (deep, "PNG", {}),
        "png palette": (image.quantize(9), "PNG", {"transparency": 0}),
        "jpeg": (image, "JPEG", extra),
        "jpeg progressive": (image, "JPEG", {"progressive": True}),
        "webp": (image, "WEBP", extra),
        "avif": (image, "AVIF", {"exif": exif}),
        "tiff": (image, "TIFF", extra),
        "tiff 16": (deep, "TIFF", {"compression": "tiff_lzw"}),
        "tiff float": (deep.convert("F"), "TIFF", {}),
        "tiff jpeg": (image, "TIFF", {"compression": "jpeg"}),
        "bmp": (image, "BMP", {}),
        "gif": (image, "GIF", {"save_all": True, "append_images": [image.rotate(90)]}),
    }
    files = {"heic": (HERE / "quarters.heic").read_bytes()}
    for name, (picture, kind, options) in kinds.items():
        file = io.BytesIO()
        picture.save(file, kind, **options)
        files[name] = file.getvalue()
    return files


def damaged(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A file with a few bits flipped, its end cut off, zeros or another file within."""
    bad = np.frombuffer(data, np.uint8).copy()
    start, end = sorted(rng.integers(0, len(bad), 2))
    match rng.integers(5):
        case 0:
            bad[rng.integers(0, len(bad), rng.integers(1, 9))] ^= np.uint8(1 << rng.integers(8))
        case 1:  # in the head, where sizes and offsets stand
            bad[rng.integers(0, min(200, len(bad)), rng.integers(1, 5))] = rng.integers(256)
        case 2:
            bad = bad[: rng.integers(len(bad))]
        case 3:
            bad[start:end] = 0
        case 4:
            return data[:start] + other[start:end] + data[end:]
    return bad.tobytes()


def files(count: int) -> Iterator[tuple[str, bytes]]:
    """Damaged files, and of which kind each was."""
    rng = np.random.default_rng(0)
    good = whole()
    names = list(good)
    for number in range(count):
        name = names[number % len(names)]
        yield name, damaged(good[name], good[names[rng.integers(len(names))]], rng)


def paint_all() -> None:
    """Paint them; print what became of them, and the longest time."""
    import styleplug
    from styleplug.core.errors import StyleplugError

    style = np.full((32, 32, 3), 0.5, np.float32)
    ended: Counter[str] = Counter()
    longest = 0.0
    for name, data in files(MANY):
        start = time.perf_counter()
        try:
            made = styleplug.stylize(data, style, "cnn", size=64, backend="fake").array
            assert made.shape[2] in (3, 4) and np.isfinite(made).all()
            ended["painted"] += 1
        except StyleplugError as error:
            assert str(error) and "\n" not in str(error), (name, error)
            ended["refused"] += 1
        longest = max(longest, time.perf_counter() - start)
    print(json.dumps({**ended, "longest": longest}))


@pytest.mark.slow
def test_damaged_pictures_painted_or_refused() -> None:
    code = "import sys; sys.path.append('tests'); import test_hostile; test_hostile.paint_all()"
    command = [sys.executable, "-W", "always", "-c", code]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["painted"] + told["refused"] == MANY
    assert min(told["painted"], told["refused"]) > MANY / 10, "the damage is of all degrees"
    assert told["longest"] < LONGEST
