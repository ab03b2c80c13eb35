"""Texts in other languages than English: one catalogue a language, such as `zh.toml`.

Code holds English only.  A catalogue holds the text of another language in one of three ways:

    [method.gatys]                          by its place
    title = "…"
    parameter.steps.label = "…"

    [shared]                                by its English, where it stands in several places
    "Style weight" = "…"

    [message]                               by its English with holes: errors and notes
    "there is no file {name}" = "…"

Places are `method.ID` and `task.ID` with `title`, `summary`, `input.ID.label`, `input.ID.help`,
`parameter.NAME.label`, `parameter.NAME.help` and `parameter.NAME.choice.CHOICE`; `settings`,
`finish` and `loop` with parameters alone; `page.KEY` of `styleplug.ui.i18n.WORDS`, and
`error.CLASS` of `styleplug.core.errors`.

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
LONGEST = 4000  # letters of a message that is translated
DEEPEST = 6  # messages within one another
_HOLE = re.compile(r"\{(\w*)\}")
_WORD = re.compile(r"[^\W\d_]{2}")


class Catalogue:
    """The texts of a language.

    Args:
        table: as in its file.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self.shared: Mapping[str, str] = table.get("shared", {})
        self.messages: Mapping[str, str] = table.get("message", {})
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
        return self._message(english, DEEPEST) if len(english) <= LONGEST else None

    def _message(self, english: str, depth: int) -> str | None:
        if english in self.shared or not depth:
            return self.shared.get(english)
        for pattern, other, worded in self._patterns:
            if not (found := pattern.fullmatch(english)):
                continue
            parts = {name: self._message(part, depth - 1) for name, part in _named(found)}
            if worded or any(parts.values()):  # punctuation alone tells nothing
                return other.format(**{name: parts[name] or part for name, part in _named(found)})
        return None

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str, bool]]:
        """What messages look like, their text, and whether there is a word in them.

        Those with most letters come first: they say more than those with wide holes.
        """
        ordered = sorted(self.messages, key=lambda text: len(_HOLE.sub("", text)), reverse=True)
        return [
            (_pattern(text), self.messages[text], bool(_WORD.search(_HOLE.sub("", text))))
            for text in ordered
        ]


_BY_ENGLISH = {"shared", "message"}


def _named(found: re.Match[str]) -> list[tuple[str, str]]:
    return list(found.groupdict().items())


def _pattern(text: str) -> re.Pattern[str]:
    """Matches a message; holes take anything, and the first letter may be large."""
    parts = _HOLE.split(text)  # letters and names of holes take turns
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = (f"(?P<{name}>.*?)" for name in parts[1::2])
    return re.compile("".join(parts), re.DOTALL | re.IGNORECASE)


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
