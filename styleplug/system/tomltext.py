"""Write TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styleplug.system.jsontext import to_json


def to_toml(values: Mapping[str, Any]) -> str:
    """Strings, numbers and lists of them as TOML; a mapping becomes a table.

    >>> print(to_toml({"title": "Sea", "scores": {"loss": 0.5}, "data": ("x",)}))
    title = "Sea"
    data = ["x"]
    <BLANKLINE>
    [scores]
    "loss" = 0.5
    <BLANKLINE>
    """
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for name, table in values.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]"]
            lines += [f"{_value(key)} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)  # TOML also knows `inf` and `nan`
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    # JSON strings are TOML strings, except for this one character.
    return to_json(value).replace("\x7f", "\\u007f")
