"""The ONNX graphs that come with the weights: listed with their digests, checked before use."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from styleplug.core.errors import WeightError
from styleplug.store.files import Digests, remembered
from styleplug.store.manifest import weights_folder

GRAPHS = "graphs.toml"
_digests = Digests()


class Graph(BaseModel):
    """An entry of the list.

    Attributes:
        sha256: of the file.
        weights: names of the tensors that it needs from a safetensors file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    sha256: str
    weights: tuple[str, ...]


def read_graphs(folder: Path) -> dict[str, Graph]:
    """Path inside the weights folder -> graph; {} if there is no list.

    Raises:
        WeightError: the list is damaged.
    """
    path = folder / GRAPHS
    if not path.is_file():
        return {}
    try:
        return dict(_listed(path))
    except (OSError, ValueError) as error:
        raise WeightError(f"{path} cannot be used: {error}; install styleplug again") from None


@remembered
def _listed(path: Path) -> dict[str, Graph]:
    return TypeAdapter(dict[str, Graph]).validate_python(tomllib.loads(path.read_text("utf-8")))


def graph(name: str) -> tuple[Path, tuple[str, ...]]:
    """A graph of the weights folder, verified, and the names of the weights it needs.

    Raises:
        WeightError: not listed, missing, or damaged.
    """
    folder = weights_folder()
    listed = read_graphs(folder)
    if name not in listed:
        raise WeightError(
            f"there is no ONNX graph {name}; it is made by: python -m styleplug.training.export"
        )
    _digests.expect(folder / name, listed[name].sha256, "install styleplug again")
    return folder / name, listed[name].weights
