"""Read the header of a safetensors file; everything in it is checked.

A safetensors file has the length of its header (8 bytes, little-endian), the header (JSON: name ->
dtype, shape, offsets) and the bytes of the tensors, without gap or overlap.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from styleplug.core.errors import WeightError

LONGEST = 16 * 2**20
"""Bytes of the longest header read; that of VGG-19 has 4 thousand."""

_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2}
_SIZES |= {"I16": 2, "U16": 2, "F8_E5M2": 1, "F8_E4M3": 1, "I8": 1, "U8": 1, "BOOL": 1}

_IMPOSTORS = {
    b"\x80": "a pickle, which could run anything and is never opened",
    b"PK": "a zip archive (PyTorch's pickle format), which could run anything and is never opened",
    b"<": "a web page",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies.

    Args:
        dtype: "F32", "F16" …
        shape: its lengths.
        start: first byte in the file.
        end: byte after the last.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def length(head: bytes, size: int, name: str) -> int:
    """Bytes that length and header take together.

    Args:
        head: first bytes of the file, at least 9 where it has as many.
        size: bytes of the whole file.
        name: what to call the file in an error.

    Raises:
        WeightError: this is no safetensors file.
    """
    for mark, what in _IMPOSTORS.items():
        # A header shorter than 256 bytes may truly begin with the byte 0x80, "<" or "P":
        # what tells is the brace that every header begins with.
        if head.startswith(mark) and head[8:9] != b"{":
            raise WeightError(f"{name} is {what}; expected a safetensors file")
    if size < 10 or len(head) < 9 or head[8:9] != b"{":
        raise WeightError(f"{name} ({size} bytes) does not start like a safetensors file")
    (count,) = struct.unpack_from("<Q", head)
    if count > min(LONGEST, size - 8):
        raise WeightError(
            f"{name} has a header of {count} bytes; expected at most "
            f"{min(LONGEST, size - 8)}: it is damaged or incomplete"
        )
    return 8 + int(count)


def parse(head: bytes, size: int, name: str) -> dict[str, Tensor]:
    """The tensors of a file, in the order they lie in.

    Args:
        head: the first `length(…)` bytes of the file, or more.
        size: bytes of the whole file.
        name: what to call the file in an error.

    Raises:
        WeightError: this is no safetensors file, or its header contradicts itself.
    """
    begin = length(head, size, name)
    try:
        listed = json.loads(head[8:begin].decode("utf-8"), object_pairs_hook=_no_repeats)
        listed.pop("__metadata__", None)
        tensors = {key: _tensor(value, begin) for key, value in listed.items()}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WeightError(f"the header of {name} cannot be used: {error}") from None
    tensors = dict(sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)))
    reached = begin
    for key, tensor in tensors.items():
        if tensor.start != reached:
            raise WeightError(
                f"the header of {name} cannot be used: {key[:80]!r} begins at byte "
                f"{tensor.start}, expected {reached}"
            )
        reached = tensor.end
    if reached != size:
        raise WeightError(
            f"{name} has {size} bytes, but its header says {reached}: it is damaged or incomplete"
        )
    return tensors


def read(path: Path, name: str = "") -> dict[str, Tensor]:
    """The tensors of a local file, from its header alone.

    Args:
        path: the file.
        name: what to call the file in an error; else its own name.

    Raises:
        WeightError: this is no safetensors file, or its header contradicts itself.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(9)
        head += file.read(length(head, size, name or path.name) - 9)
        return parse(head, size, name or path.name)


def order(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names in the order that the safetensors library writes: wide types first, then by name."""
    return sorted(tensors, key=lambda key: (-_SIZES[tensors[key].dtype], key))


def render(tensors: Mapping[str, Tensor]) -> bytes:
    """Length and header of a new file of these tensors, byte for byte as the library writes it."""
    listed: dict[str, dict[str, Any]] = {}
    reached = 0
    for key in order(tensors):
        tensor = tensors[key]
        stop = reached + tensor.end - tensor.start
        listed[key] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [reached, stop],
        }
        reached = stop
    text = json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names differ."""
    listed = dict(pairs)
    if len(listed) != len(pairs):
        raise ValueError("a name occurs twice")
    return listed


def _tensor(value: Any, begin: int) -> Tensor:
    """An entry of the header, checked by itself."""
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not (isinstance(dtype, str) and dtype in _SIZES):
        raise ValueError(f"unknown dtype {str(dtype)[:20]!r}; known are: {', '.join(_SIZES)}")
    if not (_naturals(shape) and len(shape) <= 8):
        raise ValueError(f"{str(shape)[:80]} is not a shape")
    if not (_naturals(offsets) and len(offsets) == 2):
        raise ValueError(f"{str(offsets)[:80]} are not offsets")
    if offsets[1] - offsets[0] != math.prod(shape) * _SIZES[dtype]:
        raise ValueError(f"{dtype} {str(shape)[:80]} does not fill bytes {offsets}")
    return Tensor(dtype, tuple(shape), begin + offsets[0], begin + offsets[1])


def _naturals(value: Any) -> bool:
    """A list of whole numbers from 0 up (True and False are none)."""
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
