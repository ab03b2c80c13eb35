"""What is asked of a run, read once for the command line, Python, the page and HTTP alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from styleplug.core.errors import BadParameter, BadRecipe, UsageError
from styleplug.core.method import Method
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.engine.inputs import longest
from styleplug.imaging import Picture, Source, read, read_recipe


def recipe_in(source: Recipe | str | Path | bytes) -> Recipe:
    """The recipe that a picture of ours or a JSON file holds; a Recipe is returned as it is.

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
    """The recipe that loose values describe: settings, finish and the method's own parameters.

    Args:
        method: to be run.
        values: by name, as they came; text is converted.
        base: where the values come from that are not given; the defaults if left out.
        settings: what may be asked for, where that is less than usual.

    Raises:
        UsageError: the base is for another method.
        BadParameter: a name is unknown, or a value is out of bounds or of the wrong kind.
    """
    base = base or Recipe(method=method.id)
    if base.method != method.id:
        raise UsageError(f"the recipe is for the method {base.method!r}, not for {method.id!r}")
    own, common, finish = (
        {name: values[name] for name in params.model_fields if name in values}
        for params in (method.params, settings, Finish)
    )
    if unknown := values.keys() - own.keys() - common.keys() - finish.keys():
        _refuse(method, min(unknown))
    common = {name: getattr(base, name) for name in settings.model_fields} | common
    return Recipe.of(
        {
            **base.model_dump(),
            **settings.of(common).model_dump(),
            "finish": Finish.of({**base.finish.model_dump(), **finish}),
            "parameters": method.params.of({**base.parameters, **own}).model_dump(mode="json"),
        }
    )


def _refuse(method: Method[Any], name: str) -> None:
    """Refuse what is no setting and no parameter of the method.

    Raises:
        BadParameter: always; says what the method takes.
    """
    pictures = ", ".join(slot.id for slot in method.inputs) or "none"
    settings = ", ".join(Settings.model_fields | Finish.model_fields)
    raise BadParameter(
        f"unknown parameter {name!r}; {method.id} takes these pictures: {pictures}; "
        f"parameters: {', '.join(method.params.model_fields) or 'none'}; settings: {settings}"
    )


def pictures_of(
    method: Method[Any], size: int, sources: Mapping[str, Sequence[Source]]
) -> dict[str, list[Picture]]:
    """The pictures of every slot, no larger than a run at a size needs; empty slots are left out.

    Raises:
        BadImage: a file is no usable picture.
    """
    most = longest(method, size)
    return {
        slot: [read(source, longest=most[slot]) for source in many]
        for slot, many in sources.items()
        if many
    }
