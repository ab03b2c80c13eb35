"""Other languages: nothing of ours lacks its text, no text is left over, names are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from samples import Sample
from serve import THIRD_PARTY, Blend

from styleplug import locale
from styleplug.core import errors
from styleplug.engine import Engine
from styleplug.locale import ENGLISH, Catalogue, catalogue, languages
from styleplug.methods import Catalogue as Methods
from styleplug.methods import discover
from styleplug.training import load_task, task_ids
from styleplug.ui import page
from styleplug.ui.i18n import WORDS, Texts, language, say
from styleplug.ui.refusal import sentence
from styleplug.ui.train import TrainTab, title
from styleplug.ui.trainer import Trainer

pytestmark = THIRD_PARTY
OTHERS = languages()[1:]
each_language = pytest.mark.parametrize("to", OTHERS)


def holes(text: str) -> set[str]:
    return set(re.findall(r"\{\w*\}", text))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The English of every declared text of ours by its place, as the page asks for them."""
    asked: dict[str, str] = {}

    def text(self: Catalogue, place: str, english: str) -> str:
        asked[place] = english
        return english

    ours = {
        id: method
        for id, method in discover().methods.items()
        if type(method.method).__module__.startswith("styleplug.")
    }
    tasks = {id: load_task(id) for id in task_ids()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "text", text)
        page.build(Engine(Methods(ours, {})))
        with gr.Blocks() as blocks:
            TrainTab(tasks, Trainer(tmp_path_factory.mktemp("runs")), Texts(), blocks)
        for task in tasks.values():
            title(task, OTHERS[0])
    return {place: english for place, english in asked.items() if not place.startswith("page.")}


@each_language
def test_every_declared_text_has_its_entry(to: str, standing: dict[str, str]) -> None:
    known = catalogue(to)
    missing = [
        f"[{place}] {english}"
        for place, english in standing.items()
        if place not in known.places and english not in known.shared
    ]
    assert len(standing) > 300 and not missing


@each_language
def test_no_entry_is_left_over(to: str, standing: dict[str, str]) -> None:
    known = catalogue(to)
    pages = {f"page.{key}" for key in WORDS}
    places = {place for place in known.places if not place.startswith("error.")}
    assert not places - pages - standing.keys()
    assert not known.shared.keys() - set(standing.values())


@each_language
def test_every_word_of_the_page_has_its_entry_and_its_holes(to: str) -> None:
    known = catalogue(to).places
    for key, english in WORDS.items():
        assert holes(known[f"page.{key}"]) == holes(english), key


@each_language
def test_entries_are_texts(to: str) -> None:
    known = catalogue(to)
    for english, text in [*known.places.items(), *known.shared.items(), *known.messages.items()]:
        assert text.strip(), english


@each_language
def test_every_kind_of_error_has_a_head(to: str) -> None:
    heads = {
        place.removeprefix("error.") for place in catalogue(to).places if place.startswith("error.")
    }
    assert "StyleplugError" in heads  # which stands for those below it that have none
    for name in heads:
        assert issubclass(getattr(errors, name), errors.StyleplugError)


# Another language -----------------------------------------------------------------------------

ESPERANTO = """
[page]
run = "Ek"

[method.gatys]
title = "Laŭ Gatys"

[shared]
"Style weight" = "Pezo de stilo"

[message]
"{name} is odd" = "{name} estas stranga"
"""


@pytest.fixture
def esperanto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A catalogue beside ours: all that another language takes."""
    for to in OTHERS:
        text = (locale.FOLDER / f"{to}.toml").read_text(encoding="utf-8")
        (tmp_path / f"{to}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "eo.toml").write_text(ESPERANTO, encoding="utf-8")
    monkeypatch.setattr(locale, "FOLDER", tmp_path)
    for cached in (languages, catalogue):
        cached.cache_clear()
    yield "eo"
    for cached in (languages, catalogue):
        cached.cache_clear()


def test_another_language_is_one_more_file(esperanto: str) -> None:
    assert set(languages()) == {ENGLISH, esperanto, *OTHERS}
    request: Any = SimpleNamespace(headers={"accept-language": "eo-XX,en;q=0.5"})
    assert language(request) == esperanto
    texts = Texts()
    texts.own("run")
    texts.add("method.gatys.title", "Gatys optimisation")
    texts.add("method.gatys.parameter.style_weight.label", "Style weight")
    texts.add("method.gatys.summary", "Paints the content.")
    shown = texts.table().translations[esperanto]
    assert list(shown.values()) == ["Ek", "Laŭ Gatys", "Pezo de stilo", "Paints the content."]
    assert sentence(errors.BadImage("'a.png' is odd"), esperanto) == "'a.png' estas stranga"
    assert sentence(errors.BadImage("'a.png' is new"), esperanto) == "'a.png' is new"
    assert say("stop", esperanto) == "Stop"


# A stranger's plug-in -------------------------------------------------------------------------


def test_a_plug_in_may_bring_its_own_catalogue() -> None:
    texts = Texts([Blend(), Sample()])
    for method in (Blend(), Sample()):
        texts.add(f"method.{method.id}.title", method.title)
    texts.add("method.blend.parameter.steps.label", "Steps")
    texts.add("method.blend.parameter.mood.label", "Mood")
    assert list(texts.table().translations["zh"].values()) == ["混合", "Sample", "步数", "Mood"]
    assert list(texts.table().translations["en"].values()) == ["Blend", "Sample", "Steps", "Mood"]
