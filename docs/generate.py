"""Writes docs/methods.md from the methods, their explanations and declarations: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from styleplug.core.method import Method
from styleplug.core.params import Params, bounds_of, choices_of, hint_of
from styleplug.core.recipe import Finish, Settings
from styleplug.core.weight import Embedded, Hub, WeightSource
from styleplug.methods import discover
from styleplug.ui.diagram import STYLE, draw

PAGE = Path(__file__).with_name("methods.md")
IMAGES = PAGE.with_name("images")


def render() -> str:
    """The whole page."""
    methods = [
        method
        for method in discover().methods.values()
        if type(method.method).__module__.startswith("styleplug.methods.")
    ]
    parts = [
        "# Methods",
        "How each method works, what its main parameters do, and all parameters.",
        "`make docs` writes this page from `styleplug/methods`: the tables from the declarations,\n"
        "the explanations from the Markdown file beside each method. Change it there.\n"
        "`python docs/strips.py` makes the rows of pictures.",
        "Python, HTTP and recipes use the names of parameters as written below. The command line\n"
        "writes `keep_colours` as `--keep-colours`.",
    ]
    for method in methods:
        parts += _method(method)
    parts += ["## Settings", "Every method has these parameters.", _table(Settings)]
    about = (
        "Methods whose result is the given picture in another style have these as well.\n"
        "They also take a picture `mask`: only what is white or opaque in it is painted,\n"
        "and the rest of the picture stays as it is."
    )
    strips = (
        "![A mask with three widths of its soft border, and inverted](images/cnn-mask.jpg)\n"
        "![Three ways to keep colours](images/cnn-keep_colours_by.jpg)"
    )
    parts += ["## Finish", about, strips, _table(Finish)]
    return "\n\n".join(parts) + "\n"


def _method(method: Method[Any]) -> Iterator[str]:
    """Its section."""
    yield f"## {method.title} (`{method.id}`)"
    yield method.summary
    yield f"Paper: {method.paper}."
    yield f"![How {method.title} works](images/{method.id}-steps.svg)"
    if explanation := method.explanation().strip():
        yield explanation.replace("](../../docs/", "](")
    yield "### All parameters"
    if (PAGE.parent / "images" / f"{method.id}-ends.jpg").exists():
        alt = f"{method.title}: each number at its smallest value, default and largest value"
        yield f"![{alt}](images/{method.id}-ends.jpg)"
    rows = []
    for slot in method.inputs:
        pictures = str(slot.most) if slot.least == slot.most else f"{slot.least} to {slot.most}"
        rows.append((f"`{slot.id}`", pictures, slot.help))
    if rows:
        yield _rows(("input", "pictures", "what to put there"), rows)
    yield _table(method.params)
    if method.weights:
        chains = [
            (f"`{key}`", ", else ".join(_source(source) for source in sources))
            for key, sources in method.weights.items()
        ]
        yield _rows(("weights", "from"), chains)


def drawings() -> dict[Path, str]:
    """How each method works, as SVG files."""
    drawn = {}
    for id, method in discover().methods.items():
        if method.diagram:
            given = {slot.id: slot.label for slot in method.inputs}
            given |= {"seed": "Seed", "result": "Result"}
            title = f"How {method.title} works"
            drawn[IMAGES / f"{id}-steps.svg"] = draw(method.diagram, given, title, style=STYLE)
    return drawn


def _source(source: WeightSource) -> str:
    """Where weights come from."""
    match source:
        case Embedded():
            return f"`{source.file}`, which comes with styleplug"
        case Hub():
            part = ", only the tensors needed" if source.tensors else ""
            return f"`{source.repo}` on the Hugging Face Hub ({source.licence}{part})"
        case _:
            return "a file on this machine"


def _table(params: type[Params]) -> str:
    """A row for every parameter."""
    rows = []
    for name, info in params.model_fields.items():
        low, high = bounds_of(info)
        choices = choices_of(info)
        if choices:
            allowed = ", ".join(choices)
        elif info.annotation is bool:
            allowed = "true, false"
        elif low is None and high is None:
            allowed = "numbers" if isinstance(info.default, tuple) else "text"
        else:
            allowed = f"{_number(low)} to {_number(high)} {hint_of(info).unit}".strip()
        default = _default(info.default)
        rows.append((f"`{name}`", default, allowed, hint_of(info).help))
    return _rows(("parameter", "default", "allowed", "what it does"), rows)


def _default(value: Any) -> str:
    """A default as one would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(_number(number) for number in value) or "none"
    return _number(value) if isinstance(value, int | float) else str(value) or "none"


def _number(value: float | None) -> str:
    """A number in full, no zeros after the point."""
    return "" if value is None else f"{value:.10g}"


def _rows(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("\n", " ") for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    for path, drawn in drawings().items():
        path.write_text(drawn + "\n", encoding="utf-8")
