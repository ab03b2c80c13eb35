"""The texts of the page, and their translation to the language of the visitor.

The browser translates the texts that are on the page from the start (`Texts`, `gr.I18n`).  The
server writes messages during a run in the language that the browser asks for (`language`, `say`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from styleplug.core.method import Method
from styleplug.locale import ENGLISH, catalogue, languages
from styleplug.ui.words import WORDS

Language = str  # one of `styleplug.locale.languages`


class Texts:
    """Collects the fixed texts of a page in all languages.

    Args:
        methods: the methods whose own catalogues are used.
        only: the language of the page, whatever the visitor's is.
    """

    def __init__(self, methods: Iterable[Method[Any]] = (), only: Language | None = None) -> None:
        self._only = only
        own = {one.id: one.catalogues for one in methods}
        self._catalogues = {
            to: catalogue(to).extended({id: texts.get(to, {}) for id, texts in own.items()})
            for to in languages()
        }
        self._shown: dict[Language, dict[str, str]] = {to: {} for to in languages()}
        self._keys: dict[str, str] = {}  # marker -> key of its texts

    def own(self, key: str, **values: object) -> str:
        """The marker of one of `WORDS`; the browser replaces it by the text."""
        return self._marker(f"page.{key}", {to: say(key, to, **values) for to in languages()})

    def add(self, place: str, english: str, unit: str = "") -> str:
        """The marker of a text from a declaration.

        Args:
            place: its place, as in a catalogue.
            english: the text.
            unit: added in brackets.
        """
        behind = {
            to: unit and f" ({of.text(f'unit.{unit}', unit)})"
            for to, of in self._catalogues.items()
        }
        texts = {to: of.text(place, english) + behind[to] for to, of in self._catalogues.items()}
        return self._marker(place, texts)

    def text(self, place: str, english: str, to: Language) -> str:
        """A text from a declaration in one language, for messages during a run."""
        return self._catalogues[to].text(place, english)

    def texts(self, place: str, english: str) -> dict[Language, str]:
        """A text from a declaration by language, for a script in the browser."""
        return {to: self.text(place, english, self._only or to) for to in languages()}

    def message(self, name: str, english: str) -> str:
        """The marker of an error in the HTML of the page."""
        return self._marker(name, {to: escape(message(english, to)) for to in languages()})

    def _marker(self, place: str, texts: dict[Language, str]) -> str:
        key = place.replace(".", "-")  # in browsers, a dot means a nested table
        for to, text in texts.items():
            self._shown[to][key] = text
        marker = str(I18nData(key))
        self._keys[marker] = key
        return marker

    def html(self, name: str, template: str, **markers: str) -> str:
        """The marker of HTML with several texts; gradio replaces only one marker of a component.

        Args:
            name: of this text on the page.
            template: HTML with a placeholder for each text.
            markers: the markers of the texts, which are escaped.
        """
        texts = {
            to: template.format(
                **{one: escape(shown[self._keys[marker]]) for one, marker in markers.items()}
            )
            for to, shown in self._shown.items()
        }
        return self._marker(name, texts)

    def plain(self, marker: str) -> str:
        """The English text of a marker, for programs; another text stays as it is."""
        return self._shown[ENGLISH].get(self._keys.get(marker, ""), marker)

    def table(self, theirs: Mapping[str, Mapping[str, str]] | None = None) -> gr.I18n:
        """All texts collected so far, for `launch(i18n=…)`.

        Args:
            theirs: further texts, by language and key.
        """
        found = {to: {**self._shown[self._only or to]} for to in languages()}
        for to, texts in (theirs or {}).items():
            found.setdefault(to, {}).update(texts)
        return gr.I18n(**found)

    def scripted(self, words: Iterable[str]) -> dict[Language, dict[str, str]]:
        """Some of `WORDS`, by language and key, for a script in the browser."""
        return {
            to: {word: catalogued(word, self._only or to) for word in words} for to in languages()
        }


def language(request: gr.Request | None) -> Language:
    """The first language that the browser asks for, if there is a catalogue; else English."""
    headers = getattr(request, "headers", None) or {}
    first = str(headers.get("accept-language", "")).split(",")[0].split(";")[0].strip().lower()
    known = {to.lower(): to for to in languages()}
    return known.get(first) or known.get(first.split("-")[0], ENGLISH)


def say(key: str, to: Language, **values: object) -> str:
    """One of `WORDS` with its placeholders filled."""
    return catalogued(key, to).format(**values)


def catalogued(key: str, to: Language) -> str:
    """One of `WORDS` with its placeholders, which a script in the browser fills."""
    return catalogue(to).text(f"page.{key}", WORDS[key])


def message(english: str, to: Language) -> str:
    """An error or a note, translated; in English if the catalogue does not have it."""
    return catalogue(to).message(english) or english


def duration(seconds: float, to: Language) -> str:
    """A time as "3.4 s", "41 s" or "2 min 5 s"."""
    if seconds < 9.95:
        return say("seconds", to, n=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 90:
        return say("seconds", to, n=whole)
    return say("minutes", to, m=whole // 60, n=whole % 60)


def memory(megabytes: float) -> str:
    """An amount as "640 MB" or "1.9 GB"."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 995 else f"{megabytes:.0f} MB"
