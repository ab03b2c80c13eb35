"""Which weights an ONNX graph asks for, read from its bytes, which are a protobuf message.

ONNX Runtime refuses a weight that a graph has no place for, and tells of the places only when all
are filled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_GRAPH = 7  # of ModelProto
_INITIALISER = 5  # of GraphProto
_NAME, _LOCATION = 8, 14  # of TensorProto
_EXTERNAL = 1


def external_weights(graph: Path) -> tuple[str, ...]:
    """Names of the initialisers that a verified graph keeps elsewhere."""
    names = []
    for model in _values(memoryview(graph.read_bytes()), _GRAPH):
        for tensor in _values(model, _INITIALISER):
            fields = dict(_fields(tensor))
            name = fields[_NAME]
            if fields.get(_LOCATION) == _EXTERNAL and isinstance(name, memoryview):
                names.append(str(name, "utf-8"))
    return tuple(names)


def _values(message: memoryview, number: int) -> Iterator[memoryview]:
    """The messages within a message that have this number."""
    for field, value in _fields(message):
        if field == number and isinstance(value, memoryview):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of every field; numbers of fixed width are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif kind == _BYTES:
            length, at = _varint(message, at)
            yield number, message[at : at + length]
            at += length
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a field of the unknown kind {kind}; expected an ONNX graph")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, low ones first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
