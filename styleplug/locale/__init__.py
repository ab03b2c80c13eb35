"""Texts in other languages than English: one catalogue a language, such as `zh.toml`.

Code holds English only.  A catalogue holds the text of another language in one of three ways:

    [method.gatys]                          by its place
    title = "…"
    parameter.steps.label = "…"

    [shared]                                by its English, where it stands in several places
    "Style weight" = "…"

    [message]                               by its English with holes: errors and notes,
    "there is no file {name}" = "…"         and in [pydantic] what pydantic says of values

Places are `method.ID` and `task.ID` with `title`, `summary`, `input.ID.label`, `input.ID.help`,
`parameter.NAME.label`, `parameter.NAME.help` and `parameter.NAME.choice.CHOICE`; `settings`,
`finish` and `loop` with parameters alone; `unit.UNIT` of parameters; `page.KEY` of
`styleplug.ui.i18n.WORDS`; and `error.CLASS` of `styleplug.core.errors`, which heads an error that
is in no catalogue.

A text that a catalogue does not hold is shown in English.  Another language is another file here.
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
LONGEST = 1000  # letters of a message that is translated
DEEPEST = 6  # messages within one another
_HOLE = re.compile(r"\{(\w*)\}")
_BY_ENGLISH = {"shared", "message", "pydantic"}  # tables whose keys are texts
_AND = "; "  # between messages that are told at once
_WORD = re.compile(r"[^\W\d_]{2}")


class Catalogue:
    """The texts of a language.

    Args:
        table: as in its file.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self.shared: Mapping[str, str] = table.get("shared", {})
        self.messages: Mapping[str, str] = table.get("message", {}) | table.get("pydantic", {})
        self.places = flat({k: part for k, part in table.items() if k not in _BY_ENGLISH})

    def extended(self, methods: Mapping[str, Mapping[str, Any]]) -> Catalogue:
        """The same with the catalogues that methods bring, by their ids."""
        brought = {id: table for id, table in methods.items() if table}
        return Catalogue({**self._table, "method": {**self._table.get("method", {}), **brought}})

    def text(self, place: str, english: str) -> str:
        """The text that stands at a place; the English where there is no other."""
        return self.places.get(place) or self.shared.get(english) or english

    def message(self, english: str) -> str | None:
        """An error or a note with its names and numbers; None where there is none like it.

        >>> Catalogue({"message": {"no file {name}": "{name} fehlt"}}).message("no file 'a.png'")
        "'a.png' fehlt"
        """
        return self._message(english, {}) if len(english) <= LONGEST else None

    def _message(self, english: str, known: dict[str, str | None], depth: int = 0) -> str | None:
        """The same for a message, or a part of one; `known` remembers the parts before."""
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
            told = {name: self._message(part, known, depth) for name, part in parts.items()}
            if template.worded or any(told.values()):  # punctuation alone tells nothing
                return template.filled({name: told[name] or part for name, part in parts.items()})
        return None

    @cached_property
    def _templates(self) -> list[_Template]:
        """Those with most letters first: they say more than those with wide holes."""
        templates = [_Template(english, text) for english, text in self.messages.items()]
        return sorted(templates, key=lambda one: len("".join(one.letters)), reverse=True)


class _Template:
    """A message with holes, "there is no file {name}", in English and another language."""

    def __init__(self, english: str, text: str) -> None:
        self._text = text
        self._names = _HOLE.findall(english)
        self.letters = _HOLE.sub("\0", english).split("\0")  # between the holes
        self.worded = any(map(_WORD.search, self.letters))

    def parts(self, english: str) -> dict[str, str] | None:
        """What fills the holes in a message; None where it is another message.

        In time that grows with its length alone, as a visitor may have written a part of it.
        """
        first, *others = self.letters
        if " " in first and not english.startswith(first):  # it may begin a sentence
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
        """The message in the other language."""
        return _HOLE.sub(lambda hole: parts[hole[1]], self._text)


def flat(table: Mapping[str, Any]) -> dict[str, str]:
    """The texts of nested tables by their places.

    >>> flat({"page": {"run": "Start"}})
    {'page.run': 'Start'}

    Raises:
        ValueError: something is neither a table nor a text.
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
    """What there is a catalogue for, and English."""
    files = sorted(file.name for file in FOLDER.iterdir())
    return (ENGLISH, *(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


@cache
def catalogue(language: str) -> Catalogue:
    """The texts of one of `languages`; that of English is empty."""
    if language == ENGLISH:
        return Catalogue({})
    return Catalogue(tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))
