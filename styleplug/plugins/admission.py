"""Admission: check that the declaration of a method is complete and consistent.

All checks are made here, before the page or the command line use the declaration.  A plug-in that
would prevent them from starting is refused with the reason; all others work.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from styleplug.core.errors import MethodError, StyleplugError
from styleplug.core.method import Method, Slot
from styleplug.core.params import Hint, Params, bounds_of, choices_of
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.core.weight import Embedded, Hub, Local
from styleplug.locale import flat
from styleplug.plugins.guard import Guarded

_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")


def admit(method: object) -> None:
    """Check that the declaration of a method is complete and consistent.

    Raises:
        MethodError: lists everything that is wrong.
    """
    if not isinstance(method, Method):
        raise MethodError(
            f"got {type(method).__name__}, expected an object of a subclass of "
            "styleplug.core.method.Method (an instance, not the class)"
        )
    names = ("id", "title", "summary", "paper", "params", "inputs", "weights")
    wrong = [f"{name} is not declared" for name in names if not hasattr(method, name)]
    if not wrong:
        wrong = [
            *_about_words(method),
            *_about_slots(method.inputs),
            *_about_params(method.params),
            *_about_weights(method.weights),
        ]
    if not wrong:
        wrong = (
            list(_about_names(method.inputs, method.params))
            or list(_about_presets(method))
            or list(_about_diagram(method))
            or list(_about_behaviour(method))
            or list(_about_first(method))
        )
    if wrong:
        raise MethodError(f"{type(method).__name__} was not admitted: {'; '.join(wrong)}")


def _blank(*words: object) -> bool:
    """Whether one of these is not a text, or is empty."""
    return any(not isinstance(word, str) or not word.strip() for word in words)


def _about_words(method: Method[Any]) -> Iterable[str]:
    """Check id, titles and paper."""
    if not isinstance(method.id, str) or not _ID.fullmatch(method.id):
        yield f"id {method.id!r} must be lower-case letters, digits and _ (at most 32)"
    for name in ("title", "summary", "paper"):
        if _blank(getattr(method, name)):
            yield f"{name} is empty"
    try:
        for texts in method.catalogues.values():
            flat(texts)
    except (AttributeError, ValueError) as error:
        yield f"catalogues must map languages to tables of texts ({error})"
    if not isinstance(method.rank, int):
        yield f"rank is {method.rank!r}; expected a whole number"


def _about_slots(slots: object) -> Iterable[str]:
    """Check the input pictures."""
    if not isinstance(slots, tuple) or not all(isinstance(slot, Slot) for slot in slots):
        yield "inputs must be a tuple of Slot"
        return
    for slot in slots:
        if _blank(slot.label, slot.help):
            yield f"input {slot.id!r} needs label and help"
        if slot.most < 1:
            yield f"input {slot.id!r} takes {slot.most} pictures at most; expected 1 or more"
        if not 0 <= slot.least <= slot.most:
            yield f"input {slot.id!r} needs {slot.least} pictures; expected 0 to {slot.most}"
        below = [other for other in slots if other.id == slot.drawn_on]
        if slot.drawn_on and not (slot.most == 1 and any(other.single for other in below)):
            yield (
                f"input {slot.id!r} is drawn on {slot.drawn_on!r}: expected one mask, of an input "
                "that takes exactly one picture"
            )


def _about_names(slots: tuple[Slot, ...], params: type[Params]) -> Iterable[str]:
    """Check that every name is valid and has only one meaning."""
    taken = dict(_RESERVED)
    made = [(f"input {slot.id!r}", slot.names) for slot in slots]
    made += [(f"parameter {name!r}", names) for name, names in _flags(params)]
    for what, names in made:
        if not _ID.fullmatch(names[0]) or keyword.iskeyword(names[0]):
            yield f"{what} must be lower-case letters, digits and _ (at most 32), and no keyword"
        elif twice := [name for name in names if name in taken]:
            yield f"{what} cannot have this name: {twice[0]!r} is already {taken[twice[0]]}"
        taken |= dict.fromkeys(names, f"a name of {what}")


def _flags(params: type[Params]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Fields and the names of their options; for --tint there is also --no-tint."""
    for name, info in params.model_fields.items():
        yield name, (name, f"no_{name}") if info.annotation is bool else (name,)


# Options of every command, besides parameters and settings.
_OPTIONS = (
    "out", "recipe", "preset", "no_recipe", "keep_metadata", "overwrite", "weights", "scores",
    "json",
)  # fmt: skip
_RESERVED = {
    **dict.fromkeys(dir(Params), "a part of every Params class"),
    **dict.fromkeys(Recipe.model_fields, "a part of every recipe"),
    **dict.fromkeys((*_OPTIONS, "help"), "an option of every command"),
    **{
        name: "a setting"
        for fields in (Settings, Finish)
        for _, all in _flags(fields)
        for name in all
    },
}


