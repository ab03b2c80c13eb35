"""The scripts and styles in `browser/`, and the components that they build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from styleplug.locale import languages
from styleplug.ui.i18n import WORDS, catalogued

FOLDER = Path(__file__).parent / "browser"
SHARED = ("words.js", "rack.js", "controls.js")  # on the page once, for the parts of all tabs
SHARED_WORDS = tuple(
    key
    for key in WORDS
    if key.startswith(("examples", "rack_", "photo_", "style_", "size_", "dice"))
)
CALL = """const call = () => window.styleplug
  ? styleplug.{name}({{ element, props, trigger, watch }}) : setTimeout(call, 30);
call();"""


def _text(files: Sequence[str]) -> str:
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in files)


CSS = _text(("strip.css", "rack.css", "controls.css"))


def _words(keys: Sequence[str]) -> dict[str, dict[str, str]]:
    """Texts of the page in all languages."""
    return {to: {key: catalogued(key, to) for key in keys} for to in languages()}


def load() -> None:
    """Add the scripts that `part` calls to the page; they show nothing themselves."""
    gr.HTML(
        html_template="",
        js_on_load=_text(SHARED),
        words=_words(SHARED_WORDS),
        elem_classes="sp-scripts",
        padding=False,
    )


def part(name: str, element: str, **values: Any) -> gr.HTML:
    """A component of a tab.

    Args:
        name: of the function in the scripts of `load` that builds it.
        element: its id.
        values: what the function gets.
    """
    return gr.HTML(
        html_template="",
        js_on_load=CALL.format(name=name),
        elem_id=element,
        padding=False,
        **values,
    )


def component(name: str, words: Sequence[str], *scripts: str, render: bool = True) -> gr.HTML:
    """A component that is on the page once, with a script of its own.

    Args:
        name: of the script, and the id of the element.
        words: keys of the texts that it needs.
        scripts: further scripts that it needs.
        render: whether it is on the page at once.
    """
    return gr.HTML(
        html_template="",
        js_on_load=_text(("words.js", "viewer.js", *scripts, f"{name}.js")),
        words=_words(words),
        elem_id=name,
        padding=False,
        render=render,
    )
