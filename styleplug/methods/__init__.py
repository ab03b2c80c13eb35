"""The methods: one file each, found and admitted here.

A built-in method is a module of this package, a third party's is named by an entry point of
the group `styleplug.methods`; both offer one `Method` object (`METHOD = Gatys()`), and both
have to be admitted (`styleplug.plugins.admission`).  One that cannot be imported or admitted is
listed as broken with the reason, and all others work.
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
OFFERED = "METHOD"  # what a built-in's module calls its Method object


class Catalogue:
    """The methods there are; from here on every call into their code is guarded.

    Args:
        methods: admitted methods by id.
        broken: what could not be imported or admitted, and why.
    """

    def __init__(self, methods: Mapping[str, Method[Any]], broken: Mapping[str, str]) -> None:
        self.methods = MappingProxyType({id: Guarded(one) for id, one in methods.items()})
        self.broken = MappingProxyType(dict(broken))

    def get(self, id: str) -> Guarded:
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
        except (Exception, SystemExit) as error:  # a stranger's module may raise anything
            broken[name] = f"its {doing} failed: {type(error).__name__}: {error}"
    ordered = dict(sorted(methods.items(), key=lambda item: (item[1].rank, item[0])))
    return Catalogue(ordered, broken)


@cache
def catalogue() -> Catalogue:
    """What `discover` found, looked for once."""
    return discover()


def _built_in() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name of every module of this package, and how to get its method; sub-packages hold none."""
    for module in pkgutil.iter_modules(__path__):
        if not (module.ispkg or module.name.startswith("_")):
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


class _Callable(ModuleType):
    """A module that can be called."""

    def __call__(self) -> Mapping[str, Method[Any]]:
        """The admitted methods by id."""
        return catalogue().methods


# The import of a package sets its name in the package above, so `styleplug.methods` cannot be a
# function for long.  Therefore the package answers the call `styleplug.methods()` itself, by the
# means that Python documents for modules.
sys.modules[__name__].__class__ = _Callable
