"""Convert declarations to options of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from styleplug.core.params import Params, choices_of, described

if TYPE_CHECKING:  # otherwise `styleplug --help` would import numpy
    from styleplug.core.method import Slot

Json = Annotated[
    bool,
    typer.Option("--json", help="Print the report as one line of JSON.", show_default=False),
]
_Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        rich_help_panel="Result",
        help="File for the picture. Its ending decides the format; - writes a PNG to standard "
        "output. Several pictures become one sheet; an animation is written as .webp or .png. If "
        "you stop with Ctrl-C, the picture so far is written to NAME.partial beside it.",
    ),
]
_RecipeFile = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        rich_help_panel="Result",
        help="Use the settings of a recipe: a JSON file, or a picture made by styleplug. Other "
        "options replace its values.",
    ),
]
_Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FOLDER",
        rich_help_panel="Settings",
        help="Use the weights in a result of `styleplug train` instead of the method's own.",
    ),
]
_NoRecipe = Annotated[
    bool,
    typer.Option("--no-recipe", rich_help_panel="Result", help="Do not store the recipe."),
]
_KeepMetadata = Annotated[
    bool,
    typer.Option(
        "--keep-metadata",
        rich_help_panel="Result",
        help="Copy resolution (DPI), date, author and copyright of the first input picture. By "
        "default no metadata is copied; position (GPS) and thumbnail are never copied.",
    ),
]
_Scores = Annotated[
    bool,
    typer.Option(
        "--scores",
        rich_help_panel="Result",
        help="Score the result, if there are a content and a style: style gain and content kept.",
    ),
]
_Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", rich_help_panel="Result", help="Allow --out to replace an input file."
    ),
]


def keyword(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    """A parameter of the signature that typer reads."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


RESULT_OPTIONS = (
    keyword("out", _Out),
    keyword("recipe", _RecipeFile, None),
    keyword("no_recipe", _NoRecipe, False),
    keyword("keep_metadata", _KeepMetadata, False),
    keyword("overwrite", _Overwrite, False),
    keyword("weights", _Weights, None),
    keyword("scores", _Scores, False),
    keyword("json", Json, False),
)
"""The options of every run, besides those of its method."""


def command_of(
    name: str, help: str, options: Sequence[Parameter], call: Callable[..., None]
) -> Any:
    """A command whose options are known only at run time, for a group of typer.

    typer has no other public way than to read the options from the signature of a function.
    """
    call.__signature__ = Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    single.command(name, help=help)(call)
    return typer.main.get_command(single)


def slot_option(slot: Slot) -> Parameter:
    """The option of a slot, such as `--style FILE`; repeatable, so that too many are an error."""
    many = f" Repeatable, up to {slot.most} times." if slot.most > 1 else ""
    if slot.drawn_on:
        many += f" White or opaque parts are filled; same proportions as --{slot.drawn_on}."
    many += "" if slot.least else " Optional."
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

    The default of the option is None, which means "not given".  Default and bounds of the field
    apply in `Params.of`, which gets numbers and choices as text.
    """
    for name, info in fields.model_fields.items():
        flag = "--" + name.replace("_", "-")
        kind: type = str
        metavar: str | None = "|".join(choices_of(info)) or "NUMBER"
        if info.annotation is bool:
            kind, flag, metavar = bool, f"{flag}/--no-{flag[2:]}", None
        elif isinstance(info.default, tuple):
            metavar = '"NUMBER …"'
        elif info.annotation is str:
            metavar = "TEXT"
        option = typer.Option(
            flag,
            metavar=metavar,
            help=escape(described(info)),
            rich_help_panel=panel,
            show_default=False,
        )
        yield keyword(name, Annotated[kind | None, option], None)
