"""The marks of slots that are empty when a visitor presses Run.

The browser shows them, and takes a mark away when its slot is filled.  `gr.validate` would mark the
slots, too, but its mark goes with the next event that reads the slot, such as that of an upload.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.ui.i18n import Texts

LOOK = """(...slots) => {
  const empty = slots.findIndex((one) => !one);
  if (empty >= 0) document.getElementById(%s[empty]).scrollIntoView({block: "nearest"});
  return slots.map((one) => ({__type__: "update", visible: !one}));
}"""
FILLED = """(one) => ({__type__: "update", ...(one && {visible: false})})"""


def mark(texts: Texts, slot: str) -> gr.HTML:
    """The mark of a slot, which is not shown yet.

    Args:
        texts: collects its text.
        slot: the id of the element that shows the picture.
    """
    text = texts.html("missing", '<p role="alert">{text}</p>', text=texts.own("missing"))
    return gr.HTML(
        text, visible=False, elem_id=f"{slot}-missing", elem_classes="sp-missing", padding=False
    )


def connect(run: gr.Button, slots: Mapping[Component, gr.HTML]) -> None:
    """Let a button mark the slots that are empty.

    Args:
        run: the button.
        slots: the component of each slot, and its mark.
    """
    unseen: dict[str, Any] = {"api_visibility": "private"}
    elements = [str(place.elem_id) for place in slots]
    run.click(None, list(slots), list(slots.values()), js=LOOK % elements, **unseen)
    for place, sign in slots.items():
        place.change(None, place, sign, js=FILLED, **unseen)  # type: ignore[attr-defined]
