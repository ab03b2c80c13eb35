"""The recipe that an animated WebP of ours carries: a chunk of its own, the last of the file."""

from __future__ import annotations

import io
import os
from typing import IO

_KEY = b"SPLG"
_MOST_CHUNKS = 100_000  # more than any writer makes of a picture that we would read


def signed(file: bytes, text: str) -> bytes:
    """A WebP file of the extended format (all animations are) with a text inside.

    Readers pass over chunks that they do not know.
    """
    data = text.encode()
    chunk = _KEY + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
    length = len(file) + len(chunk) - 8
    return file[:4] + length.to_bytes(4, "little") + file[8:] + chunk


def plain(file: bytes) -> bytes:
    """A file without its text, where it has one."""
    with io.BytesIO(file) as rest:
        rest.seek(12)
        text = chunk(rest, len(file))
    if text is None:
        return file
    kept = len(file) - 8 - len(text) - len(text) % 2
    return file[:4] + (kept - 8).to_bytes(4, "little") + file[8:kept]


def chunk(file: IO[bytes], most: int) -> bytes | None:
    """Our text in a WebP of which the first 12 bytes have been read; None where it has none.

    Args:
        file: read chunk by chunk, skipping all others.
        most: bytes of the text that are read at most, and one more.
    """
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], "little")
        if head[:4] == _KEY:
            return file.read(min(length, most + 1))
        file.seek(length + length % 2, os.SEEK_CUR)
    return None
