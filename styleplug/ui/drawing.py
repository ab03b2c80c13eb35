"""Masks drawn with the mouse over an uploaded picture, or found from a few strokes on it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component
from PIL import ImageColor

from styleplug import imaging as image
from styleplug.algorithms.subject import subject
from styleplug.core.array import Doubles, Floats
from styleplug.core.errors import BadImage, StyleplugError
from styleplug.imaging import Picture
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import language
from styleplug.ui.uploads import uploaded

SIDE = 640  # long side of the drawing; the mask is resized to the picture
INKS = ("#ff2d55", "#0a84ff", "#ffd60a", "#30d158")  # each draws a mask of its own
# The picture below a drawing is a path, None before anybody saw the drawing, or:
AGAIN = ""  # it has changed since then


class Drawing:
    """A component to draw on the picture of another component; hidden while there is none.

    It has no change listener: with one, it would send strokes in another form (`id`).

    Args:
        element: its id.
        find: the label of the button that finds the subject from the strokes; "" for no button.
        masks: how many there are; each is drawn in its own colour.
    """

    def __init__(self, element: str, find: str = "", masks: int = 1) -> None:
        self._inks = INKS[:masks]
        self.editor = gr.ImageEditor(
            show_label=False,
            type="filepath",
            format="png",
            sources=(),
            layers=False,
            transforms=(),
            brush=gr.Brush(default_size=SIDE // 16, colors=[*self._inks], color_mode="fixed"),
            height=400,
            buttons=[],
            visible=False,
            elem_id=element,
            elem_classes="sp-drawing",
        )
        self._finders: list[gr.Button] = []  # one or none
        if find:
            finder = gr.Button(find, size="sm", visible=False, elem_id=f"{element}-find")
            self._finders.append(finder)

    def follow(
        self, picture: Component, mask: Component, folded: gr.Accordion | None = None
    ) -> None:
        """Draw on the picture of a component; a new picture clears the drawing.

        Args:
            picture: the component.
            mask: gets the subject that is found from the strokes.
            folded: what it is in, if it is shown only then: a canvas that nobody sees has no size,
                and takes a processor time without end.
        """
        below = gr.State(None if folded else AGAIN)
        drawn_on: dict[str, Any] = {
            "inputs": [picture, below],
            "outputs": [below, self.editor, *self._finders],
            "queue": False,
            **UNSEEN,
        }
        picture.change(self.changed, **drawn_on)  # type: ignore[attr-defined]
        if folded:
            folded.expand(self.opened, **drawn_on)
        for finder in self._finders:
            finder.click(
                self._subject,
                [self.editor, picture],
                mask,
                preprocess=False,
                concurrency_limit=1,  # of all visitors
                concurrency_id="subject",
                show_progress="minimal",
                api_visibility="private",
            )

    def _subject(self, request: gr.Request, payload: Any, upload: Any) -> str:
        """The file of a mask of the subject that the strokes touch."""
        try:
            path = uploaded(upload)
            photo = image.fit(image.read(path, longest=SIDE), SIDE)
            drawn, *_ = self.masks(payload) or [_picture(np.zeros((1, 1)))]
            found = subject(
                photo.pixels, image.scale(drawn, photo.width, photo.height).pixels[:, :, 0]
            )
            made = path.parent / f"{secrets.token_hex(8)}.png"
            image.write(_picture(found), made)
        except Exception as error:
            raise shown(error, language(request)) from error
        return str(made)

    def masks(self, payload: Any) -> list[Picture]:
        """What was drawn in each colour up to the last one in use, white on black.

        Args:
            payload: the value of the editor, without preprocessing.

        Raises:
            BadImage: it is not a value of the editor.
        """
        layers = payload.get("layers") if isinstance(payload, Mapping) else None
        if not layers:
            return []
        if not isinstance(layers, list):
            raise BadImage("this is not a drawing; expected what the page sends")
        drawn = image.read(uploaded(layers[0]), longest=SIDE)
        marks = np.ones(drawn.pixels.shape[:2]) if drawn.alpha is None else drawn.alpha
        inks = np.array([ImageColor.getrgb(ink) for ink in self._inks]) / 255
        nearest = np.square(drawn.pixels[:, :, None] - inks).sum(3).argmin(2)
        used = nearest[marks > 0].max(initial=-1) + 1
        return [_picture(marks * (nearest == number)) for number in range(used)]

    # Following a picture ------------------------------------------------------------------

    def changed(self, upload: Any, below: str | None) -> Any:
        """What changes with the picture: its drawing begins anew."""
        return gr.skip() if below is None else self._editor(upload, AGAIN)

    def opened(self, upload: Any, below: str | None) -> Any:
        """What changes when it is shown: nothing if the picture is the same as before."""
        path = upload.get("path") if isinstance(upload, Mapping) else AGAIN
        return gr.skip() if below == path != AGAIN else self._editor(upload, path)

    def _editor(self, upload: Any, below: Any) -> tuple[Any, ...]:
        """What is drawn on, and the components with a picture of a size that is easy to draw on."""
        try:
            path = uploaded(upload)
            small = image.fit(image.read(path, longest=SIDE), SIDE)
        except StyleplugError:  # the run will report what is wrong with it
            return self._changes(AGAIN, None)
        ground = path.with_name(f"{secrets.token_hex(8)}.png")
        image.write(small, ground)
        value: dict[str, Any] = {"background": str(ground), "layers": [], "composite": None}
        return self._changes(below, value)

    def _changes(self, below: Any, value: dict[str, Any] | None) -> tuple[Any, ...]:
        """What is drawn on, and the components with this drawing; hidden without one."""
        visible = value is not None
        buttons = [gr.update(visible=visible) for _ in self._finders]
        return below, gr.update(visible=visible, value=value), *buttons


def _picture(marks: Doubles | Floats) -> Picture:
    """Marks (h w) in [0, 1] as a grey picture."""
    return Picture(np.repeat(marks.astype(np.float32)[:, :, None], 3, axis=2))
