"""Open PNG files, with the cICP chunk and large colour profiles, which Pillow does not read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import IO

from PIL import Image, PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 100_000  # no writer makes this many chunks for a picture that can be read
_MOST_PROFILE = 2**24  # bytes; the largest profiles of printers have about 4 million


def chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk; at each step, the file is at the start of the chunk's data.

    Args:
        file: a PNG file, positioned after its signature.
    """
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length = int.from_bytes(head[:4], "big")
        end = file.tell() + length + 4
        yield head[4:], length
        file.seek(end)


def open_png(file: IO[bytes], notes: list[str]) -> Image.Image:
    """Open a PNG file and read its header.

    Its `info` also holds the four numbers of a cICP chunk as "cicp", and an ICC profile of up to
    16 MB; Pillow rejects pictures with a profile above 1 MB.

    Args:
        file: the file, at its beginning.
        notes: a note is added to this list if a profile is ignored.
    """
    found: dict[str, object] = {}
    cut = (0, 0)
    file.seek(len(SIGNATURE))
    for kind, length in chunks(file):
        if kind == b"IDAT":
            break
        if kind == b"cICP" and length == 4:
            found["cicp"] = tuple(file.read(length))
        elif kind == b"iCCP" and (profile := _inflated(file.read(length))) is not None:
            found["icc_profile"] = profile
            cut = file.tell() - length - 8, file.tell() + 4
    if cut[1]:
        file = _without(file, *cut)
    if found.get("icc_profile") == b"":
        notes.append(f"its colour profile of more than {_MOST_PROFILE} bytes was ignored")
    file.seek(0)
    image = PngImagePlugin.PngImageFile(file, "")
    image.info.update(found)
    return image


def _without(file: IO[bytes], start: int, end: int) -> IO[bytes]:
    """The file without the bytes from `start` to `end`."""
    file.seek(0)
    head = file.read(start)
    file.seek(end)
    return BytesIO(head + file.read())


def _inflated(data: bytes) -> bytes | None:
    """The profile of an iCCP chunk if it is too long for Pillow; b"" if it is too long for us."""
    packed = data.partition(b"\0")[2][1:]
    with suppress(zlib.error):  # Pillow ignores a damaged profile
        profile = zlib.decompressobj().decompress(packed, _MOST_PROFILE + 1)
        if len(profile) > PngImagePlugin.MAX_TEXT_CHUNK:
            return profile if len(profile) <= _MOST_PROFILE else b""
    return None
