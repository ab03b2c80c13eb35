"""The page as gradio serves it: every request is checked, and its endpoints are described.

Web addresses in place of files are refused; gradio would download them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.data_classes import APIInfo
from gradio.state_holder import SessionState
from gradio.utils import get_function_description
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from styleplug.core.errors import BadImage
from styleplug.system.files import not_fetched
from styleplug.ui.calls import check_call
from styleplug.ui.errors import shown
from styleplug.ui.i18n import Texts

LONGEST = 200  # characters of an address in an error message


class Page(gr.Blocks):
    """A page that checks all inputs of every request before gradio processes them.

    Its inputs accept no web address as a file.

    Attributes:
        texts: the texts behind its markers.
    """

    texts = Texts()

    def get_api_info(self, all_endpoints: bool = False, page: str | None = None) -> APIInfo:
        """What the endpoints take: plain labels, and the help, bounds and default of each input."""
        found = super().get_api_info(all_endpoints, page)
        return described(found, self.fns.values(), self.texts)

    async def preprocess_data(
        self,
        block_fn: BlockFunction,
        inputs: list[Any],
        state: SessionState | None,
        explicit_call: bool = False,
    ) -> list[Any]:
        """Refuse wrong inputs with a message."""
        return await checked(super().preprocess_data, block_fn, inputs, state, explicit_call)


def described(found: APIInfo, functions: Iterable[BlockFunction], texts: Texts) -> APIInfo:
    """What gradio says of endpoints, with words for the inputs of these functions."""
    info = deepcopy(found)
    for function in functions:
        endpoint: Any = info["named_endpoints"].get(f"/{function.api_name}")
        if endpoint is None or function.fn is None:
            continue
        _, told, _ = get_function_description(function.fn)
        declared = inspect.signature(function.fn).parameters
        for one in endpoint["parameters"]:
            known = declared.get(one["parameter_name"])
            if known is not None and known.default is not known.empty:
                one["parameter_default"] = known.default  # gradio takes what the page shows first
            one["label"] = texts.plain(one["label"])
            if help := told.get(one["parameter_name"]):
                one["type"] = {**one["type"], "description": help}
                one["python_type"]["description"] = help
    return info


async def checked(
    process: Callable[..., Awaitable[list[Any]]],
    function: BlockFunction,
    inputs: list[Any],
    state: SessionState | None,
    explicit_call: bool,
) -> list[Any]:
    """Process the inputs of a call if they are right; gradio would only return the error "null".

    Args:
        process: `preprocess_data` of gradio, and what it takes.
    """
    try:
        if why := refusal(inputs):
            raise BadImage(why)
        if not explicit_call:
            check_call(function, inputs)
        return await process(function, inputs, state, explicit_call)
    except gr.Error:
        raise
    except Exception as error:
        raise shown(error, "en") from error


class NoAddresses:
    """Refuses requests whose path contains a web address, such as `file=https://…`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        named = re.search(r"\w+://.*", str(scope.get("path")))
        why = named and not_fetched(named[0][:LONGEST])
        answer = PlainTextResponse(why, 403) if why else self._app
        await answer(scope, receive, send)


def refusal(value: Any) -> str | None:
    """Why a value is refused; None if it contains no web address as a file.

    Args:
        value: a value of any depth; gradio takes files from any level. The "url" of an upload is
            its address on the page, and is not downloaded.
    """
    if isinstance(value, str):
        return not_fetched(value[:LONGEST])
    if isinstance(value, Mapping):
        named = [part for part in value.values() if not isinstance(part, str)]
        value = [*named, value.get("path") or value.get("url")]
    if not isinstance(value, list | tuple):
        return None
    return next((why for part in value if (why := refusal(part))), None)
