"""Pictures belong to the visitor: what is put into one tab is there in all tabs.

The browser copies them, without a request.  It also remembers them, and the styles that were there
before, so that they are there again after a reload; the files themselves are deleted after an hour.

An answer of the server may come late.  So the browser adds it to what it remembers by then, and
shows a picture of an earlier visit only if it still remembers it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.data_classes import FileData

from styleplug.core.errors import BadImage
from styleplug.methods.shared.transfer import STYLE
from styleplug.ui.events import UNSEEN
from styleplug.ui.offers import Offers
from styleplug.ui.uploads import uploaded

STORE = "styleplug-pictures"  # name of the value in the browser's storage
STYLES = "styles"  # in it: the visitor's own styles, the newest first
MOST = 12  # styles that are remembered
REMEMBER = f"""{STYLES}: [value, ...(kept.{STYLES} ?? []).filter(
  (one) => one.path !== value.path)].slice(0, {MOST}), """
ADD = f"""(news, kept) => {{
  const {{at, {STYLES} = [], ...pictures}} = news ?? {{}}, paths = {STYLES}.map((one) => one.path);
  const old = (kept.{STYLES} ?? []).filter((one) => !paths.includes(one.path));
  return {{...kept, ...pictures, {STYLES}: [...{STYLES}, ...old].slice(0, {MOST})}};
}}"""
FILL = """(found, kept) => %s.map((name) => {
  const value = found?.find((one) => one.path === kept[name]?.path);
  return {__type__: "update", ...(value && {value})};
})"""
Updates = dict[Any, Any]  # component -> its update


class Shared:
    """The pictures of a visitor.  Build it outside the tabs.

    Args:
        offers: the pictures of the page; they are not the visitor's own.

    Attributes:
        kept: holds them by name ("content", "style", "style_2") in the browser, and own styles.
        news: what is added to it.
    """

    def __init__(self, offers: Offers) -> None:
        self._offers = offers
        self.kept = gr.BrowserState({}, storage_key=STORE, secret=STORE)
        self.news = gr.JSON(visible="hidden")
        self._found = gr.File(file_count="multiple", visible="hidden")
        self._places: dict[str, list[Component]] = {}

    def join(self, places: Mapping[str, Component]) -> None:
        """Let these components show the pictures with these names."""
        for name, place in places.items():
            self._places.setdefault(name, []).append(place)

    @property
    def outputs(self) -> list[Component]:
        """All components that `put` changes."""
        return [self.news, *(place for places in self._places.values() for place in places)]

    def connect(self, page: gr.Blocks) -> None:
        """Copy pictures between the components, once all have joined."""
        for name, places in self._places.items():
            for place in places:
                others = [other for other in places if other is not place]
                for event, value in ((place.upload, "value"), (place.clear, "null")):  # type: ignore[attr-defined]
                    copies = f"{value}, " * len(others)  # a cleared place still has its value
                    own = REMEMBER if name.startswith(STYLE) and value == "value" else ""
                    event(
                        None,
                        [place, self.kept],
                        [*others, self.kept],
                        js=f"(value, kept) => [{copies}{{...kept, {own}{name}: {value}}}]",
                        api_visibility="private",
                    )
        page.load(_again, self.kept, self._found, queue=False, **UNSEEN)
        silent: dict[str, Any] = {"fn": None, "api_visibility": "private"}
        fill = FILL % [name for name, places in self._places.items() for _ in places]
        self._found.change(
            inputs=[self._found, self.kept], outputs=self.outputs[1:], js=fill, **silent
        )
        self.news.change(inputs=[self.news, self.kept], outputs=self.kept, js=ADD, **silent)

    def put(self, pictures: Mapping[str, Path], kept: object) -> Updates:
        """The updates that show these pictures, by name, in all tabs.

        Args:
            pictures: uploads, or results of the page.
            kept: the value of `kept`.
        """
        named = {name: path for name, path in pictures.items() if name in self._places}
        updates: Updates = {
            place: str(path) for name, path in named.items() for place in self._places[name]
        }
        styles = [path for name, path in named.items() if name.startswith(STYLE)]
        return {**updates, **self.with_styles(kept, styles, named)}

    def with_styles(
        self, kept: object, more: Sequence[Path], pictures: Mapping[str, Path] = {}
    ) -> Updates:
        """The update that remembers more styles of the visitor; offers are left out.

        Args:
            kept: the value of `kept`.
            more: the styles.
            pictures: what else is remembered, by name.
        """
        old = self.styles(kept)
        new = [path for path in more if path not in old and not self._offers.is_ours(path)]
        return {
            self.news: {
                "at": secrets.token_hex(4),  # else the same picture again would be no news
                STYLES: [_payload(path) for path in [*new, *old][:MOST]],
                **{name: _payload(path) for name, path in pictures.items()},
            }
        }

    def styles(self, kept: object) -> list[Path]:
        """The styles of the visitor whose files are still there, the newest first."""
        some = kept.get(STYLES) if isinstance(kept, dict) else None
        return list(_present(some))[:MOST] if isinstance(some, list) else []


def _again(kept: object) -> list[str]:
    """The files of pictures of an earlier visit that are still there."""
    return [str(path) for path in _present([*kept.values()] if isinstance(kept, dict) else [])]


def _payload(path: Path) -> dict[str, Any]:
    """A file as the browser gets it."""
    return FileData(path=str(path)).model_dump()


def _present(payloads: Sequence[Any]) -> Iterator[Path]:
    """The files of uploads that are still there."""
    for one in payloads:
        with suppress(BadImage):
            yield uploaded(one)
