"""The tab Gallery: the results in the folder of a gallery, a page of them at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from styleplug.engine.request import recipe_in
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import Language, Texts, language
from styleplug.ui.kept import Gallery, Kept
from styleplug.ui.reopen import reopened
from styleplug.ui.results import Folder
from styleplug.ui.scripts import component
from styleplug.ui.sharing import Updates
from styleplug.ui.strip import VIEWER_WORDS

if TYPE_CHECKING:
    from styleplug.ui.tab import Tab

PAGE = 24  # results on a page
WORDS = (
    *VIEWER_WORDS,
    "gallery_count",
    "gallery_none",
    "gallery_search",
    "gallery_all",
    "gallery_open",
    "gallery_broken",
    "gallery_before",
    "gallery_after",
    "gallery_page",
)


class GalleryTab:
    """The tab.  Build it inside a `gr.Tab`.

    Args:
        gallery: the folder.
        tabs: the tabs of all methods.
        texts: the texts of the page.
        shelf: the component that contains the tabs.
    """

    def __init__(self, gallery: Gallery, tabs: Sequence[Tab], texts: Texts, shelf: gr.Tabs) -> None:
        self._gallery, self._texts, self._shelf = gallery, texts, shelf
        self._tabs = {tab.method.id: tab for tab in tabs}
        self._packed: Path | None = None
        self._page = component("gallery", texts, WORDS)
        settings = [one for tab in tabs for one in tab.form.parameter_components]
        self._page.submit(
            self._act,
            None,
            [self._page, *settings, shelf],
            trigger_mode="multiple",
            concurrency_limit=None,
            **UNSEEN,
        )

    def _act(self, request: gr.Request, event: gr.EventData) -> Updates:
        """Do what was asked for, and show the page of results that was asked for."""
        asked: Mapping[str, Any] = event._data
        to = language(request)
        try:
            if asked["act"] == "open":
                recipe = recipe_in(self._gallery.find(asked["name"]))
                return reopened(recipe, self._tabs, self._shelf, to)
            if asked["act"] == "delete":
                self._gallery.delete(asked["name"])
            method, text = str(asked.get("method") or ""), str(asked.get("text") or "")
            found = self._gallery.results(method, text)
            value = self._shown(found, int(asked.get("page") or 0), to)
            value["asked"] = asked.get("asked")
            if asked["act"] == "zip":
                value["zip"] = str(self._pack(found))
            return {self._page: value}
        except Exception as error:
            raise shown(error, to) from error

    def _shown(self, found: Sequence[Kept], page: int, to: Language) -> dict[str, Any]:
        """The value of the component: a page of results, and how many there are."""
        pages = max(1, -(-len(found) // PAGE))
        page = min(max(0, page), pages - 1)
        titles = {
            id: self._texts.text(f"method.{id}.title", tab.method.title, to)
            for id, tab in self._tabs.items()
        }
        results = []
        for one in found[page * PAGE : (page + 1) * PAGE]:
            small = self._gallery.thumbnail(one)
            results.append(
                {
                    "name": one.name,
                    "path": str(one.path),
                    "thumb": str(small or ""),
                    "method": titles.get(one.method, ""),
                    "time": one.time,
                }
            )
        return {"results": results, "total": len(found), "page": page, "pages": pages,
                "methods": titles, "zip": ""}  # fmt: skip

    def _pack(self, found: Sequence[Kept]) -> Path:
        """All results as a ZIP that the page may serve; an earlier one is deleted."""
        if self._packed is not None:
            self._packed.unlink(missing_ok=True)
        self._packed = Folder("gallery").path / "styleplug-gallery.zip"
        self._gallery.pack(found, self._packed)
        return self._packed
