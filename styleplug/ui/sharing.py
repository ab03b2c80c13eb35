"""Pictures belong to the visitor: what is put into one tab is there in all tabs.

The browser copies them, without a request.  It also remembers them, so that they are there again
after a reload; the files themselves are deleted after an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.data_classes import FileData

from styleplug.core.errors import BadImage
from styleplug.ui.uploads import uploaded

STORE = "styleplug-pictures"  # name of the value in the browser's storage
Updates = dict[Any, Any]  # component -> its update


class Shared:
    """The pictures of a visitor.  Build it outside the tabs.

    Attributes:
        kept: holds them by name ("content", "style", "style_2") in the browser.
    """

    def __init__(self) -> None:
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
                    event(
                        None,
                        [place, self.kept],
                        [*others, self.kept],
                        js=f"(value, kept) => [{copies}{{...kept, {name}: {value}}}]",
                        api_visibility="private",
                    )
        page.load(
            self._again,
            self.kept,
            self.outputs,
            show_progress="hidden",
            queue=False,
            api_visibility="private",
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
        return {**updates, self.kept: {**(kept if isinstance(kept, dict) else {}), **files}}

    def _again(self, kept: object) -> Updates:
        """Show the pictures of an earlier visit whose files are still there."""
        found = {}
        for name, value in kept.items() if isinstance(kept, dict) else ():
            try:
                found[str(name)] = uploaded(value)
            except BadImage:
                continue
        return self.put(found, {})
