"""The methods: one file each, found and admitted here.

A built-in method is a module of this package, a third party's is named by an entry point of
the group `styleplug.methods`; both offer one `Method` object (`METHOD = Gatys()`), and both
pass `admit`.  One that cannot be imported or admitted is listed as broken with the reason,
and all others work.

Calling this package, `styleplug.methods()`, gives the admitted methods by id.
"""

from __future__ import annotations

import difflib
import importlib
import keyword
import math
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from styleplug.core.errors import MethodError, UsageError
from styleplug.core.method import Method, Slot
from styleplug.core.params import Hint, Params, bounds_of, choices_of
from styleplug.core.recipe import Finish, Recipe
from styleplug.core.weight import Embedded, Hub, Local

GROUP = "styleplug.methods"  # of the entry points by which other packages add methods
OFFERED = "METHOD"  # what a built-in's module calls its Method object

_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")
# Names that mean something else in the command line, Python or a recipe.
_TAKEN = frozenset(
    {*Recipe.model_fields, *Finish.model_fields, "recipe", "out", "json", "help", "cancel"}
)


@dataclass(frozen=True)
class Catalogue:
    """The methods there are.

    Args:
        methods: admitted methods by id.
        broken: what could not be imported or admitted, and why.
    """

    methods: Mapping[str, Method[Any]]
    broken: Mapping[str, str]

    def get(self, id: str) -> Method[Any]:
        """The method of this id.

        Raises:
            UsageError: there is none; names those there are, and the nearest.
        """
        if id in self.methods:
            return self.methods[id]
        if id in self.broken:
            raise UsageError(f"the method {id!r} cannot be used: {self.broken[id]}")
        near = difflib.get_close_matches(id, self.methods, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(self.methods) or "none"
        raise UsageError(f"unknown method {id!r}; {guess}known are: {known}")


def discover() -> Catalogue:
    """Look for methods, built-ins first, and admit them; the page shows them by rank."""
    methods: dict[str, Method[Any]] = {}
    broken: dict[str, str] = {}
    for name, load in (*_built_in(), *_third_party()):
        try:
            method = load()
            admit(method)
            if method.id in methods:
                raise MethodError(f"its id {method.id!r} is taken by another method")
            methods[method.id] = method
        except MethodError as error:
            broken[name] = str(error)
        except (Exception, SystemExit) as error:  # a stranger's module may raise anything
            broken[name] = f"its import failed: {type(error).__name__}: {error}"
    ordered = dict(sorted(methods.items(), key=lambda item: (item[1].rank, item[0])))
    return Catalogue(MappingProxyType(ordered), MappingProxyType(broken))


@cache
def catalogue() -> Catalogue:
    """What `discover` found, looked for once."""
    return discover()


def _built_in() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name of every module of this package, and how to get its method."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            yield module.name, partial(_offered, module.name)


def _offered(name: str) -> Any:
    """The method that a module of this package offers."""
    module = importlib.import_module(f"{__name__}.{name}")
    if not hasattr(module, OFFERED):
        raise MethodError(f"the module has no {OFFERED}; write {OFFERED} = YourMethod()")
    return getattr(module, OFFERED)


def _third_party() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name and package of every entry point, and how to get its method."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        package = f" ({point.dist.name})" if point.dist else ""
        yield f"{point.name}{package}", point.load


def admit(method: object) -> None:
    """Check that a method declares itself wholly and consistently.

    Raises:
        MethodError: lists everything that is wrong.
    """
    if not isinstance(method, Method):
        raise MethodError(
            f"came {type(method).__name__}, expected an object of a subclass of "
            "styleplug.core.method.Method (an instance, not the class)"
        )
    names = ("id", "title", "summary", "zh", "paper", "params", "inputs", "weights")
    wrong = [f"{name} is not declared" for name in names if not hasattr(method, name)]
    if not wrong:
        wrong = [
            *_about_words(method),
            *_about_slots(method.inputs),
            *_about_params(method.params, {slot.id for slot in method.inputs}),
            *_about_weights(method.weights),
        ]
    if not wrong:
        wrong = list(_about_behaviour(method))
    if wrong:
        raise MethodError(f"{type(method).__name__} was not admitted: {'; '.join(wrong)}")


def _blank(*words: object) -> bool:
    """Whether one of these is no text or an empty one."""
    return any(not isinstance(word, str) or not word.strip() for word in words)


def _pair(value: object) -> tuple[object, ...]:
    """A pair of Chinese words, or something blank."""
    return value if isinstance(value, tuple) and len(value) == 2 else ("",)


def _about_words(method: Method[Any]) -> Iterable[str]:
    """Id, titles and the paper."""
    if not isinstance(method.id, str) or not _ID.fullmatch(method.id):
        yield f"id {method.id!r} must be lower-case letters, digits and _ (at most 32)"
    for name in ("title", "summary", "paper"):
        if _blank(getattr(method, name)):
            yield f"{name} is empty"
    if _blank(*_pair(method.zh)):
        yield "zh must be title and summary in Chinese"


def _about_slots(slots: object) -> Iterable[str]:
    """Input pictures: well named, each once."""
    if not isinstance(slots, tuple) or not all(isinstance(slot, Slot) for slot in slots):
        yield "inputs must be a tuple of Slot"
        return
    for position, slot in enumerate(slots):
        if slot.id in (other.id for other in slots[:position]):
            yield f"two inputs are called {slot.id!r}"
        if not _usable(slot.id):
            yield f"an input cannot be called {slot.id!r}"
        if _blank(slot.label, slot.help, *_pair(slot.zh)):
            yield f"input {slot.id!r} needs label and help, in English and Chinese"
        if slot.most < 1:
            yield f"input {slot.id!r} takes {slot.most} pictures at most; expected 1 or more"
        if not 0 <= slot.least <= slot.most:
            yield f"input {slot.id!r} needs {slot.least} pictures; expected 0 to {slot.most}"
        below = [other for other in slots if other.id == slot.drawn_on]
        if slot.drawn_on and not (slot.most == 1 and any(map(_paper, below))):
            yield (
                f"input {slot.id!r} is drawn on {slot.drawn_on!r}: expected one mask, of an input "
                "that takes exactly one picture"
            )


def _paper(slot: Slot) -> bool:
    """Whether a mask can be drawn on this."""
    return slot.most == slot.least == 1 and not slot.drawn_on


def _usable(name: str) -> bool:
    """Whether a name can be an option, an argument and a JSON key of its own."""
    return bool(_ID.fullmatch(name)) and name not in _TAKEN and not keyword.iskeyword(name)


def _about_params(params: object, slots: set[str]) -> Iterable[str]:
    """Parameters: of a known kind, explained, with a default that is within bounds."""
    if not isinstance(params, type) or not issubclass(params, Params):
        yield "params must be a subclass of styleplug.core.params.Params"
        return
    for name, info in params.model_fields.items():
        if not _usable(name) or name in slots:
            yield f"a parameter cannot be called {name!r}: the name is taken or not lower-case"
        yield from (f"parameter {name!r} {problem}" for problem in _about_field(info))
    try:
        default = params()
        again = params.model_validate_json(default.model_dump_json())
    except Exception as error:
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        yield f"default of {'.'.join(map(str, first['loc'])) or 'params'}: {first['msg']}"
    else:
        if again != default:
            yield "the defaults are not the same after a trip through JSON"


def _about_field(info: FieldInfo) -> Iterable[str]:
    """One parameter."""
    extra = info.json_schema_extra
    hint = extra.get("hint") if isinstance(extra, dict) else None
    if not isinstance(hint, Hint):
        yield "must be declared by styleplug.core.params.field"
    elif _blank(hint.label, hint.help, *_pair(hint.zh)):
        yield "needs label and help, in English and Chinese"
    elif hint.words and (
        set(hint.words) != set(choices_of(info)) or any(_blank(*two) for two in hint.words.values())
    ):
        yield "has words that are not those of its choices, in English and Chinese"
    if not _supported(info):
        yield (
            f"is of type {info.annotation}; supported are bool, int, float, Numbers and "
            "Literal of words"
        )
    low, high = bounds_of(info)
    if low is not None and high is not None and low > high:
        yield f"has bounds the wrong way round: {low:g} to {high:g}"


def _supported(info: FieldInfo) -> bool:
    """Whether the borders know a control and an option for this type."""
    choices = choices_of(info)
    if choices:
        return all(isinstance(choice, str) for choice in choices)
    if info.annotation == tuple[float, ...]:  # Numbers, which also reads "1, 0.5"
        return any(isinstance(extra, BeforeValidator) for extra in info.metadata)
    return info.annotation in (bool, int, float)


def _about_weights(weights: object) -> Iterable[str]:
    """Weights: each net has sources, and works offline."""
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
    """What the engine asks of it before a run."""
    params = method.params()
    try:
        work = method.work(params, 512 * 512)
        shape, count = method.shape(params, 512, 384), method.count(params)
        unknown = set(method.nets(params)) - set(method.weights)
    except Exception as error:
        yield f"work, shape, count or nets fails with its defaults: {type(error).__name__}: {error}"
        return
    if not isinstance(work, int | float) or not math.isfinite(work) or work <= 0:
        yield f"work gives {work!r}; expected a positive number of steps × megapixels"
    if not isinstance(shape, tuple) or [type(side) for side in shape] != [int, int]:
        yield f"shape gives {shape!r}; expected width and height"
    if not isinstance(count, int) or count < 1:
        yield f"count gives {count!r}; expected 1 or more"
    if unknown:
        yield f"nets names {sorted(unknown)}, which weights does not declare"


class _Callable(ModuleType):
    """Lets the package `styleplug.methods` be called as the function of the same name."""

    def __call__(self) -> Mapping[str, Method[Any]]:
        """The admitted methods by id."""
        return catalogue().methods


sys.modules[__name__].__class__ = _Callable
