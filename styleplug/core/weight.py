"""Sources of weights, as plain data; `styleplug.store` resolves them to verified local files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Embedded:
    """A file of `weights/`, listed in its manifest with its digest.

    Args:
        arch: the architecture it belongs to (`styleplug.nets`).
        file: name inside `weights/`.
    """

    arch: str
    file: str


@dataclass(frozen=True)
class Hub:
    """A safetensors file on the Hugging Face Hub.

    Args:
        repo: "owner/name".
        file: path in the repository.
        licence: SPDX identifier.
        revision: branch, tag or commit.
        sha256: digest of the stored file, if known; else it is pinned at the first download.
        tensors: download only these, by byte ranges, into a smaller file; () downloads all.
    """

    arch: str
    repo: str
    file: str
    licence: str
    revision: str = "main"
    sha256: str | None = None
    tensors: tuple[str, ...] = ()


_LAYERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)  # its convolutions up to conv5_1
_VGG19 = tuple(f"features.{i}.{part}" for i in _LAYERS for part in ("bias", "weight"))
VGG19 = Hub("vgg19", "timm/vgg19.tv_in1k", "model.safetensors", "BSD-3-Clause", tensors=_VGG19)
"""The network of Simonyan & Zisserman 2014, as torchvision trained it."""


@dataclass(frozen=True)
class Local:
    """A file that the owner of the machine names (never a visitor of the page).

    Args:
        sha256: its digest, if known.
        name: its name in recipes and reports; by default the name of the file.
    """

    arch: str
    path: Path
    sha256: str | None = None
    name: str = ""


WeightSource = Embedded | Hub | Local


@dataclass(frozen=True)
class WeightFile:
    """A weight file that is verified and can be loaded.

    Args:
        source: its source ("embedded", "hub owner/name@commit", "local").
        note: a message for the user if this is not the preferred source.
    """

    arch: str
    path: Path
    sha256: str
    source: str
    note: str = ""
    name: str = ""

    @property
    def display_name(self) -> str:
        """Its name in recipes and reports."""
        return self.name or self.path.name
