"""Files that visitors upload, and the components for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.utils import get_upload_folder

from styleplug.core.errors import BadImage
from styleplug.imaging import FORMATS
from styleplug.ui.events import UNSEEN


def uploaded(payload: Any) -> Path:
    """The file of an upload.

    Args:
        payload: the value of a component: a mapping with a "path".

    Raises:
        BadImage: it is not the path of an upload, or it was deleted.
    """
    path = located(payload)
    if not path.is_file():
        raise BadImage(
            "An uploaded picture is no longer kept: files are deleted after an hour. Add it again."
        )
    return path


def located(payload: Any) -> Path:
    """The path of an upload, which may have been deleted.

    A request may contain any path; only uploads and our own examples are accepted.  Their folders
    have names that cannot be guessed.

    Args:
        payload: the value of a component: a mapping with a "path".

    Raises:
        BadImage: it is not the path of an upload.
    """
    path = payload.get("path") if isinstance(payload, Mapping) else None
    folder = Path(get_upload_folder()).resolve()
    if not isinstance(path, str) or not Path(path).resolve().is_relative_to(folder):
        raise BadImage("this is not an uploaded picture; expected a file uploaded to this page")
    return Path(path).resolve()


def uploads(label: str, element: str, *more: str) -> gr.File:
    """A component to upload many pictures, and files with `more` endings."""
    return gr.File(
        label=label,
        file_count="multiple",
        # Some systems do not know the endings of all our formats.
        file_types=["image", *(ending for some in FORMATS.values() for ending in some), *more],
        height=150,
        elem_id=element,
    )


def reveal(places: Sequence[Component]) -> None:
    """Show the next input of a slot when the one before it is filled."""

    def offer(*filled: Any) -> list[Any]:
        wanted = [bool(here or before) for before, here in zip(filled, filled[1:], strict=False)]
        return [gr.update(visible=show) for show in wanted]

    gr.on(
        [place.change for place in places],  # type: ignore[attr-defined]
        offer,
        list(places),
        list(places[1:]),
        queue=False,
        **UNSEEN,
    )


def picture_input(
    label: str, element: str, height: int, *, extra: bool = False, visible: bool | None = None
) -> gr.Image:
    """A component for a picture; an extra one is small, and hidden until it is needed."""
    return gr.Image(
        label=label,
        type="filepath",
        format="png",
        sources=["upload"] if extra else ["upload", "clipboard"],
        height=height,
        min_width=100,
        visible=not extra if visible is None else visible,
        elem_id=element,
        elem_classes="sp-upload",
        buttons=[],
    )
