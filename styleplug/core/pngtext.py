"""The recipe that a file of ours carries: in a PNG one international text chunk, under PNG_KEY."""

from __future__ import annotations

import codecs
import os
import zlib
from pathlib import Path
from typing import IO

from styleplug.core import webptext
from styleplug.core.errors import BadImage, BadRecipe
from styleplug.core.files import open_source
from styleplug.core.recipe import PNG_KEY

MAX_RECIPE = 2**20
"""Bytes of a recipe's text at most, written or read."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 100_000  # more than any writer makes of a picture that we would read


def read_recipe(source: str | Path | bytes) -> str | None:
    """The recipe text inside a PNG or animated WebP of ours, or the text of a .json file.

    Nothing else of the file is read, and no pixel decoded.

    Returns:
        The text, unchecked (`Recipe.from_json` checks it); None where the file has none.

    Raises:
        BadRecipe: the file cannot be read, or its recipe is damaged or too long.
    """
    try:
        with open_source(source) as (file, _):
            text = _text(file)
        return None if text is None else text.decode()
    except BadImage as error:
        raise BadRecipe(str(error)) from error
    except (OSError, UnicodeDecodeError, zlib.error) as error:
        raise BadRecipe(f"the recipe in this file is damaged ({error})") from error


def _text(file: IO[bytes]) -> bytes | None:
    """The raw text, at most MAX_RECIPE bytes of it."""
    start = file.read(len(_SIGNATURE))
    if start == _SIGNATURE:
        text = _chunk(file)
    elif start.startswith(b"RIFF") and file.read(4) == b"WEBP":
        text = webptext.chunk(file, MAX_RECIPE)
    elif start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        text = start.removeprefix(codecs.BOM_UTF8) + file.read(MAX_RECIPE + 1)
    else:
        return None
    if text is not None and len(text) > MAX_RECIPE:
        raise BadRecipe(f"the recipe in this file is longer than the {MAX_RECIPE} bytes allowed")
    return text


def _chunk(file: IO[bytes]) -> bytes | None:
    """Our text in a PNG whose signature has been read: chunk by chunk, skipping all others."""
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return None
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"iTXt" and length <= MAX_RECIPE + 1024:  # 1024: key, flags, languages
            key, _, rest = file.read(length).partition(b"\0")
            if key == PNG_KEY.encode():
                return _unpacked(rest)
            length = 0
        file.seek(length + 4, os.SEEK_CUR)  # 4: the checksum
    return None


def _unpacked(data: bytes) -> bytes:
    """The text of an iTXt chunk after its key: flag, method, language, translated key, text."""
    text = data[2:].split(b"\0", 2)[-1]
    if not data.startswith(b"\1"):
        return text
    return zlib.decompressobj().decompress(text, MAX_RECIPE + 1)  # bounded: it may be a bomb
