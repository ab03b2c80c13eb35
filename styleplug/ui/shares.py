"""The shares of several pictures of a slot: sliders below them, and their order.

The sliders are the control of the parameter: their value is its text, such as "2, 1".  They follow
the pictures in the browser (`browser/shares.js`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import BadImage
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import language
from styleplug.ui.scripts import part
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.uploads import located


def shares(
    element: str,
    label: str,
    value: str,
    title: Mapping[str, str],
    slot: Mapping[str, str],
    places: Sequence[str],
) -> gr.HTML:
    """The control, at its place on the page.

    Args:
        element: its id.
        label: marker of the name of the parameter.
        value: the shares on a new page.
        title: the name of the parameter, by language.
        slot: the name of the slot, by language.
        places: ids of the elements that show the pictures.
    """
    about = {"title": dict(title), "slot": dict(slot), "places": list(places)}
    return part("shares", element, value=value, label=label, about=about)


def connect(control: gr.HTML, places: Mapping[str, Component], shared: Shared) -> None:
    """Let visitors move the pictures of a slot to other places, in all tabs.

    Args:
        control: the shares.
        places: the inputs of the slot by name.
        shared: the pictures of the visitor.
    """

    def move(request: gr.Request, event: gr.EventData, kept: object, *present: Any) -> Updates:
        filled = {name: one for name, one in zip(places, present, strict=True) if one}
        asked: Mapping[str, Any] = event._data
        try:
            files, order = [located(one) for one in filled.values()], list(asked["order"])
            if sorted(order) != list(range(len(files))):
                raise BadImage("the pictures changed meanwhile; move them again")
            moved = dict(zip(filled, [files[number] for number in order], strict=True))
        except Exception as error:
            raise shown(error, language(request)) from error
        return {
            **{places[name]: str(path) for name, path in moved.items()},
            **shared.put(moved, kept),
        }

    control.submit(
        move,
        [shared.kept, *places.values()],
        list(dict.fromkeys([*places.values(), *shared.outputs])),
        concurrency_limit=None,
        **UNSEEN,
    )
