"""Parameters: declared once; the page, command line and HTTP derive everything from this."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from styleplug.core.errors import BadParameter, MethodError, StyleplugError


def _numbers(value: Any) -> Any:
    """Accept text such as "1, 0.5" from a text box or the command line."""
    if isinstance(value, str):
        try:
            return tuple(float(part) for part in value.replace(",", " ").split())
        except ValueError:
            raise ValueError('expected numbers such as "1, 0.5"') from None
    return tuple(value) if isinstance(value, list) else value


Numbers = Annotated[tuple[float, ...], BeforeValidator(_numbers)]
"""A short list of numbers; users write it as "1, 0.5"."""


class Hint(BaseModel):
    """How a parameter is shown, besides its type and bounds."""

    model_config = ConfigDict(frozen=True)
    label: str
    help: str
    words: dict[str, str] = {}  # choice -> its label
    hidden: tuple[str, ...] = ()  # choices that are accepted but not offered
    unit: str = ""
    step: float | None = None
    advanced: bool = False


def field(
    default: Any,
    *,
    label: str,
    help: str,
    words: Mapping[str, str] | None = None,
    hidden: tuple[str, ...] = (),
    ge: float | None = None,
    le: float | None = None,
    step: float | None = None,
    unit: str = "",
    advanced: bool = False,
) -> Any:
    """Declare a parameter of a `Params` class.

    Args:
        default: the default value; it is checked against the bounds.
        label: short name on the page.
        help: what it does, in words for a user.
        words: labels of the choices of a Literal; by default the choices themselves.
        hidden: choices of a Literal that are accepted but not offered.
        ge: smallest allowed value.
        le: largest allowed value.
        step: step of the slider.
        unit: "px", "s" …, shown beside the value.
        advanced: hidden until the user opens the advanced settings.
    """
    named = dict(words or {})
    hint = Hint(
        label=label, help=help, words=named, hidden=hidden, unit=unit, step=step, advanced=advanced
    )
    extra: Any = {"hint": hint}  # the schema keeps it as plain data
    return Field(default, ge=ge, le=le, description=help, json_schema_extra=extra)


def hint_of(info: FieldInfo) -> Hint:
    """The hint that `field` stored."""
    extra = info.json_schema_extra
    assert isinstance(extra, dict)
    hint = extra["hint"]
    assert isinstance(hint, Hint)
    return hint


def bounds_of(info: FieldInfo) -> tuple[float | None, float | None]:
    """Smallest and largest allowed value; None if there is no bound."""
    low = next((m.ge for m in info.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in info.metadata if hasattr(m, "le")), None)
    return low, high


def choices_of(info: FieldInfo) -> tuple[str, ...]:
    """The choices that a Literal parameter offers, else ()."""
    if str(get_origin(info.annotation)) != "typing.Literal":
        return ()
    extra = info.json_schema_extra
    hint = extra.get("hint") if isinstance(extra, dict) else None
    hidden = hint.hidden if isinstance(hint, Hint) else ()
    return tuple(choice for choice in get_args(info.annotation) if choice not in hidden)


def described(info: FieldInfo) -> str:
    """The help of a parameter, with its bounds and its default."""
    low, high = (None if end is None else f"{end:.10g}" for end in bounds_of(info))
    bounds = f"{low} to {high}, " if low and high else ""
    value, hint = info.default, hint_of(info)
    if isinstance(value, bool):
        shown = "yes" if value else "no"
    elif isinstance(value, tuple):
        shown = ", ".join(f"{number:g}" for number in value)
    else:
        shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{hint.help} ({bounds}default {shown or 'none'}{hint.unit and f' {hint.unit}'})"


class Params(BaseModel):
    """Base class of parameters: immutable; unknown names and invalid values are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Validate values from the page, the command line, Python or HTTP.

        Raises:
            BadParameter: names every wrong parameter, its value and what was expected.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise BadParameter(_explain(cls, error)) from None
        except StyleplugError:
            raise
        except Exception as error:  # the validator of a plug-in
            raise MethodError(f"{cls.__name__} failed: {type(error).__name__}: {error}") from error


def _explain(params: type[Params], error: ValidationError) -> str:
    """One sentence for each problem."""
    sentences = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else "parameters"
        if problem["type"] == "extra_forbidden":
            known = ", ".join(sorted(params.model_fields)) or "none"
            sentences.append(f"unknown parameter {name!r}; known are: {known}")
            continue
        got = shortened(problem["input"])
        why = problem["msg"].removeprefix("Value error, ")  # raised by our own validator
        why = why[:1].lower() + why[1:]
        sentences.append(f"{name} = {got}: {why}{range_of(params, name)}")
    return "; ".join(sentences)


def shortened(value: object) -> str:
    """A value as text, shortened for an error message."""
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "…"


def range_of(params: type[Params], name: str) -> str:
    """The bounds of a parameter, for an error message."""
    info = params.model_fields.get(name)
    if info is None:
        return ""
    low, high = bounds_of(info)
    if low is None and high is None:
        return ""
    ends = (-math.inf if low is None else low, math.inf if high is None else high)
    return f" (allowed: {ends[0]:.10g} to {ends[1]:.10g}, default {info.default:.10g})"
