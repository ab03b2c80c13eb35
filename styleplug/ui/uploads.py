"""Files that visitors uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from styleplug.core.errors import BadImage
from styleplug.imaging import FORMATS


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
