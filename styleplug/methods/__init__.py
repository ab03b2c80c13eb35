"""Find the methods: one file each.

A built-in method is a module of this package.  Other packages name theirs by an entry point of the
group `styleplug.methods`.  Both provide one `Method` object (`METHOD = Gatys()`), and both are
checked by `styleplug.plugins.admission`.  A method that cannot be imported or admitted is listed as
broken with the reason; all others work.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Any

from styleplug.core.errors import MethodError, UsageError
from styleplug.core.method import Method
from styleplug.plugins.admission import admit
from styleplug.plugins.guard import Guarded

GROUP = "styleplug.methods"  # of the entry points by which other packages add methods
OFFERED = "METHOD"  # name of the Method object in the module of a built-in method


class Catalogue:
    """The available methods, wrapped so that every call of their code is guarded.

    Args:
        methods: admitted methods by id.
        broken: methods that could not be imported or admitted, with the reason.
    """

    def __init__(self, methods: Mapping[str, Method[Any]], broken: Mapping[str, str]) -> None:
        self.methods = MappingProxyType({id: Guarded(one) for id, one in methods.items()})
        self.broken = MappingProxyType(dict(broken))

    def get(self, id: str) -> Guarded:
        """The method with this id.

        Raises:
            UsageError: there is none; the message lists all ids and the most similar one.
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
    """Find and admit the methods, built-ins first; the result is sorted by rank."""
    methods: dict[str, Method[Any]] = {}
    broken: dict[str, str] = {}
    for name, load in (*_built_in(), *_third_party()):
        doing = "import"
        try:
            method = load()
            doing = "admission"
            admit(method)
            if method.id in methods:
                raise MethodError(f"its id {method.id!r} is taken by another method")
            methods[method.id] = method
        except MethodError as error:
            broken[name] = str(error)
        except (Exception, SystemExit) as error:  # a plug-in may raise anything
            broken[name] = f"its {doing} failed: {type(error).__name__}: {error}"
    ordered = dict(sorted(methods.items(), key=lambda item: (item[1].rank, item[0])))
    return Catalogue(ordered, broken)


@cache
def catalogue() -> Catalogue:
    """The result of `discover`, computed once."""
    return discover()


def _built_in() -> Iterator[tuple[str, Callable[[], Any]]]:
    """The name of every module of this package, and a function that gives its method."""
    for module in pkgutil.iter_modules(__path__):
        if not (module.ispkg or module.name.startswith("_")):
            yield module.name, partial(_offered, module.name)


def _offered(name: str) -> Any:
    """The method that a module of this package provides."""
    module = importlib.import_module(f"{__name__}.{name}")
    if not hasattr(module, OFFERED):
        raise MethodError(f"the module has no {OFFERED}; write {OFFERED} = YourMethod()")
    return getattr(module, OFFERED)


def _third_party() -> Iterator[tuple[str, Callable[[], Any]]]:
    """The name and package of every entry point, and a function that gives its method."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        package = f" ({point.dist.name})" if point.dist else ""
        yield f"{point.name}{package}", point.load


class _Callable(ModuleType):
    """A module that can be called."""

    def __call__(self) -> Mapping[str, Method[Any]]:
        """The admitted methods by id."""
        return catalogue().methods


# When Python imports this package, it sets `styleplug.methods` to the package, so that name cannot
# stay a function.  So the package itself can be called, in the way that Python documents.
sys.modules[__name__].__class__ = _Callable
