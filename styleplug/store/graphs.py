"""The ONNX graphs that come with the weights: listed with their digests, checked before use."""

from __future__ import annotations

import tomllib
from pathlib import Path

from styleplug.core.errors import WeightError
from styleplug.store.files import Digests
from styleplug.store.manifest import weights_folder

GRAPHS = "graphs.toml"
_HEAD = "# sha256 of every graph, written by: python -m styleplug.training.export\n"
_digests = Digests()


def read_graphs(folder: Path) -> dict[str, str]:
    """Path inside the weights folder -> sha256; {} where there is no list.

    Raises:
        WeightError: the list is damaged.
    """
    path = folder / GRAPHS
    if not path.is_file():
        return {}
    try:
        listed = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightError(f"{path} cannot be used: {error}; install styleplug again") from None
    return {name: str(sha256) for name, sha256 in listed.items()}


def write_graphs(folder: Path, names: list[str]) -> None:
    """List graphs of the weights folder with the digests they have now."""
    lines = [f'"{name}" = "{_digests.of(folder / name, anew=True)}"\n' for name in sorted(names)]
    (folder / GRAPHS).write_text(_HEAD + "".join(lines), "utf-8")


def graph(name: str) -> Path:
    """A graph of the weights folder, verified.

    Raises:
        WeightError: not listed, missing, or damaged.
    """
    folder = weights_folder()
    listed = read_graphs(folder)
    if name not in listed:
        raise WeightError(
            f"there is no ONNX graph {name}; it is made by: python -m styleplug.training.export"
        )
    _digests.expect(folder / name, listed[name], "install styleplug again")
    return folder / name
