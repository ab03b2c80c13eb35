"""Convert a request of the command line, Python, the page or HTTP to a grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from styleplug.core.errors import BadParameter, UsageError
from styleplug.core.method import Method
from styleplug.core.params import shortened
from styleplug.core.recipe import Recipe
from styleplug.engine.axes import Axis, Grid
from styleplug.engine.cells import METHOD, MOST, text_of
from styleplug.engine.request import changed
from styleplug.engine.styles import BUILT_IN, built_in
from styleplug.imaging.folder import pictures_in
from styleplug.methods import Catalogue
from styleplug.methods.shared.transfer import CONTENT, STYLE

ALL = "all"
"""Stands for every method that takes a content and a style, and for every built-in style."""
Labelled = Mapping[str, Any]


def grid_of(
    catalogue: Catalogue,
    method: str,
    pictures: Mapping[str, Labelled],
    over: Mapping[str, Any],
    values: Mapping[str, Any],
    base: Recipe | None = None,
) -> Grid:
    """The grid of these pictures and values.

    Args:
        method: the method of all cells, unless `over` has methods.
        pictures: pictures by slot and by label; a slot with several of them is an axis.
        over: the axes: values by parameter or setting, or methods by "method".
        values: parameters and settings of all cells.
        base: a recipe that gives all other values.

    Raises:
        UsageError: an axis has no values.
        BadParameter: the text of a range cannot be read.
    """
    axes = [Axis(slot, tuple(some.values()), tuple(some))
            for slot, some in pictures.items() if len(some) != 1]  # fmt: skip
    fixed = {slot: tuple(some.values()) for slot, some in pictures.items() if len(some) == 1}
    names = {slot: next(iter(some)) for slot, some in pictures.items() if len(some) == 1}
    for name, wanted in over.items():
        some = spread(name, wanted)
        if name == METHOD and ALL in some:
            some = transfers(catalogue)
        axes.append(Axis(name, some, tuple(map(_label, some))))
    methods = next((axis.values for axis in axes if axis.name == METHOD), (method,))
    first = catalogue.get(str(methods[0])) if methods else catalogue.get(method)
    start = (base or Recipe(method=first.id)).model_copy(update={"method": first.id})
    return Grid(changed(start, values), tuple(axes), fixed, names)


def transfers(catalogue: Catalogue) -> tuple[str, ...]:
    """Ids of the methods that take a content and a style, and need nothing else."""
    return tuple(
        id
        for id, method in catalogue.methods.items()
        if [slot.id for slot in method.inputs if slot.least] == [CONTENT, STYLE]
    )


def spread(name: str, wanted: Any) -> tuple[Any, ...]:
    """The values of an axis.

    Args:
        name: name of the parameter, for the error.
        wanted: a sequence, or text: values with commas between them (semicolons, if a value has
            commas), or a range LOW:HIGH:COUNT.

    >>> spread("size", "256,512"), spread("style_weight", "0.5:2:4")
    (('256', '512'), (0.5, 1.0, 1.5, 2.0))

    Raises:
        BadParameter: a range cannot be read.
    """
    if not isinstance(wanted, str):
        one = isinstance(wanted, int | float | bool) or not isinstance(wanted, Iterable)
        return (wanted,) if one else tuple(wanted)
    if wanted.count(":") == 2:
        try:
            low, high, count = (float(part) for part in wanted.split(":"))
            if not (count == int(count) and 2 <= count <= MOST and low != high):
                raise ValueError
        except (ValueError, OverflowError):
            raise BadParameter(
                f"{name} = {shortened(wanted)}: expected a range LOW:HIGH:COUNT such as 0.5:2:4"
            ) from None
        step = (high - low) / (count - 1)
        some = [float(f"{low + step * i:.6g}") for i in range(int(count))]
        return tuple(int(one) if one == int(one) and step == int(step) else one for one in some)
    mark = ";" if ";" in wanted else ","
    return tuple(part.strip() for part in wanted.split(mark) if part.strip())


def _label(value: Any) -> str:
    """The label of a value."""
    return text_of(value).replace(", ", "+").replace(",", "+").replace(" ", "+")


def files_in(
    paths: Sequence[Path], pattern: str = "", leave_out: Sequence[Path] = ()
) -> dict[str, Path]:
    """Picture files by label: their path below the given folder, without the ending.

    Files with the same label, such as a.jpg and a.png, keep their endings.

    Args:
        paths: files, and folders of files.
        pattern: pattern of the names in folders.
        leave_out: folders that are not searched.

    Raises:
        UsageError: a folder has no pictures, or two files have the same label.
    """
    found: list[tuple[str, Path]] = []
    for path in dict.fromkeys(paths):
        if path.is_dir():
            found += [(one.relative_to(path).as_posix(), one)
                      for one in pictures_in(path, pattern, leave_out)]  # fmt: skip
        else:
            found.append((path.name, path))
    stems = Counter(_stem(name).casefold() for name, _ in found)
    labelled: dict[str, Path] = {}
    for name, path in found:
        label = name if stems[_stem(name).casefold()] > 1 else _stem(name)
        if label in labelled:
            raise UsageError(
                f"two pictures are called {label!r}: {labelled[label]} and {path}; rename one, or "
                "give the folder above both"
            )
        labelled[label] = path
    return labelled


def styles_in(wanted: Sequence[str | Path], pattern: str = "") -> dict[str, Path]:
    """Style files by label.

    Args:
        wanted: paths, or names of built-in styles; "all" stands for all built-in styles.
        pattern: pattern of the names in folders.

    Raises:
        UsageError: as for `files_in`; or it is neither a path nor a name.
    """
    found: dict[str, Path] = {}
    paths = []
    for one in wanted:
        if str(one) == ALL and not Path(one).exists():
            found |= {name: built_in(name) for name in BUILT_IN}
        elif str(one) in BUILT_IN and not Path(one).exists():
            found[str(one)] = built_in(str(one))
        elif not Path(one).exists():
            raise UsageError(
                f"there is no style {str(one)!r}; expected a picture, a folder of pictures, or "
                f"one of the built-in styles: {', '.join(BUILT_IN)}"
            )
        else:
            paths.append(Path(one))
    return found | files_in(paths, pattern)


def template(grid: Grid, catalogue: Catalogue) -> str:
    """The default template of file names: pictures, method, and all other axes."""
    ids = next((axis.values for axis in grid.axes if axis.name == METHOD), (grid.base.method,))
    methods = [catalogue.get(str(id)) for id in ids]
    slots = [name for name in (CONTENT, STYLE) if name in grid.names
             or name in {axis.name for axis in grid.axes}]  # fmt: skip
    more = [axis.name for axis in grid.axes if axis.name not in {*slots, METHOD}]
    moving = any(method.animated(_params(method, grid)) for method in methods)
    return "-".join(f"{{{name}}}" for name in (*slots, METHOD, *more)) + (
        ".webp" if moving else ".png"
    )


def _params(method: Method[Any], grid: Grid) -> Any:
    """The parameters of a method, with values of the base."""
    known = method.params.model_fields
    given = {name: value for name, value in grid.base.parameters.items() if name in known}
    return method.params.of(given)


def _stem(name: str) -> str:
    """The name without its ending."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name
