"""The rack of a tab: pictures to choose from, without losing a picture of one's own.

A click on a photograph fills the slots that are empty.  A click on a style changes the style only.
`browser/rack.js` builds the rack.  What depends on the visitor or the host is sent when a visitor
sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import BadImage
from styleplug.methods.shared.transfer import STYLE
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import language, say
from styleplug.ui.offers import MOST, PAGE, Offer, Offers, small
from styleplug.ui.scripts import part
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.uploads import located, uploaded

CHANGED = "() => dispatchEvent(new Event('sp-changed'))"  # what racks show has changed


class Rack:
    """The rack.  Build it at its place on the page, then call `connect` or `choose_several`.

    Args:
        element: its id.
        offers: the pictures of the page.
        slots: ids of the slots that it fills.
        several: the paths of the first chosen styles, if several may be chosen.

    Attributes:
        part: the component.  If several styles may be chosen, its value has their paths as
            "chosen".
    """

    def __init__(
        self,
        element: str,
        offers: Offers,
        slots: Sequence[str],
        *,
        several: Sequence[Path] | None = None,
    ) -> None:
        self._offers, self._slots = offers, list(slots)
        self._examples = _examples(offers, self._slots)
        self.part = part(
            "rack",
            element,
            examples=[_card(one.name, one.path) for one in self._examples],
            styles=[_card(one.name, one.path) for one in offers.styles if STYLE in self._slots],
            several=several is not None,
            visible=bool(self._slots),
            value={"chosen": [str(one) for one in several or ()]},
        )

    def connect(self, places: Mapping[str, Component], shared: Shared) -> None:
        """Fill these slots, and the same slots of other tabs, once all are built."""

        def act(request: gr.Request, event: gr.EventData, kept: object, *present: Any) -> Updates:
            asked: Mapping[str, Any] = event._data
            now = dict(zip(places, present, strict=True))
            files: dict[str, Path] = {}
            try:
                if asked["act"] == "fill":
                    files = self._filling(located(asked), now)
                    if not files:
                        gr.Info(say("examples_kept", language(request)))
                elif asked["act"] == "style":
                    files = {STYLE: self._offers.find(asked)}
                updates = shared.put(files, kept) if files else {}
                own = {places[name]: str(file) for name, file in files.items()}
                there = {name: located(one) for name, one in now.items() if one} | files
                chosen = [str(path) for path in there.values()]
                value = self._value(asked, shared.styles(updates.get(shared.news, kept)), chosen)
            except Exception as error:
                raise shown(error, language(request)) from error
            return {**own, **updates, self.part: value}

        self.part.submit(
            act,
            [shared.kept, *places.values()],
            list(dict.fromkeys([self.part, *places.values(), *shared.outputs])),
            trigger_mode="multiple",
            concurrency_limit=None,
            **UNSEEN,
        )
        for place in places.values():
            place.change(None, None, None, js=CHANGED, api_visibility="private")  # type: ignore[attr-defined]

    def choose_several(self, shared: Shared) -> None:
        """Show the styles of the visitor, too."""

        def act(request: gr.Request, event: gr.EventData, kept: object) -> Updates:
            asked: Mapping[str, Any] = event._data
            try:
                return {self.part: self._value(asked, shared.styles(kept), chosen_of(asked))}
            except Exception as error:
                raise shown(error, language(request)) from error

        self.part.submit(
            act,
            shared.kept,
            self.part,
            trigger_mode="multiple",
            concurrency_limit=None,
            **UNSEEN,
        )

    def _filling(self, example: Path, present: Mapping[str, Any]) -> dict[str, Path]:
        """The pictures that an example puts into slots; a visitor's own pictures stay.

        Args:
            example: the path of an offer.
            present: the pictures in the slots.

        Raises:
            BadImage: there is no such example.
        """
        number = next((n for n, one in enumerate(self._examples) if one.path == example), -1)
        if number < 0:
            raise BadImage("this is not one of the examples")
        first, *others = self._slots
        files = {}
        if self._is_free(present[first], ours=True):
            files[first] = self._offers.copy(self._examples[number])
        for further, slot in enumerate(others, number):
            if self._is_free(present[slot], ours=False):
                files[slot] = self._offers.copy(self._offers.styles[further])
        return files

    def _is_free(self, present: Any, *, ours: bool) -> bool:
        """Whether a slot is empty; a picture that was deleted does not count.

        Args:
            ours: whether an offer in the slot does not count, too.
        """
        try:
            return not present or ours and self._offers.is_ours(uploaded(present))
        except BadImage:
            return True

    def _value(
        self, asked: Mapping[str, Any], own: Sequence[Path], chosen: Sequence[Any]
    ) -> dict[str, Any]:
        """What the browser shows: the styles of the visitor, and a page of those of the host."""
        folder = self._offers.folder if STYLE in self._slots else []
        pages = -(-len(folder) // PAGE)
        page = min(max(0, int(asked.get("page") or 0)), max(0, pages - 1))
        good, broken = self._offers.page(page) if folder else ([], [])
        return {
            "asked": asked.get("asked"),
            "own": [_card(path.stem, path) for path in own if STYLE in self._slots],
            "folder": [_card(one.name, one.path) for one in good],
            "broken": broken,
            "first": MOST if self._offers.left_out and folder else 0,
            "total": len(folder),
            "page": page,
            "pages": pages,
            "size": PAGE,
            "chosen": list(chosen),
        }


def chosen_of(value: object) -> list[Any]:
    """The paths of the chosen styles in a value that a browser sent, which may be anything."""
    chosen = value.get("chosen") if isinstance(value, Mapping) else None
    return chosen if isinstance(chosen, list) else []


def _examples(offers: Offers, slots: Sequence[str]) -> list[Offer]:
    """Examples for the first slot: photographs; and paintings if it is the only one."""
    if not slots or slots[0] == STYLE:
        return []
    return [*offers.photographs, *(offers.paintings if len(slots) == 1 else ())]


def _card(name: str, path: Path) -> dict[str, str]:
    """A picture as the browser gets it."""
    return {"name": name, "path": str(path), "thumb": small(path)}
