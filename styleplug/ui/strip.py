"""The strip of results below the tabs; its pictures are kept in the visitor's browser only.

The page sends the path of each new result; the browser fetches and keeps it (`browser/strip.js`).
What needs the page, such as restoring settings, comes back as an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from styleplug.core.recipe import Recipe
from styleplug.system.jsontext import to_json
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import Texts, language, say
from styleplug.ui.reopen import reopened
from styleplug.ui.scripts import component
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.uploads import uploaded

if TYPE_CHECKING:
    from styleplug.ui.tab import Tab

VIEWER_WORDS = (
    "compare",
    "before",
    "result",
    "strip_zip",
    "strip_other",
    "strip_compare",
    "strip_download",
    "strip_delete",
    "zoom_in",
    "zoom_out",
    "zoom_real",
    "zoom_fit",
    "close",
)
WORDS = (
    *VIEWER_WORDS,
    "strip",
    "strip_where",
    "strip_star",
    "strip_restore",
    "strip_content",
    "strip_style",
)


def strip(texts: Texts) -> gr.HTML:
    """The component, not yet on the page; its value is the newest result."""
    return component("strip", texts, WORDS, "zip.js", render=False)


def connect(strip: gr.HTML, tabs: Sequence[Tab], shared: Shared, shelf: gr.Tabs) -> None:
    """Answer what visitors do with a result of the strip, once all tabs are built.

    Args:
        strip: the component.
        tabs: all tabs.
        shared: the pictures of the visitor.
        shelf: the component that contains the tabs.
    """
    known = {tab.method.id: tab for tab in tabs}

    def act(request: gr.Request, kept: object, event: gr.EventData) -> Updates:
        asked: Mapping[str, Any] = event._data
        to = language(request)
        try:
            if asked["act"] == "use":
                role = "style" if asked["role"] == "style" else "content"
                gr.Info(say(f"strip_used_{role}", to))
                return shared.put({role: uploaded(asked["file"])}, kept)
            recipe = Recipe.from_json(to_json(asked["recipe"]))
            return reopened(recipe, known, shelf, to)
        except Exception as error:
            raise shown(error, to) from error

    settings = [one for tab in tabs for one in tab.form.parameter_components]
    strip.submit(
        act,
        shared.kept,
        [*shared.outputs, *settings, shelf],
        concurrency_limit=None,
        **UNSEEN,
    )
