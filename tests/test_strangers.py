"""What a stranger does to this project takes one file, or one line, and its words."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from serve import THIRD_PARTY
from typer.testing import CliRunner

import styleplug
from styleplug import engine, locale, methods
from styleplug.cli import app
from styleplug.cli import method as command
from styleplug.core import errors
from styleplug.engine import Engine
from styleplug.engine.plan import Calibration
from styleplug.imaging import Picture
from styleplug.locale import ENGLISH, catalogue, languages
from styleplug.ui import page
from styleplug.ui.context import PageContext
from styleplug.ui.errors import sentence
from styleplug.ui.i18n import Texts, language, say
from styleplug.ui.traffic import Traffic

pytestmark = THIRD_PARTY
HOUSE = Path(__file__).parents[1]
METHOD = (HOUSE / "tests" / "plugin_example" / "styleplug_posterise.py").read_text("utf-8")
OTHERS = languages()[1:]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Add texts to the catalogue of a language, which may be a new one."""
    folder = tmp_path / "locale"
    folder.mkdir()
    for to in OTHERS:
        text = (locale.FOLDER / f"{to}.toml").read_text(encoding="utf-8")
        (folder / f"{to}.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(locale, "FOLDER", folder)

    def forget() -> None:
        for cached in (languages, catalogue):
            cached.cache_clear()

    def add(to: str, text: str) -> None:
        with (folder / f"{to}.toml").open("a", encoding="utf-8") as file:
            file.write(text)
        forget()

    yield add
    forget()


@pytest.fixture
def adding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Engine]]:
    """Put a file into the folder of the methods; gives the engine that then works everywhere."""
    folder = tmp_path / "methods"
    folder.mkdir()
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])

    def add(source: str) -> Engine:
        (folder / "posterise.py").write_text(source, encoding="utf-8")
        methods.catalogue.cache_clear()
        host = Engine(methods.catalogue(), calibration=Calibration(tmp_path / "c.json"))
        for module in (command, engine):
            monkeypatch.setattr(module, "shared", lambda: host)
        return host

    yield add
    methods.catalogue.cache_clear()
    del sys.modules["styleplug.methods.posterise"]


def parameters(blocks: Any) -> list[str]:
    """The parameters of the endpoint, as HTTP names them."""
    endpoint = blocks.get_api_info()["named_endpoints"]["/posterise"]
    return [one["parameter_name"] for one in endpoint["parameters"]]


@pytest.mark.slow
def test_stranger_adds_method_with_one_file(
    adding: Callable[[str], Engine], photo: Picture
) -> None:
    host = adding(METHOD)
    assert not host.catalogue.broken
    result = styleplug.generate("posterise", content=photo.pixels, size=64, levels=2)
    assert set(result.array.ravel()) == {0, 1}
    blocks = page.build(host)
    assert parameters(blocks)[:3] == ["content", "mask", "levels"]
    assert '"tab-posterise"' in json.dumps(blocks.get_config_file(), default=str)
    assert "--levels" in CliRunner().invoke(app, ["run", "posterise", "--help"]).output
    manual = runpy.run_path(str(HOUSE / "docs" / "generate.py"))["render"]()
    assert "## Posterise (`posterise`)" in manual and "| `levels` |" in manual


LINE = '    grey: float = field(0.5, ge=0, le=1, label="Grey", help="How much of [it].")\n'
ENTRY = """
[method.posterise.parameter.grey]
label = "灰度"
help = "灰色的比例。"
"""


@pytest.mark.slow
def test_stranger_adds_parameter_with_one_line(
    adding: Callable[[str], Engine],
    words: Callable[[str, str], None],
    photo: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And one entry in each catalogue; all else follows from the declaration."""
    before, after = METHOD.split("\n\n\nclass Posterise(")
    host = adding(f"{before}\n{LINE}\n\nclass Posterise({after}")
    words("zh", ENTRY)

    recipe = styleplug.generate("posterise", content=photo.pixels, size=64, grey="0.25").recipe
    assert recipe.parameters == {"levels": 4, "grey": 0.25}
    with pytest.raises(errors.BadParameter, match=r"grey = 2.*0 to 1, default 0\.5"):
        styleplug.generate("posterise", content=photo.pixels, grey=2)

    monkeypatch.setenv("COLUMNS", "200")
    said = CliRunner().invoke(app, ["run", "posterise", "--help"]).output
    assert "--grey" in said and "How much of [it]. (0 to 1, default 0.5)" in said

    texts = Texts(host.catalogue.methods.values())
    blocks = page.compose(PageContext(host, texts, *page.allowed(), Traffic(host.line)))
    assert parameters(blocks)[:4] == ["content", "mask", "levels", "grey"]
    key = "method-posterise-parameter-grey-label"
    shown = {to: table[key] for to, table in texts.table().translations.items()}
    assert shown == {"en": "Grey", "zh": "灰度"}
    manual = runpy.run_path(str(HOUSE / "docs" / "generate.py"))["render"]()
    assert "| `grey` |" in manual


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


def test_stranger_adds_language_with_one_file(words: Callable[[str, str], None]) -> None:
    words("eo", ESPERANTO)
    assert set(languages()) == {ENGLISH, "eo", *OTHERS}
    request: Any = SimpleNamespace(headers={"accept-language": "eo-XX,en;q=0.5"})
    assert language(request) == "eo"
    texts = Texts()
    texts.own("run")
    texts.add("method.gatys.title", "Gatys optimisation")
    texts.add("method.gatys.parameter.style_weight.label", "Style weight")
    texts.add("method.gatys.summary", "Paints the content.")
    shown = texts.table().translations["eo"]
    assert list(shown.values()) == ["Ek", "Laŭ Gatys", "Pezo de stilo", "Paints the content."]
    assert sentence(errors.BadImage("'a.png' is odd"), "eo") == "'a.png' estas stranga"
    assert sentence(errors.BadImage("'a.png' is new"), "eo") == "'a.png' is new"
    assert say("stop", "eo") == "Stop"
