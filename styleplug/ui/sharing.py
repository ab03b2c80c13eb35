"""Pictures belong to the visitor: what is put into one tab is there in all tabs.

The browser copies them, without a request.  It also remembers them, and the styles that were there
before, so that they are there again after a reload; the files themselves are deleted after an hour.
"""

from __future__ import annotations

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
Updates = dict[Any, Any]  # component -> its update


class Shared:
    """The pictures of a visitor.  Build it outside the tabs.

    Args:
        offers: the pictures of the page; they are not the visitor's own.

    Attributes:
        kept: holds them by name ("content", "style", "style_2") in the browser, and own styles.
    """

    def __init__(self, offers: Offers) -> None:
        self._offers = offers
        self.kept = gr.BrowserState({}, storage_key=STORE, secret=STORE)
        self._places: dict[str, list[Component]] = {}

    def join(self, places: Mapping[str, Component]) -> None:
        """Let these components show the pictures with these names."""
        for name, place in places.items():
            self._places.setdefault(name, []).append(place)

    @property
    def outputs(self) -> list[Component]:
        """All components that `put` changes."""
        return [self.kept, *(place for places in self._places.values() for place in places)]

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
        page.load(
            self._again,
            self.kept,
            self.outputs,
            queue=False,
            **UNSEEN,
        )

    def put(self, pictures: Mapping[str, Path], kept: object) -> Updates:
        """The updates that show these pictures, by name, in all tabs.

        Args:
            pictures: uploads, or results of the page.
            kept: the value of `kept`.
        """
        named = {name: path for name, path in pictures.items() if name in self._places}
        files = {name: FileData(path=str(path)).model_dump() for name, path in named.items()}
        updates: Updates = {
            place: str(path) for name, path in named.items() for place in self._places[name]
        }
        styles = [path for name, path in named.items() if name.startswith(STYLE)]
        return {**updates, self.kept: {**self.with_styles(kept, styles), **files}}

    def with_styles(self, kept: object, more: Sequence[Path]) -> dict[str, Any]:
        """The value of `kept` with more styles of the visitor; offers are left out."""
        known = dict(kept) if isinstance(kept, dict) else {}
        old = self.styles(known)
        new = [path for path in more if path not in old and not self._offers.is_ours(path)]
        files = [FileData(path=str(path)).model_dump() for path in [*new, *old][:MOST]]
        return {**known, STYLES: files} if files else known

    def styles(self, kept: object) -> list[Path]:
        """The styles of the visitor whose files are still there, the newest first."""
        some = kept.get(STYLES) if isinstance(kept, dict) else None
        return list(_present(some))[:MOST] if isinstance(some, list) else []

    def _again(self, kept: object) -> Updates:
        """Show the pictures of an earlier visit whose files are still there."""
        found = {}
        for name, value in kept.items() if isinstance(kept, dict) else ():
            try:
                found[str(name)] = uploaded(value)
            except BadImage:
                continue
        return self.put(found, self.with_styles({}, self.styles(kept)))


def _present(payloads: Sequence[Any]) -> Iterator[Path]:
    """The files of uploads that are still there."""
    for one in payloads:
        with suppress(BadImage):
            yield uploaded(one)
