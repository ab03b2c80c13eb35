"""Convert declarations to options of the command line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
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


def option(
    name: str,
    kind: Any,
    help: str,
    panel: str,
    *,
    default: Any = None,
    flag: str = "",
    metavar: str | None = None,
) -> Parameter:
    """An option, as a parameter of the signature that typer reads."""
    declared = typer.Option(
        flag or "--" + name.replace("_", "-"),
        metavar=metavar,
        help=help,
        rich_help_panel=panel,
        show_default=False,
    )
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, declared]
    )


JSON = Parameter("json", Parameter.KEYWORD_ONLY, default=False, annotation=Json)
RESULT_OPTIONS = (
    option(
        "out",
        Path,
        "File for the picture. Its ending decides the format; - writes a PNG to standard output. "
        "Several pictures become one sheet; an animation is written as .webp or .png. If you stop "
        "with Ctrl-C, the picture so far is written to NAME.partial beside it.",
        "Result",
        default=Parameter.empty,
        metavar="FILE",
    ),
    option(
        "recipe",
        Path | None,
        "Use the settings of a recipe: a JSON file, or a picture made by styleplug. Other options "
        "replace its values.",
        "Result",
        metavar="FILE",
    ),
    option("no_recipe", bool, "Do not store the recipe.", "Result", default=False),
    option(
        "keep_metadata",
        bool,
        "Copy resolution (DPI), date, author and copyright of the first input picture. By default "
        "no metadata is copied; position (GPS) and thumbnail are never copied.",
        "Result",
        default=False,
    ),
    option("overwrite", bool, "Allow --out to replace an input file.", "Result", default=False),
    option(
        "weights",
        Path | None,
        "Use the weights in a result of `styleplug train` instead of the method's own.",
        "Settings",
        metavar="FOLDER",
    ),
    option(
        "scores",
        bool,
        "Score the result, if there are a content and a style: style gain and content kept.",
        "Result",
        default=False,
    ),
    JSON,
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
        many += f" White or opaque parts are marked; same proportions as --{slot.drawn_on}."
    many += "" if slot.least else " Optional."
    help = escape(slot.help) + many
    return option(slot.id, list[Path] | None, help, "Pictures", flag=f"--{slot.id}", metavar="FILE")


def preset_option(presets: Collection[str]) -> Iterator[Parameter]:
    """The option for a preset, if the method has any."""
    help = "Use the settings of a preset. Other options replace its values."
    if presets:
        yield option("preset", str | None, help, "Parameters", metavar="|".join(presets))


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
        help = escape(described(info))
        yield option(name, kind | None, help, panel, flag=flag, metavar=metavar)
