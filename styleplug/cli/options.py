"""How a declaration becomes options of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from styleplug.core.params import Params, bounds_of, choices_of, hint_of

if TYPE_CHECKING:  # else `styleplug --help` would wait for numpy
    from styleplug.core.method import Slot

Json = Annotated[
    bool,
    typer.Option("--json", help="Print what happened as one line of JSON.", show_default=False),
]
_Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        rich_help_panel="Result",
        help="Where the picture goes; the ending says the format, and - writes a PNG to standard "
        "output. Several pictures become one sheet, an animation is written as .webp or .png. A "
        "run stopped with Ctrl-C leaves what it had in NAME.partial beside it.",
    ),
]
_RecipeFile = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        rich_help_panel="Result",
        help="Take all settings from a recipe: a JSON file, or a picture made by "
        "styleplug. Options given beside it win.",
    ),
]
_Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FOLDER",
        rich_help_panel="Settings",
        help="Take the weights of a result of `styleplug train`, in place of the method's own.",
    ),
]
_NoRecipe = Annotated[
    bool,
    typer.Option("--no-recipe", rich_help_panel="Result", help="Leave the recipe out of the file."),
]
_KeepMetadata = Annotated[
    bool,
    typer.Option(
        "--keep-metadata",
        rich_help_panel="Result",
        help="Keep resolution (DPI), date, author and copyright of the first picture given. By "
        "default nothing of its metadata is kept; its place (GPS) and its thumbnail never are.",
    ),
]
_Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", rich_help_panel="Result", help="Let --out replace one of the inputs."
    ),
]


def keyword(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    """A keyword of the signature that typer reads."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


RESULT_OPTIONS = (
    keyword("out", _Out),
    keyword("recipe", _RecipeFile, None),
    keyword("no_recipe", _NoRecipe, False),
    keyword("keep_metadata", _KeepMetadata, False),
    keyword("overwrite", _Overwrite, False),
    keyword("weights", _Weights, None),
    keyword("json", Json, False),
)
"""What every run takes beside its method's own."""


def command_of(
    name: str, help: str, options: Sequence[Parameter], call: Callable[..., None]
) -> Any:
    """A command whose options are known only at run time, for a group of typer's.

    typer reads them from the signature of a function: it publishes no other way.
    """
    call.__signature__ = Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    single.command(name, help=help)(call)
    return typer.main.get_command(single)


def slot_option(slot: Slot) -> Parameter:
    """`--style FILE`; repeatable, so that too many are an error and not silently dropped."""
    many = f" Give it up to {slot.most} times." if slot.most > 1 else ""
    if slot.drawn_on:
        many += f" White, or opaque, marks it, in the proportions of --{slot.drawn_on}."
    many += "" if slot.least else " May be left out."
    option = typer.Option(
        f"--{slot.id}",
        metavar="FILE",
        help=escape(slot.help) + many,
        rich_help_panel="Pictures",
        show_default=False,
    )
    return keyword(slot.id, Annotated[list[Path] | None, option], None)


def field_options(fields: type[Params], panel: str) -> Iterator[Parameter]:
    """An option for every field.

    Its default is None, "not given": the only default stands in the field, as do the bounds, so
    that numbers and choices travel as text to `Params.of`.
    """
    for name, info in fields.model_fields.items():
        hint = hint_of(info)
        flag = "--" + name.replace("_", "-")
        kind: type = str
        metavar: str | None = "|".join(choices_of(info)) or "NUMBER"
        if info.annotation is bool:
            kind, flag, metavar = bool, f"{flag}/--no-{flag[2:]}", None
        elif isinstance(info.default, tuple):
            metavar = '"NUMBER …"'
        elif info.annotation is str:
            metavar = "TEXT"
        unit = hint.unit and f" {hint.unit}"
        low, high = (None if end is None else f"{end:.10g}" for end in bounds_of(info))
        range_ = f"{low} to {high}, " if low and high else ""
        option = typer.Option(
            flag,
            metavar=metavar,
            help=escape(f"{hint.help} ({range_}default {_text(info.default)}{unit})"),
            rich_help_panel=panel,
            show_default=False,
        )
        yield keyword(name, Annotated[kind | None, option], None)


def _text(default: Any) -> str:
    """A default as the user would type it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ", ".join(f"{number:g}" for number in default) or "none"
    return f"{default:g}" if isinstance(default, float) else str(default) or "none"
