"""Texts in languages other than English: one catalogue per language, such as `zh.toml`.

Code contains English only.  A catalogue identifies a text in one of three ways:

    [method.gatys]                          by its place
    title = "…"
    parameter.steps.label = "…"

    [shared]                                by its English text, if it occurs in several places
    "Style weight" = "…"

    [message]                               by its English text with placeholders: errors and
    "there is no file {name}" = "…"         notes; in [pydantic], those of pydantic

Places are `method.ID` and `task.ID` with `title`, `summary`, `input.ID.label`, `input.ID.help`,
`parameter.NAME.label`, `parameter.NAME.help`, `parameter.NAME.choice.CHOICE` and `preset.NAME`;
`settings`, `finish` and `loop` with parameters only; `unit.UNIT` of parameters; `page.KEY` of
`styleplug.ui.words.WORDS`; and `error.CLASS` of `styleplug.core.errors`, the title of an error that
has no translation.

A text without a translation is shown in English.  To add a language, add a file here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

ENGLISH = "en"
FOLDER: Traversable = resources.files(__name__)
LONGEST = 1000  # characters; longer messages are not translated
DEEPEST = 6  # levels of messages that contain messages
_HOLE = re.compile(r"\{(\w*)\}")
_BY_ENGLISH = {"shared", "message", "pydantic"}  # tables whose keys are English texts
_AND = "; "  # between two messages in one text
_WORD = re.compile(r"[^\W\d_]{2}")


class Catalogue:
    """The texts of a language."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self.shared: Mapping[str, str] = table.get("shared", {})
        self.messages: Mapping[str, str] = table.get("message", {}) | table.get("pydantic", {})
        self.places = flat({k: part for k, part in table.items() if k not in _BY_ENGLISH})

    def extended(self, methods: Mapping[str, Mapping[str, Any]]) -> Catalogue:
        """This catalogue with those of plug-ins added, by the id of the method."""
        brought = {id: table for id, table in methods.items() if table}
        return Catalogue({**self._table, "method": {**self._table.get("method", {}), **brought}})

    def text(self, place: str, english: str) -> str:
        """The text for a place; the English text if there is no translation."""
        return self.places.get(place) or self.shared.get(english) or english

    def message(self, english: str) -> str | None:
        """The translation of an error or a note, with its names and numbers; None without one.

        >>> Catalogue({"message": {"no file {name}": "{name} fehlt"}}).message("no file 'a.png'")
        "'a.png' fehlt"
        """
        return self._message(english, {}) if len(english) <= LONGEST else None

    def _message(self, english: str, known: dict[str, str | None], depth: int = 0) -> str | None:
        """The same for a message or a part of one; `known` caches the parts."""
        if english not in known:
            known[english] = self.shared.get(english)
            if known[english] is None and depth < DEEPEST:
                known[english] = self._whole(english, known, depth + 1)
        return known[english]

    def _whole(self, english: str, known: dict[str, str | None], depth: int) -> str | None:
        if _AND in english:
            each = [self._message(one, known, depth) for one in english.split(_AND)]
            if all(each):
                return self.messages.get(_AND, _AND).join(filter(None, each))
        for template in self._templates:
            if (parts := template.parts(english)) is None:
                continue
            new = {name: self._message(part, known, depth) for name, part in parts.items()}
            if template.worded or any(new.values()):  # a template without words says nothing itself
                return template.filled({name: new[name] or part for name, part in parts.items()})
        return None

    @cached_property
    def _templates(self) -> list[_Template]:
        """All templates, those with most characters first, because they fit most exactly."""
        templates = [_Template(english, text) for english, text in self.messages.items()]
        return sorted(templates, key=lambda one: len("".join(one.letters)), reverse=True)


class _Template:
    """A message with placeholders, "there is no file {name}", in English and its translation."""

    def __init__(self, english: str, text: str) -> None:
        self._text = text
        self._names = _HOLE.findall(english)
        self.letters = _HOLE.sub("\0", english).split("\0")  # between the placeholders
        self.worded = any(map(_WORD.search, self.letters))

    def parts(self, english: str) -> dict[str, str] | None:
        """The values of the placeholders in a message; None if the template does not fit.

        The time is linear in the length of the message, because a visitor may choose a part of it.
        """
        first, *others = self.letters
        if " " in first and not english.startswith(first):  # it may start with a capital letter
            english = english[:1].lower() + english[1:]
        if not english.startswith(first):
            return None
        at, found = len(first), []
        for number, letters in enumerate(others, 1):
            last = number == len(others)
            end = len(english) - len(letters) if last else english.find(letters, at)
            if end < at or not english.endswith(letters) and last:
                return None
            found.append(english[at:end])
            at = end + len(letters)
        return dict(zip(self._names, found, strict=True)) if at == len(english) else None

    def filled(self, parts: Mapping[str, str]) -> str:
        """The translated message with these values."""
        return _HOLE.sub(lambda hole: parts[hole[1]], self._text)


def flat(table: Mapping[str, Any]) -> dict[str, str]:
    """The texts of nested tables, by place.

    >>> flat({"page": {"run": "Start"}})
    {'page.run': 'Start'}

    Raises:
        ValueError: a value is neither a table nor a text.
    """
    texts: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            texts |= {f"{name}.{place}": text for place, text in flat(value).items()}
        elif isinstance(value, str):
            texts[name] = value
        else:
            raise ValueError(f"{name} is {value!r}; expected a text or a table of texts")
    return texts


@cache
def languages() -> tuple[str, ...]:
    """English, and the languages that have a catalogue."""
    files = sorted(file.name for file in FOLDER.iterdir())
    return (ENGLISH, *(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of `languages`; that of English is empty."""
    if language == ENGLISH:
        return Catalogue({})
    return Catalogue(tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))
