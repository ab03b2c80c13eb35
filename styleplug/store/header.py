"""The header of a safetensors file: read and checked, or written for some tensors of another file.

A safetensors file begins with the length of its header (8 bytes, little-endian) and the header
(JSON: name -> dtype, shape, offsets).  The bytes of the tensors follow, without gap or overlap.
The safetensors library reads a whole file only; here the first bytes of a remote file are enough.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import from_json

from styleplug.core.errors import WeightError, first_problem

LONGEST = 16 * 2**20
"""Bytes of the longest header that is read; that of VGG-19 has 4 thousand."""

_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2}
_SIZES |= {"I16": 2, "U16": 2, "F8_E5M2": 1, "F8_E4M3": 1, "I8": 1, "U8": 1, "BOOL": 1}

_IMPOSTORS = {
    b"\x80": "a pickle, which could run anything and is never opened",
    b"PK": "a zip archive (PyTorch's pickle format), which could run anything and is never opened",
    b"<": "a web page",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}


_Natural = Annotated[int, Field(strict=True, ge=0)]


class Tensor(BaseModel):
    """An entry of the header; the offsets count from the end of the header."""

    model_config = ConfigDict(frozen=True)
    dtype: Annotated[str, Field(pattern=f"^({'|'.join(_SIZES)})$")]
    shape: Annotated[tuple[_Natural, ...], Field(max_length=8)]
    data_offsets: tuple[_Natural, _Natural]

    @property
    def size(self) -> int:
        """Its bytes."""
        return math.prod(self.shape) * _SIZES[self.dtype]


_TENSORS = TypeAdapter(dict[str, Tensor])


def length(head: bytes, size: int, name: str) -> int:
    """Number of bytes before the first tensor.

    Args:
        head: the first bytes of the file, at least 9 if it has as many.
        size: bytes of the whole file.
        name: the name of the file in an error.

    Raises:
        WeightError: this is not a safetensors file.
    """
    for mark, what in _IMPOSTORS.items():
        # The length of a short header may be the byte 0x80, "<" or "P" too; then the brace that
        # every header begins with follows.
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
    """The tensors of a file, in their order in the file.

    Args:
        head: the first `length(…)` bytes of the file, or more.
        size: bytes of the whole file.
        name: the name of the file in an error.

    Raises:
        WeightError: this is not a safetensors file, or its header contradicts itself.
    """
    begin = length(head, size, name)
    try:
        listed = from_json(head[8:begin])
        listed.pop("__metadata__", None)
        tensors = _TENSORS.validate_python(listed)
    except (ValueError, AttributeError) as error:  # a ValidationError is a ValueError
        raise WeightError(f"the header of {name} cannot be used: {first_problem(error)}") from None
    tensors = dict(sorted(tensors.items(), key=lambda item: item[1].data_offsets))
    reached = 0
    for key, tensor in tensors.items():
        if tensor.data_offsets != (reached, reached + tensor.size):
            raise WeightError(
                f"the header of {name} cannot be used: {key[:80]!r} has the offsets "
                f"{tensor.data_offsets}, expected {(reached, reached + tensor.size)}"
            )
        reached += tensor.size
    if begin + reached != size:
        raise WeightError(
            f"{name} has {size} bytes, but its header says {begin + reached}: it is damaged or "
            "incomplete"
        )
    return tensors


def read(path: Path, name: str = "") -> dict[str, Tensor]:
    """The tensors of a local file; only its header is read.

    Args:
        name: the name of the file in an error; by default its own.

    Raises:
        WeightError: this is not a safetensors file, or its header contradicts itself.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(9)
        head += file.read(length(head, size, name or path.name) - 9)
        return parse(head, size, name or path.name)


def order(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names in the order of the safetensors library: wide types first, then by name."""
    return sorted(tensors, key=lambda key: (-_SIZES[tensors[key].dtype], key))


def render(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes before the tensors of a new file of these, the same as the library writes."""
    listed: dict[str, dict[str, Any]] = {}
    reached = 0
    for key in order(tensors):
        tensor = tensors[key]
        offsets = (reached, reached := reached + tensor.size)
        listed[key] = tensor.model_copy(update={"data_offsets": offsets}).model_dump()
    text = json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
