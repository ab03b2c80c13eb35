"""Convert a request of the command line, Python, the page or HTTP to a recipe and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, create_model

from styleplug.core.errors import BadParameter, BadRecipe, UsageError
from styleplug.core.method import Method
from styleplug.core.params import Params, bounds_of, range_of
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.engine.inputs import longest
from styleplug.imaging import Picture, Source, read, read_recipe

_P = TypeVar("_P", bound=Params)


def recipe_in(source: Recipe | str | Path | bytes) -> Recipe:
    """The recipe in a picture or a JSON file; a Recipe is returned unchanged.

    Raises:
        BadRecipe: there is none, or it is damaged.
    """
    if isinstance(source, Recipe):
        return source
    text = read_recipe(source)
    if text is None:
        name = "this file" if isinstance(source, bytes) else repr(Path(source).name)
        raise BadRecipe(
            f"{name} holds no recipe; expected a picture made by styleplug, or a recipe as JSON"
        )
    return Recipe.from_json(text)


def recipe_of(
    method: Method[Any],
    values: Mapping[str, Any],
    base: Recipe | None = None,
    settings: type[Settings] = Settings,
) -> Recipe:
    """The recipe of a run, from values by name: settings, finish and parameters of the method.

    Args:
        values: values by name; text is converted.
        base: a recipe that gives all other values; by default, they have their defaults.
        settings: the allowed settings, if they are restricted.

    Raises:
        UsageError: the base is for another method.
        BadParameter: a name is unknown, or a value is out of bounds or of the wrong type.
    """
    base = base or Recipe(method=method.id)
    if base.method != method.id:
        raise UsageError(f"the recipe is for the method {base.method!r}, not for {method.id!r}")
    known = (method.params, settings, Finish)
    if unknown := values.keys() - {name for params in known for name in params.model_fields}:
        _refuse(method, min(unknown))
    recipe = changed(base, values, settings)
    parameters = method.params.of(recipe.parameters).model_dump(mode="json")
    return recipe.model_copy(update={"parameters": parameters})


def preset_of(method: Method[Any], name: str) -> Recipe:
    """The recipe of a preset of a method.

    Raises:
        BadParameter: there is no such preset.
    """
    if name not in method.presets:
        raise BadParameter(
            f"unknown preset {name[:80]!r}; {method.id} has: {', '.join(method.presets) or 'none'}"
        )
    return recipe_of(method, method.presets[name])


def base_of(
    method: Method[Any], recipe: Recipe | str | Path | bytes | None, preset: str | None
) -> Recipe | None:
    """The recipe that gives the values that a request does not give.

    Raises:
        UsageError: both a recipe and a preset.
        BadRecipe: there is no recipe in the file.
        BadParameter: there is no such preset.
    """
    if recipe is not None and preset is not None:
        raise UsageError("a recipe and a preset both give all settings: choose one of them")
    if preset is not None:
        return preset_of(method, preset)
    return None if recipe is None else recipe_in(recipe)


def changed(base: Recipe, values: Mapping[str, Any], settings: type[Settings] = Settings) -> Recipe:
    """A recipe with other values; what is neither a setting nor of `Finish` is a parameter.

    Parameters are not checked: a grid has them for several methods.

    Raises:
        BadParameter: a setting is out of bounds or of the wrong type.
    """
    common, finish = (
        {name: getattr(old, name) for name in params.model_fields}
        | {name: values[name] for name in params.model_fields if name in values}
        for params, old in ((settings, base), (Finish, base.finish))
    )
    own = {name: values[name] for name in values if name not in common.keys() | finish.keys()}
    return base.model_copy(
        update={
            **settings.of(common).model_dump(),
            "finish": Finish.of(finish),
            "parameters": {**base.parameters, **own},
        }
    )


def narrowed(params: type[_P], name: str, most: float) -> type[_P]:
    """A subclass of parameters in which one number has a lower upper bound.

    Raises:
        BadParameter: `most` is outside the present bounds.
    """
    info = params.model_fields[name]
    low, high = bounds_of(info)
    if not (-math.inf if low is None else low) <= most <= (math.inf if high is None else high):
        raise BadParameter(f"{name} cannot be bounded by {most:g}{range_of(params, name)}")
    bounded = Field(
        min(info.default, most),
        ge=low,
        le=most,
        description=info.description,
        json_schema_extra=info.json_schema_extra,
    )
    fields: Any = {name: (info.annotation, bounded)}
    return create_model(params.__name__, __base__=params, **fields)


def request_of(
    method: Method[Any], values: Mapping[str, Any], base: Recipe | None = None
) -> tuple[Recipe, dict[str, list[Picture]]]:
    """The recipe and the pictures of a run, from values by name; a picture may be a list of them.

    Raises:
        BadImage: a file is not a usable picture.
        UsageError: as for `recipe_of`.
    """
    slots = {slot.id for slot in method.slots}
    wanted = recipe_of(method, {k: v for k, v in values.items() if k not in slots}, base)
    given = {name: one for name, one in values.items() if name in slots and one is not None}
    several = {n: one if isinstance(one, list | tuple) else [one] for n, one in given.items()}
    return wanted, pictures_of(method, wanted.size, several)


def _refuse(method: Method[Any], name: str) -> None:
    """Raise the error for an unknown parameter.

    Raises:
        BadParameter: always; the message lists what the method takes.
    """
    pictures = ", ".join(slot.id for slot in method.slots) or "none"
    settings = ", ".join(Settings.model_fields | Finish.model_fields)
    raise BadParameter(
        f"unknown parameter {name!r}; {method.id} takes these pictures: {pictures}; "
        f"parameters: {', '.join(method.params.model_fields) or 'none'}; settings: {settings}"
    )


def pictures_of(
    method: Method[Any], size: int, sources: Mapping[str, Sequence[Source]]
) -> dict[str, list[Picture]]:
    """Read the pictures of every slot that has some, reduced to what a run at a size needs.

    Raises:
        BadImage: a file is not a usable picture.
    """
    most = longest(method, size)
    return {
        slot: [read(source, longest=most[slot]) for source in many]
        for slot, many in sources.items()
        if many
    }
