"""Write JSON: numbers that are not finite become null, because JSON has no NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """The same mappings and lists, with None instead of every number that is not finite.

    >>> plain({"loss": float("nan"), "steps": (1, 2.5)})
    {'loss': None, 'steps': [1, 2.5]}
    """
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(value: Any, *, indent: int | None = None, ascii: bool = False) -> str:
    """Valid JSON.

    Args:
        value: plain data.
        indent: spaces per level; None for a single line.
        ascii: escape other characters, for terminals of any encoding.
    """
    return json.dumps(plain(value), indent=indent, ensure_ascii=ascii, allow_nan=False)
