"""Addresses that visitors name as files: gradio would fetch them, a page of ours refuses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from styleplug.core.errors import BadImage
from styleplug.system.files import not_fetched
from styleplug.ui.calls import check_call
from styleplug.ui.errors import shown

LONGEST = 200  # characters of an address that are repeated


class Page(gr.Blocks):
    """A page that looks at what visitors send before gradio does; every request comes by here.

    To none of its inputs can an address be given as a file.
    """

    async def preprocess_data(
        self,
        block_fn: BlockFunction,
        inputs: list[Any],
        state: SessionState | None,
        explicit_call: bool = False,
    ) -> list[Any]:
        """Refuse what cannot be meant, in words: gradio would answer the error "null"."""
        try:
            if why := refusal(inputs):
                raise BadImage(why)
            if not explicit_call:
                check_call(block_fn, inputs)
            found: list[Any] = await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:
            raise
        except Exception as error:
            raise shown(error, "en") from error
        return found


class NoAddresses:
    """Refuses to fetch what the path of a request names, such as `file=https://…`.

    Args:
        app: what answers all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        named = re.search(r"\w+://.*", str(scope.get("path")))
        why = named and not_fetched(named[0][:LONGEST])
        answer = PlainTextResponse(why, 403) if why else self._app
        await answer(scope, receive, send)


def refusal(value: Any) -> str | None:
    """Why a value that a visitor sent is refused; None where it names no address as a file.

    Args:
        value: of any depth; gradio takes a file from wherever it finds one. An upload has the
            page's own address for it as "url", which nobody fetches.
    """
    if isinstance(value, str):
        return not_fetched(value[:LONGEST])
    if isinstance(value, Mapping):
        named = [part for part in value.values() if not isinstance(part, str)]
        value = [*named, value.get("path") or value.get("url")]
    if not isinstance(value, list | tuple):
        return None
    return next((why for part in value if (why := refusal(part))), None)
