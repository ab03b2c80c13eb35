"""Where weights come from: plain data, resolved to a verified local file by `styleplug.store`."""

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
        arch: the architecture it belongs to.
        repo: "owner/name".
        file: path in the repository.
        licence: SPDX identifier, shown to users.
        revision: branch, tag or commit.
        sha256: digest of the file as we store it, where known; else it is pinned at first download.
        tensors: fetch only these tensors, by byte range, into a smaller safetensors file,
            the same that the safetensors library writes of them; () fetches the whole file.
    """

    arch: str
    repo: str
    file: str
    licence: str
    revision: str = "main"
    sha256: str | None = None
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Local:
    """A file that the user names on their own machine (never taken from a visitor).

    Args:
        arch: the architecture it belongs to.
        path: of the file.
        sha256: its digest, where known.
        name: what recipes and reports call it; else the name of the file.
    """

    arch: str
    path: Path
    sha256: str | None = None
    name: str = ""


WeightSource = Embedded | Hub | Local


@dataclass(frozen=True)
class WeightFile:
    """A weight file, verified and ready to load.

    Args:
        source: which source it came from ("embedded", "hub owner/name@commit", "local").
        note: said to the visitor where this is not the source preferred.
        name: what recipes and reports call it; else the name of its file.
    """

    arch: str
    path: Path
    sha256: str
    source: str
    note: str = ""
    name: str = ""

    @property
    def called(self) -> str:
        """What recipes and reports call it."""
        return self.name or self.path.name
