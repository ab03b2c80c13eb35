"""A mask drawn with the mouse over an uploaded picture."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from styleplug import imaging as image
from styleplug.core.errors import BadImage, StyleplugError
from styleplug.imaging import Picture
from styleplug.ui.uploads import uploaded

SIDE = 640  # long side of the drawing; the mask is resized to the picture
INK = "#ff2d55"


class Drawing:
    """A component to draw on the picture of another component; hidden while there is none.

    It has no change listener: with one, it would send strokes in another form (`id`).
    """

    def __init__(self, element: str) -> None:
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

    def follow(self, picture: Component) -> None:
        """Draw on the picture of this component; a new picture clears the drawing."""
        picture.change(  # type: ignore[attr-defined]
            self._below,
            picture,
            self.editor,
            preprocess=False,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def _below(self, upload: Any) -> Any:
        """The editor with a picture to draw on, at a size that is easy to draw on."""
        try:
            path = uploaded(upload)
            small = image.fit(image.read(path, longest=SIDE), SIDE)
        except StyleplugError:  # the run will report what is wrong with it
            return gr.update(visible=False, value=None)
        below = path.parent / f"{secrets.token_hex(8)}.png"
        image.write(small, below)
        value: dict[str, Any] = {"background": str(below), "layers": [], "composite": None}
        return gr.update(visible=True, value=value)

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
