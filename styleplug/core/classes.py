"""Names of classes as numbers, so that they can travel in a weight file beside what knows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from styleplug.core.errors import UsageError

CLASSES = 16  # at most; nets have a place for each, so that all weights have one shape
LETTERS = 48  # bytes of a name, in UTF-8


def spell(names: Sequence[str]) -> np.ndarray:
    """Names as their bytes (CLASSES LETTERS), float32, zeros after the last letter.

    Raises:
        UsageError: there are too many; or a name is empty, or too long, or there twice.
    """
    if not 1 <= len(names) <= CLASSES:
        raise UsageError(
            f"got {len(names)} classes ({', '.join(names[:20])}); expected 1 to {CLASSES}: "
            "a folder for each, with its pictures in it"
        )
    table = np.zeros((CLASSES, LETTERS), np.float32)
    for row, name in zip(table, names, strict=False):
        letters = name.encode()
        if not 0 < len(letters) <= LETTERS or 0 in letters or names.count(name) > 1:
            raise UsageError(
                f"got a class named {name!r}; expected a name of its own, of 1 to {LETTERS} bytes"
            )
        row[: len(letters)] = list(letters)
    return table


def read(table: np.ndarray) -> tuple[str, ...]:
    """The names that `spell` wrote.

    >>> read(spell(["Baroque", "Siècle d'or"]))
    ('Baroque', "Siècle d'or")
    """
    rows = np.clip(np.nan_to_num(table), 0, 255).astype(np.uint8)
    names = (bytes(row).rstrip(b"\0").decode("utf-8", errors="replace") for row in rows)
    return tuple(name for name in names if name)