def _about_params(params: object) -> Iterable[str]:
    """Check the parameters: known types, labels and help, defaults within bounds."""
    if not isinstance(params, type) or not issubclass(params, Params):
        yield "params must be a subclass of styleplug.core.params.Params"
        return
    for name, info in params.model_fields.items():
        yield from (f"parameter {name!r} {problem}" for problem in _about_field(info))
    try:
        default = params()
        again = params.model_validate_json(default.model_dump_json())
    except Exception as error:
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        yield f"default of {'.'.join(map(str, first['loc'])) or 'params'}: {first['msg']}"
    else:
        if again != default:
            yield "the defaults change when written to JSON and read again"


def _about_field(info: FieldInfo) -> Iterable[str]:
    """Check one parameter."""
    extra = info.json_schema_extra
    hint = extra.get("hint") if isinstance(extra, dict) else None
    if not isinstance(hint, Hint):
        yield "must be declared by styleplug.core.params.field"
    elif _blank(hint.label, hint.help):
        yield "needs label and help"
    elif hint.words and (set(hint.words) != set(choices_of(info)) or _blank(*hint.words.values())):
        yield "has words that do not match its choices"
    if not _supported(info):
        yield (
            f"is of type {info.annotation}; supported are bool, int, float, Numbers and "
            "Literal of words"
        )
    low, high = bounds_of(info)
    if not math.isfinite((high or 0) - (low or 0)):
        yield f"is bounded by {low} and {high}; leave out a bound that is infinite"
    elif low is not None and high is not None and low >= high:
        yield f"has bounds that are equal or in the wrong order: {low:g} to {high:g}"
    if isinstance(hint, Hint) and hint.step is not None and not hint.step > 0:
        yield f"has a step of {hint.step:g}; expected more than 0"


def _supported(info: FieldInfo) -> bool:
    """Whether there is a control and an option for this type."""
    choices = choices_of(info)
    if choices:
        return all(isinstance(choice, str) for choice in choices)
    if info.annotation == tuple[float, ...]:  # Numbers, which also reads "1, 0.5"
        return any(isinstance(extra, BeforeValidator) for extra in info.metadata)
    return info.annotation in (bool, int, float)


def _about_presets(method: Method[Any]) -> Iterable[str]:
    """Check the presets: valid names, and values within bounds."""
    if not isinstance(method.presets, Mapping):
        yield "presets must map names to values by name"
        return
    for name, values in method.presets.items():
        if not isinstance(name, str) or not _ID.fullmatch(name):
            yield f"preset {name!r} must be lower-case letters, digits and _ (at most 32)"
        elif not isinstance(values, Mapping):
            yield f"preset {name!r} must map parameters to values"
        else:
            yield from _about_values(method, f"preset {name!r}", dict(values))


def _about_diagram(method: Method[Any]) -> Iterable[str]:
    """Check the diagram: paths of at least two boxes."""
    right = isinstance(method.diagram, tuple)
    if not (right and all(isinstance(path, str) and ">" in path for path in method.diagram)):
        yield 'diagram must be a tuple of paths such as "content > Change > result"'


def _about_first(method: Method[Any]) -> Iterable[str]:
    """Check the values of a new page."""
    if not isinstance(method.first, Mapping):
        yield "first must map parameters to values"
    else:
        yield from _about_values(method, "first", dict(method.first))


def _about_values(method: Method[Any], where: str, values: dict[str, Any]) -> Iterable[str]:
    """Check values that a method suggests."""
    shared = (Settings, Finish) if method.supports_finish() else (Settings,)
    for params in (*shared, method.params):
        own = params is method.params  # which also refuses what is left
        taken = {key: values.pop(key) for key in list(values) if own or key in params.model_fields}
        try:
            params.of(taken)
        except StyleplugError as error:
            yield f"{where}: {error}"


def _about_weights(weights: object) -> Iterable[str]:
    """Check the weights: each net has sources, and works offline."""
    if not isinstance(weights, Mapping):
        yield "weights must map names to tuples of sources"
        return
    for key, sources in weights.items():
        known = isinstance(sources, tuple) and all(
            isinstance(source, Embedded | Hub | Local) for source in sources
        )
        if not known or not sources:
            yield f"weights {key!r} must be a tuple of Embedded, Hub or Local"
        elif not isinstance(sources[-1], Embedded):
            yield f"weights {key!r}: the last source must be Embedded, so that it works offline"


def _about_behaviour(method: Method[Any]) -> Iterable[str]:
    """Call the functions that the engine and the page call before a run."""
    guarded, params = Guarded(method), method.params()
    for ask in (
        lambda: guarded.work(params, 512 * 512),
        lambda: guarded.shape(params, 512, 384),
        lambda: guarded.count(params),
        lambda: guarded.nets(params),
        lambda: guarded.animated(params),
        lambda: guarded.supports_finish(),
    ):
        try:
            ask()
        except Exception as error:
            yield str(error)
