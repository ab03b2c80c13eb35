"""Names of the classes that a net knows: metadata of its weight file, beside the tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import safe_open

from styleplug.core.array import Floats
from styleplug.core.backend import MOST_CLASSES
from styleplug.core.errors import WeightError
from styleplug.system.jsontext import to_json

KEY = "classes"
_TABLE = "letters"  # a tensor of earlier files: the bytes of a name in each row, then zeros
T = TypeVar("T")


def classes_as_metadata(names: Sequence[str]) -> dict[str, str]:
    """The metadata of a safetensors file with these names."""
    return {KEY: to_json(list(names))} if names else {}


def read_classes(path: Path) -> tuple[str, ...]:
    """The names in a safetensors file; () if it has none.

    Raises:
        WeightError: the metadata are not names, or there are too many.
    """
    with safe_open(path, "np") as file:
        text = (file.metadata() or {}).get(KEY)
        if text is None:
            return _spelled(file.get_tensor(_TABLE)) if _TABLE in file.keys() else ()
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) and name for name in names)
        or not len(set(names)) == len(names) <= MOST_CLASSES
    ):
        raise WeightError(
            f"{path.name} names the classes {text[:80]}; expected a list of at most "
            f"{MOST_CLASSES} different names"
        )
    return tuple(names)


def without_table(tensors: Mapping[str, T]) -> dict[str, T]:
    """The tensors of a file without the table of names that earlier files hold among them."""
    return {key: value for key, value in tensors.items() if key != _TABLE}


def _spelled(table: Floats) -> tuple[str, ...]:
    """The names in such a table."""
    rows = np.clip(np.nan_to_num(table), 0, 255).astype(np.uint8)
    names = (bytes(row).rstrip(b"\0").decode("utf-8", errors="replace") for row in rows)
    return tuple(name for name in names if name)
