"""A PNG chunk by chunk: what Pillow does not say of one, or does not read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import IO

from PIL import Image, PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 100_000  # more than any writer makes of a picture that we would read
_MOST_PROFILE = 2**24  # bytes; the largest profiles of printers have about 4 million


def chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, up to the last; the file then stands at the chunk's data.

    Args:
        file: a PNG whose signature has been read.
    """
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length = int.from_bytes(head[:4], "big")
        end = file.tell() + length + 4
        yield head[4:], length
        file.seek(end)


def opened(file: IO[bytes], notes: list[str]) -> Image.Image:
    """A PNG of which the header is read.

    Beside what Pillow finds, `info` holds the four numbers of a cICP chunk as "cicp", and an ICC
    profile of any usual length; Pillow refuses pictures with one above a megabyte.

    Args:
        file: at its beginning.
        notes: gets a sentence on a profile that is left out.
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
    """A file, some bytes cut out."""
    file.seek(0)
    head = file.read(start)
    file.seek(end)
    return BytesIO(head + file.read())


def _inflated(data: bytes) -> bytes | None:
    """The profile of an iCCP chunk that is too long for Pillow; b"" where it is for us, too."""
    packed = data.partition(b"\0")[2][1:]
    with suppress(zlib.error):  # Pillow leaves a damaged one out
        profile = zlib.decompressobj().decompress(packed, _MOST_PROFILE + 1)
        if len(profile) > PngImagePlugin.MAX_TEXT_CHUNK:
            return profile if len(profile) <= _MOST_PROFILE else b""
    return None
