"""Check calls over HTTP before gradio does, which would only return the error "null"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction

from styleplug.core.errors import BadImage, BadParameter
from styleplug.core.params import shortened
from styleplug.ui.uploads import located


def check_call(function: BlockFunction, values: Sequence[Any]) -> None:
    """Check that a public endpoint got a value for each of its inputs, and uploads as pictures.

    Raises:
        BadParameter: the number of values is wrong.
        BadImage: a picture is not an upload.
    """
    if function.api_visibility != "public":
        return
    names = [str(name) for name in function.input_parameter_names or ()]
    if len(values) != len(names):
        raise BadParameter(
            f"got {len(values)} values; /{function.api_name} takes {len(names)} in this order: "
            f"{', '.join(names)}. Send them by name to /call/v2/{function.api_name} instead: what "
            "is left out there has its default"
        )
    for name, component, value in zip(names, function.inputs, values, strict=True):
        if isinstance(component, gr.Image) and value is not None:
            others = [other for other in names if other.startswith(f"{name}_")]
            _check_picture(name, value, others)


def _check_picture(name: str, value: object, others: Sequence[str]) -> None:
    """Check that a value is one upload; `others` are the names of further pictures."""
    if isinstance(value, list | tuple) and value:
        more = f", and the others as {', '.join(others)}" if others else ""
        raise BadImage(f"{name} is a list; expected one picture under this name{more}")
    try:
        located(value)
    except BadImage:
        raise BadImage(
            f"{name} = {shortened(value)} is not an upload; expected one: post the file to "
            '/gradio_api/upload and send {"path": …} with the answer, or use handle_file of '
            "gradio_client"
        ) from None
