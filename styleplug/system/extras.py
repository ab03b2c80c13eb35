"""Packages that only an extra of the installation brings, and what to say where they are missing.

They stand here by the names under which they are imported; `pyproject.toml` has their versions.
"""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {
    "onnx": ("onnxruntime",),
    "torch": ("torch",),
    "page": ("gradio",),
    "hub": ("huggingface_hub",),
    "train": ("torch", "matplotlib", "onnx", "onnxscript", "torchvision"),
    "heic": ("pi_heif",),
}


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f'`pip install "styleplug[{extra}]"`'


def missing(extra: str, what: str) -> str:
    """Why something cannot be done here, and the command that changes it.

    Args:
        extra: the extra that it needs.
        what: the subject of the sentence, in the singular, such as "the page".

    Returns:
        a sentence, or "" where all packages of the extra are installed.
    """
    absent = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if not absent:
        return ""
    return f"{what} needs {', '.join(absent)} (not installed): install with {install(extra)}"
