"""The embedded weights: their folder, and the manifest that describes each file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from styleplug.core.errors import WeightError, first_problem
from styleplug.store.files import remembered

MANIFEST = "manifest.toml"


class DataSet(BaseModel):
    """Pictures that weights were trained on, and their authors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    credit: str
    licence: str


class Weight(BaseModel):
    """A `[[weight]]` of the manifest; the comment at its top explains each line."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str = Field(pattern=r"^\w[\w.-]*\.(safetensors|onnx)$")
    arch: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0)
    licence: str
    title: str
    source: str
    command: str
    trained_on: tuple[DataSet, ...]


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    weight: tuple[Weight, ...] = ()


def weights_folder() -> Path:
    """The folder of the embedded weights: `styleplug/_weights` in a wheel, else `weights/`.

    Raises:
        WeightError: there is neither.
    """
    package = Path(__file__).resolve().parents[1]
    # That of the wheel comes first: beside an installed package, `weights` may be another folder.
    for folder in (package / "_weights", package.parent / "weights"):
        if (folder / MANIFEST).is_file():
            return folder
    raise WeightError("this copy of styleplug has no embedded weights; install it again")


def read_manifest(folder: Path) -> dict[str, Weight]:
    """The embedded weights by file name.

    Raises:
        WeightError: the manifest is missing, unreadable or incomplete.
    """
    path = folder / MANIFEST
    try:
        listed = _listed(path)
    except (OSError, ValueError) as error:  # TOML and validation errors are ValueErrors
        raise WeightError(
            f"{path} cannot be used: {first_problem(error)}; install it again"
        ) from None
    named = {weight.file: weight for weight in listed}
    if len(named) != len(listed):
        raise WeightError(f"{path} lists a file twice")
    return named


@remembered
def _listed(path: Path) -> tuple[Weight, ...]:
    return _Manifest.model_validate(tomllib.loads(path.read_text("utf-8"))).weight
