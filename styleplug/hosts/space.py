"""The files of a Space on the Hugging Face Hub that runs this very styleplug."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import styleplug
from styleplug.core.weight import Hub
from styleplug.methods import catalogue
from styleplug.store.manifest import weights_folder
from styleplug.store.publish import check

APP = b"from styleplug.cli import main\n\nmain(['app'])\n"
EXTRAS = ("onnx", "page", "hub", "heic")
THUMBNAIL = Path(__file__).parent / "thumbnail.jpg"  # docs/thumbnail.py paints it
HARDWARE = "zero-a10g"  # ZeroGPU, which a free account may have
TORCH = "torch>=2.8,<2.12"  # what ZeroGPU offers; ONNX Runtime has no use for its card
README = """\
---
title: styleplug
emoji: 🎨
colorFrom: indigo
colorTo: yellow
sdk: gradio
sdk_version: {gradio}
python_version: "3.12.12"
app_file: app.py
short_description: Turn photographs into pictures in any style
license: mit
startup_duration_timeout: 30m
suggested_hardware: {hardware}
tags:
  - style-transfer
  - image-to-image
  - onnx
thumbnail: {thumbnail}
{preload}---

styleplug turns a photograph into a picture in the style of another picture.
"""


def files(repo: str) -> dict[str, Path | bytes]:
    """Path in the Space -> file or content: the package with its weights, and what starts it.

    Args:
        repo: the Space, as OWNER/NAME.

    Raises:
        UsageError: it is no such name, or there is no huggingface_hub.
    """
    check(repo)
    from huggingface_hub import hf_hub_url

    package, weights = Path(styleplug.__file__).parent, weights_folder()
    picture = f"styleplug/{THUMBNAIL.relative_to(package).as_posix()}"
    about = {
        "gradio": version("gradio"),
        "thumbnail": hf_hub_url(repo, picture, repo_type="space"),
        "hardware": HARDWARE,
        "preload": _preload(),
    }
    found: dict[str, Path | bytes] = {
        "app.py": APP,
        "requirements.txt": "\n".join(requirements()).encode(),
        "README.md": README.format(**about).encode(),
    }
    for home, name in ((package, "styleplug"), (weights, "weights")):
        for path in sorted(home.rglob("*")):
            part = path.relative_to(home)
            if path.is_file() and "__pycache__" not in part.parts and part.parts[0] != "_weights":
                found[f"{name}/{part.as_posix()}"] = path
    return found


def requirements() -> Iterator[str]:
    """What the Space installs: what styleplug needs with some extras, as its metadata has it."""
    for line in requires("styleplug") or ():
        needed, _, marker = line.partition(";")
        extra = re.search(r'extra == "([\w-]+)"', marker)
        if not needed.startswith("styleplug") and (extra is None or extra[1] in EXTRAS):
            yield needed.strip()
    yield TORCH


def _preload() -> str:
    """The weights of methods that come from the Hub; the Space loads them while it is built."""
    sources = {
        f"  - {one.repo} {one.file}{'' if one.revision == 'main' else f' {one.revision}'}\n"
        for method in catalogue().methods.values()
        for chain in method.weights.values()
        for one in chain
        if isinstance(one, Hub) and not one.tensors
    }
    return f"preload_from_hub:\n{''.join(sorted(sources))}" if sources else ""
