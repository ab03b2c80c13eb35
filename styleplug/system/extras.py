"""Packages that only an extra of the installation contains, and the message if one is missing.

They are listed by their import names; `pyproject.toml` has their versions.
"""

from __future__ import annotations

from importlib.util import find_spec

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
    """The command that installs an extra."""
    return f'`pip install "styleplug[{extra}]"`'


def missing(extra: str, what: str) -> str:
    """A sentence on missing packages, with the command that installs them; "" if none is missing.

    Args:
        extra: the extra that is needed.
        what: the subject of the sentence, in the singular, such as "the page".
    """
    absent = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if not absent:
        return ""
    return f"{what} needs {', '.join(absent)} (not installed): install with {install(extra)}"


def require(extra: str, what: str) -> None:
    """Check that no package of an extra is missing; the arguments are those of `missing`.

    Raises:
        UsageError: one is missing.
    """
    if lacking := missing(extra, what):
        raise UsageError(lacking)
