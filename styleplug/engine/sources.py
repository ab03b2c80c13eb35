"""Choose the weights of a run: those that its method declares, or those that a user trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from styleplug.core.errors import WeightError
from styleplug.core.method import Method
from styleplug.core.params import Params
from styleplug.core.recipe import Recipe
from styleplug.core.weight import Local, WeightSource
from styleplug.store.trained import VARIABLE, Trained


def fitting(method: Method[Any], known: Mapping[str, Trained]) -> dict[str, Trained]:
    """The training results that a method can use."""
    architectures = {source.arch for sources in method.weights.values() for source in sources}
    return {name: one for name, one in known.items() if one.model.arch in architectures}


def sources_of(
    recipe: Recipe, method: Method[Any], params: Params, known: Mapping[str, Trained]
) -> dict[str, tuple[WeightSource, ...]]:
    """The sources of every net of a run, by the keys of the method.

    Args:
        recipe: names a training result in `trained`, or none.  If it records the digest of an
            earlier run, only that file is accepted.
        params: of the method.
        known: training results by name.

    Raises:
        WeightError: the result is unknown, is for another method, or is not the recorded one.
    """
    sources = {key: method.weights[key] for key in method.nets(params)}
    if not recipe.trained:
        return sources
    trained = known.get(recipe.trained)
    if trained is None:
        raise WeightError(
            f"the trained weights {recipe.trained[:80]!r} are not known here; known are: "
            f"{', '.join(known) or 'none'}; name their folder (--weights FOLDER) or put it into "
            f"the folder that {VARIABLE} names"
        )
    model, name = trained.model, f"{trained.name}/{trained.model.file}"
    taking = [key for key in sources if model.arch in {one.arch for one in sources[key]}]
    if not taking:
        wanted = {one.arch: None for some in sources.values() for one in some}
        raise WeightError(
            f"{trained.name} holds weights of {model.arch}; with these parameters {method.id} "
            f"takes {', '.join(wanted) or 'none'}"
        )
    recorded = recipe.weights.get(name, model.sha256)
    if recorded != model.sha256:
        raise WeightError(
            f"the recipe was made with other weights of the name {trained.name!r} (sha256 "
            f"{recorded[:12]}…, these have {model.sha256[:12]}…): put the right ones in their place"
        )
    local = Local(model.arch, trained.path, model.sha256, name)
    return sources | dict.fromkeys(taking, (local,))
