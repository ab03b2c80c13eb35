"""Nets that users trained: the folders made by `styleplug train`, by their names.

Visitors of a page choose a name; only the owner of the page can give paths.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from styleplug.core.errors import UsageError, WeightError, first_problem
from styleplug.store import header
from styleplug.store.classes import without_table
from styleplug.system.files import at_home

MODEL = "model.toml"
VARIABLE = "STYLEPLUG_RUNS"
"""Environment variable with a folder; its sub-folders are training results."""


class Model(BaseModel):
    """The content of `model.toml`, which describes the weights; it contains no paths."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str = Field(min_length=1, max_length=200)
    arch: str
    method: str
    file: str = Field(pattern=r"^\w[\w.-]*\.safetensors$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0)
    licence: str = ""  # SPDX identifier; empty if none is stated
    command: str
    seed: int
    steps: int
    seconds: float
    scores: dict[str, float]
    data: tuple[str, ...]  # names of folders
    pictures: int
    styles: tuple[str, ...] = ()
    style_pictures: int = 0
    held_out: int = 0


@dataclass(frozen=True)
class Trained:
    """A training result.

    Args:
        name: the name of its folder.
    """

    name: str
    folder: Path
    model: Model

    @property
    def path(self) -> Path:
        """The weight file."""
        return self.folder / self.model.file


def read_trained(folder: Path) -> Trained:
    """Read the training result in a folder.

    Raises:
        UsageError: there is none.
        WeightError: it cannot be used.
    """
    folder = at_home(folder).absolute()
    path = folder / MODEL
    try:
        model = Model.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{folder} holds no training result ({MODEL} is missing): "
            "expected the folder that `styleplug train` was given as --out, once it has ended"
        ) from None
    except (OSError, ValueError) as error:  # TOML and validation errors are ValueErrors
        raise WeightError(f"{path} cannot be used: {first_problem(error)}") from None
    return Trained(folder.name, folder, model)


def named_by_environment() -> Iterator[Trained]:
    """The results in the folder of `STYLEPLUG_RUNS`; unfinished runs are ignored.

    Raises:
        UsageError: there is no such folder.
        WeightError: a result in it is damaged.
    """
    if not (named := os.environ.get(VARIABLE)):
        return
    try:
        folders = sorted(path.parent for path in at_home(named).glob(f"*/{MODEL}"))
        if not folders and not at_home(named).is_dir():
            raise UsageError(f"{VARIABLE} names {named}, which is not a folder")
    except OSError as error:
        raise UsageError(f"{VARIABLE} names {named}: {error.strerror}") from None
    yield from map(read_trained, folders)


def expect_tensors(path: Path, like: Path, arch: str) -> None:
    """Check that a file has the same tensors as another file of its architecture.

    Raises:
        WeightError: a tensor is missing, unknown, or has another shape.
    """
    found, wanted = without_table(header.read(path)), header.read(like)
    for key in sorted(found.keys() | wanted.keys()):
        if key not in found:
            raise WeightError(f"{path.name} is no net {arch!r}: the tensor is missing: {key!r}")
        if key not in wanted:
            raise WeightError(f"{path.name} is no net {arch!r}, which has no tensor {key[:80]!r}")
        if found[key].shape != wanted[key].shape:
            raise WeightError(
                f"{path.name} is no net {arch!r}: {key!r} has the shape {found[key].shape}, "
                f"expected {wanted[key].shape}"
            )
