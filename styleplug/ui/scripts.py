"""The scripts and styles in `browser/`, and the components that they build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from styleplug.system.jsontext import to_json
from styleplug.ui.i18n import Texts
from styleplug.ui.words import WORDS

FOLDER = Path(__file__).parent / "browser"
SHARED = (
    "words.js",
    "rack.js",
    "presets.js",
    "controls.js",
    "shares.js",
    "access.js",
)  # once, for all tabs
SCRIPTED = (
    *("examples", "rack_", "photo_", "style_", "preset", "size_", "dice"),
    *("name_", "said_", "share_", "zoom_"),
)
SHARED_WORDS = tuple(
    key
    for key in WORDS
    if key.startswith(SCRIPTED) or key in ("compare", "before", "result", "download")
)
CALL = """const call = () => window.styleplug
  ? styleplug.{name}({{ element, props, trigger, watch }}) : setTimeout(call, 30);
call();"""


def _text(files: Sequence[str]) -> str:
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in files)


CSS = _text(("strip.css", "rack.css", "controls.css"))
HEAD = f"<script>{_text(['storage.js'])}</script>"  # before components exist


def _scripted(code: str, element: str, values: Mapping[str, Any], **more: Any) -> gr.HTML:
    """A component that a script builds.

    Args:
        code: the script.
        element: the id of the component.
        values: what the script finds in `props`.  They are in the script, because gradio loses
            properties of components in a tab that is not open.
    """
    known = f"Object.assign(props, {{ ...{to_json(dict(values))}, ...props }});"
    return gr.HTML(
        html_template="",
        js_on_load=f"{known}\n{code}",
        elem_id=element,
        padding=False,
        **more,
    )


def load(texts: Texts) -> None:
    """Add the scripts that `part` calls to the page; they show nothing themselves.

    Args:
        texts: the texts of the page.
    """
    words = {"words": texts.scripted(SHARED_WORDS)}
    _scripted(_text(SHARED), "scripts", words, elem_classes="sp-scripts")


def part(
    name: str,
    element: str,
    *,
    visible: bool = True,
    value: Any = None,
    label: str | None = None,
    **values: Any,
) -> gr.HTML:
    """A component of a tab.

    Args:
        name: of the function in the scripts of `load` that builds it.
        element: its id.
        visible: whether it is shown.
        value: its first value.
        label: its name for programs.
        values: what the function gets.
    """
    return _scripted(
        CALL.format(name=name), element, values, visible=visible, value=value, label=label
    )


def component(
    name: str, texts: Texts, words: Sequence[str], *scripts: str, render: bool = True
) -> gr.HTML:
    """A component that is on the page once, with a script of its own.

    Args:
        name: of the script, and the id of the element.
        texts: the texts of the page.
        words: keys of the texts that it needs.
        scripts: further scripts that it needs.
        render: whether it is on the page at once.
    """
    code = _text(("words.js", "viewer.js", *scripts, f"{name}.js"))
    return _scripted(code, name, {"words": texts.scripted(words)}, render=render)
