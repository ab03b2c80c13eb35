"""Complete a recipe with what is needed to repeat its run exactly."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable

import numpy as np

from styleplug.core.params import Params
from styleplug.core.recipe import Recipe
from styleplug.core.weight import WeightFile
from styleplug.system.version import VERSION

_LIBRARIES = {"torch": "torch", "onnx": "onnxruntime"}  # backend -> module that computes


def versions(backend: str) -> dict[str, str]:
    """Versions of the software that affects the pixels."""
    found = {
        "styleplug": VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    library = sys.modules.get(_LIBRARIES.get(backend, ""))
    if library is not None:
        found[library.__name__] = str(library.__version__)
    return found


def completed(
    recipe: Recipe, params: Params, size: int, backend: str, files: Iterable[WeightFile]
) -> Recipe:
    """The complete recipe: on this backend, it gives the same picture again."""
    return recipe.model_copy(
        update={
            "parameters": params.model_dump(mode="json"),
            "size": size,
            "backend": backend,
            "versions": versions(backend),
            "weights": {file.display_name: file.sha256 for file in files if file.sha256},
        }
    )


def differences(asked: Recipe, used: Recipe) -> list[str]:
    """Notes on why a recipe of an earlier run may give another picture now."""
    notes = [
        f"the recipe was made with {name} {version}, this is {used.versions.get(name, 'without')}: "
        "the picture may differ a little"
        for name, version in asked.versions.items()
        if used.versions.get(name) != version
    ]
    for file, digest in asked.weights.items():
        if file not in used.weights:
            notes.append(f"the recipe was made with the weights {file}, which are not in use here")
        elif used.weights[file] != digest:
            notes.append(
                f"the recipe was made with other weights {file} (sha256 {digest[:12]}…, "
                f"here {used.weights[file][:12]}…): the picture will differ"
            )
    return notes
