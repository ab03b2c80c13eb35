"""Packages that only an extra of the installation contains, and the message if one is missing.

They are listed by their import names; `pyproject.toml` has their versions.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from styleplug.core.errors import UsageError

EXTRAS = {
    "onnx": ("onnxruntime",),
    "torch": ("torch",),
    "page": ("gradio",),
    "hub": ("huggingface_hub",),
    "train": ("torch", "matplotlib", "onnx", "onnxscript", "torchvision"),
    "heic": ("pi_heif",),
    "video": ("av", "cv2"),
    "ray": ("ray",),
    "mcp": ("gradio", "mcp"),
}


def install(extra: str) -> str:
    """The command that installs an extra, by the tool that installed styleplug."""
    here = Path(sys.prefix)
    if (here / "pipx_metadata.json").is_file():
        return f'`pipx runpip styleplug install "styleplug[{extra}]"`'
    there = [name for name in EXTRAS if not _absent(name)]
    whole = ",".join(dict.fromkeys([*there, extra]))  # these commands begin anew
    if (here / "uv-receipt.toml").is_file():
        return f'`uv tool install "styleplug[{whole}]"`'
    if here.parent.name.startswith("archive-v"):  # where uvx puts it
        return f'`uvx "styleplug[{whole}]"`'
    return f'`pip install "styleplug[{extra}]"`'


def missing(extra: str, what: str) -> str:
    """A sentence on missing packages, with the command that installs them; "" if none is missing.

    Args:
        extra: the extra that is needed.
        what: the subject of the sentence, in the singular, such as "the page".
    """
    absent = _absent(extra)
    if not absent:
        return ""
    return f"{what} needs {', '.join(absent)} (not installed): install with {install(extra)}"


def _absent(extra: str) -> list[str]:
    """The packages of an extra that are not installed."""
    return [name for name in EXTRAS[extra] if find_spec(name) is None]


def require(extra: str, what: str) -> None:
    """Check that no package of an extra is missing; the arguments are those of `missing`.

    Raises:
        UsageError: one is missing.
    """
    if lacking := missing(extra, what):
        raise UsageError(lacking)
