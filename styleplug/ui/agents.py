"""Tools for agents: the endpoints of the page, by the Model Context Protocol.

gradio answers a call of a tool by calling the page again, from this machine.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from styleplug.ui.uploads import uploaded

CALLER = "x-styleplug-caller"  # the address of an agent, after the secret of this process
_SECRET = secrets.token_hex(16)
# The path of a file, or its address on a page:
OWN = re.compile(r"(?:https?://[^/]+(?:/.*)?/gradio_api/file=)?(/.*)")
ANY_FILE = "Gradio File Input - a http or https url to a file"  # as gradio describes files
FILE = "a data URI, or the path or the address of a file on this page"
_calls: ContextVar[list[Any]] = ContextVar("_calls")  # of the page, for a request of an agent


class Agents:
    """Remembers the address of an agent while gradio calls the page for it.

    The calls of an agent that leaves are stopped.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            headers = MutableHeaders(scope=scope)
            secret, _, address = headers.get(CALLER, "").partition(" ")
            if secret == _SECRET:
                scope["client"] = (address, 0)
            else:
                del headers[CALLER]
                if "/gradio_api/mcp" in scope["path"] and scope.get("client"):
                    headers[CALLER] = f"{_SECRET} {scope['client'][0]}"
                    receive = _watched(receive)
        await self._app(scope, receive, send)


def _watched(receive: Receive) -> Receive:
    """Stop the calls of this request when its agent leaves."""
    calls: list[Any] = []
    _calls.set(calls)

    async def watching() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            for call in list(calls):
                await asyncio.to_thread(call.cancel)
        return message

    return watching


@asynccontextmanager
async def _stoppable(call: Any) -> AsyncIterator[None]:
    """While the block runs, a call ends when its agent leaves."""
    calls = _calls.get([])
    calls.append(call)
    try:
        yield
    finally:
        calls.remove(call)


def serve(page: gr.Blocks) -> None:
    """Let the tools of a page take its own files, return outputs one by one, and stop.

    gradio writes all outputs into one text if a call does not ask for progress; an agent would see
    no picture.

    Args:
        page: a page that is served with `mcp_server=True`.
    """
    server: Any = page.mcp_server_obj
    assert server is not None, "the page is served with MCP"
    progress, known = server._execute_tool_with_progress, server.convert_strings_to_filedata
    simplify = server.simplify_filedata_schema

    async def outputs(job: Any) -> list[Any]:
        async with _stoppable(job):
            return list(await asyncio.to_thread(job.result))  # every endpoint has several outputs

    async def told(job: Any, token: str | int) -> Any:
        async with _stoppable(job):
            return await progress(job, token)

    def pictures(values: dict[str, Any], places: Sequence[Sequence[str | int]]) -> dict[str, Any]:
        names = {place[0] for place in places}
        return {name: file(one) if name in names else one for name, one in values.items()}

    def file(value: Any) -> Any:
        if isinstance(value, list):  # gradio would forget these
            return [file(one) for one in value]
        if own := OWN.fullmatch(str(value)):
            return FileData(path=str(uploaded({"path": own[1]}))).model_dump()
        return known(value, [[]])

    def described(schema: dict[str, Any]) -> tuple[dict[str, Any], list[list[str | int]]]:
        found, places = simplify(schema)
        for one in found["properties"].values():
            what = one.get("items", one)
            if what.get("format") == ANY_FILE:
                what["format"] = FILE
                if "$ref" in what:  # it leads nowhere, and nothing can be checked by it
                    del what["$ref"], one["$defs"]
        return found, places

    server._execute_tool_without_progress = outputs
    server._execute_tool_with_progress = told
    server.convert_strings_to_filedata = pictures
    server.simplify_filedata_schema = described
