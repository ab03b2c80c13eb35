"""The built-in styles as files: painted by code at first use, then kept."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from styleplug.core.errors import OutputError
from styleplug.imaging import write
from styleplug.swatches import SWATCHES
from styleplug.system.version import VERSION

BUILT_IN = tuple(SWATCHES)
"""Names of the styles."""


def built_in(name: str) -> Path:
    """The file of a built-in style.

    Raises:
        OutputError: it cannot be written, not even to the temporary folder.
    """
    with suppress(OutputError, OSError, RuntimeError):  # a read-only home, or none
        folder = user_cache_path("styleplug", appauthor=False) / "styles" / VERSION
        folder.mkdir(parents=True, exist_ok=True)
        return _painted(name, folder)
    return _painted(name, Path(_temporary().name))


def _painted(name: str, folder: Path) -> Path:
    """The file in a folder; it is painted if it does not exist."""
    path = folder / f"{name}.png"
    if not path.exists():
        write(SWATCHES[name].paint(), path)
    return path


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="styleplug-styles-")
