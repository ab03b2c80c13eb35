"""A mask drawn with the mouse over an uploaded picture, or found from a few strokes on it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from styleplug import imaging as image
from styleplug.algorithms.subject import subject
from styleplug.core.errors import BadImage, StyleplugError
from styleplug.imaging import Picture
from styleplug.ui.errors import shown
from styleplug.ui.i18n import language
from styleplug.ui.uploads import uploaded

SIDE = 640  # long side of the drawing; the mask is resized to the picture
INK = "#ff2d55"


class Drawing:
    """A component to draw on the picture of another component; hidden while there is none.

    It has no change listener: with one, it would send strokes in another form (`id`).

    Args:
        element: its id.
        find: the label of the button that finds the subject from the strokes.
    """

    def __init__(self, element: str, find: str) -> None:
        self.editor = gr.ImageEditor(
            show_label=False,
            type="filepath",
            format="png",
            sources=(),
            layers=False,
            transforms=(),
            brush=gr.Brush(default_size=SIDE // 16, colors=[INK], color_mode="fixed"),
            height=400,
            buttons=[],
            visible=False,
            elem_id=element,
            elem_classes="sp-drawing",
        )
        self._find = gr.Button(find, size="sm", visible=False, elem_id=f"{element}-find")

    def follow(self, picture: Component, mask: Component) -> None:
        """Draw on the picture of a component; a new picture clears the drawing.

        Args:
            picture: the component.
            mask: gets the subject that is found from the strokes.
        """
        picture.change(  # type: ignore[attr-defined]
            self._below,
            picture,
            [self.editor, self._find],
            preprocess=False,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        self._find.click(
            self._subject,
            [self.editor, picture],
            mask,
            preprocess=False,
            concurrency_limit=1,  # of all visitors
            concurrency_id="subject",
            show_progress="minimal",
            api_visibility="private",
        )

    def unfold(self, folded: gr.Accordion, picture: Component) -> None:
        """Draw anew when it is shown: the canvas has no size while it is in a closed accordion."""
        folded.expand(
            self._below,
            picture,
            [self.editor, self._find],
            preprocess=False,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def _subject(self, request: gr.Request, payload: Any, upload: Any) -> str:
        """The file of a mask of the subject that the strokes touch."""
        try:
            path = uploaded(upload)
            photo = image.fit(image.read(path, longest=SIDE), SIDE)
            drawn = self.mask(payload) or Picture(np.zeros((1, 1, 3), np.float32))
            found = subject(
                photo.pixels, image.scale(drawn, photo.width, photo.height).pixels[:, :, 0]
            )
            made = path.parent / f"{secrets.token_hex(8)}.png"
            image.write(Picture(np.repeat(found[:, :, None], 3, axis=2)), made)
        except Exception as error:
            raise shown(error, language(request)) from error
        return str(made)

    def _below(self, upload: Any) -> list[Any]:
        """The editor with a picture to draw on, at a size that is easy to draw on."""
        try:
            path = uploaded(upload)
            small = image.fit(image.read(path, longest=SIDE), SIDE)
        except StyleplugError:  # the run will report what is wrong with it
            return [gr.update(visible=False, value=None), gr.update(visible=False)]
        below = path.parent / f"{secrets.token_hex(8)}.png"
        image.write(small, below)
        value: dict[str, Any] = {"background": str(below), "layers": [], "composite": None}
        return [gr.update(visible=True, value=value), gr.update(visible=True)]

    def mask(self, payload: Any) -> Picture | None:
        """The drawing, white on black; None if nothing was drawn.

        Args:
            payload: the value of the editor, without preprocessing.

        Raises:
            BadImage: it is not a value of the editor.
        """
        layers = payload.get("layers") if isinstance(payload, Mapping) else None
        if not layers:
            return None
        if not isinstance(layers, list):
            raise BadImage("this is not a drawing; expected what the page sends")
        drawn = image.read(uploaded(layers[0]), longest=SIDE)
        if drawn.alpha is not None and not drawn.alpha.any():
            return None
        marks = np.ones_like(drawn.pixels) if drawn.alpha is None else drawn.alpha[:, :, None]
        return Picture(np.broadcast_to(marks, drawn.pixels.shape))
