"""Tools for agents: the endpoints of the page, by the Model Context Protocol.

gradio answers a call of a tool by calling the page again, from this machine.  Its server knows no
sessions, and without them a message such as `notifications/cancelled` could come from anybody.  So
here each agent gets a number of its own for its requests.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

import gradio as gr
from gradio import mcp as gradio_mcp
from gradio.data_classes import FileData
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from styleplug.core.errors import Cancelled
from styleplug.ui.uploads import uploaded

CALLER = "x-styleplug-caller"  # the address of an agent, after the secret of this process
_SECRET = secrets.token_hex(16)
# The path of a file, or its address on a page:
OWN = re.compile(r"(?:https?://[^/]+(?:/.*)?/gradio_api/file=)?(/.*)")
ANY_FILE = "Gradio File Input - a http or https url to a file"  # as gradio describes files
FILE = "a data URI, or the path or the address of a file on this page"
STOPPED = "the run was stopped"
_SESSION = "mcp-session-id"  # the header with the number of an agent
_SHORT = 4096  # bytes; messages that are no calls of tools are shorter
_calls: ContextVar[list[Any]] = ContextVar("_calls")  # of the page, for a request of an agent
# Calls that run, by the number of the agent and that of its request:
_running: dict[tuple[str, str | int], Any] = {}


class Agents:
    """Remembers the address of an agent while gradio calls the page for it.

    The calls of an agent that leaves, or that says so, are stopped.
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
                    if _listens(scope, headers):
                        return await Response(status_code=405)(scope, receive, send)
                    headers[CALLER] = f"{_SECRET} {scope['client'][0]}"
                    session = headers.get(_SESSION)
                    receive = _watched(receive, session)
                    send = send if session else _numbered(send)
        await self._app(scope, receive, send)


def _listens(scope: Scope, headers: Headers) -> bool:
    """Whether an agent wants a connection for messages of its own; there are none."""
    return (
        scope["method"] == "GET"
        and "text/event-stream" in headers.get("accept", "")
        and not scope["path"].endswith("/sse")
    )


def _numbered(send: Send) -> Send:
    """Give an agent its number with an answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[_SESSION] = secrets.token_hex(16)
        await send(message)

    return sending


def _watched(receive: Receive, session: str | None) -> Receive:
    """Stop the calls of this request when its agent leaves, and the one that it says is cancelled.

    Args:
        receive: gives the parts of the request.
        session: the number of the agent.
    """
    calls: list[Any] = []
    _calls.set(calls)
    body = b""

    async def watching() -> Message:
        nonlocal body
        message = await receive()
        ended = []
        if message["type"] == "http.disconnect":
            ended = list(calls)
        elif len(body) < _SHORT:
            body += message.get("body", b"")
            ended = [] if message.get("more_body") else _cancelled(session, body)
        for call in ended:
            await asyncio.to_thread(call.cancel)
        return message

    return watching


def _cancelled(session: str | None, body: bytes) -> list[Any]:
    """The running call that a message says is cancelled, if it says so."""
    from mcp.types import CancelledNotification

    with suppress(ValueError):
        said = CancelledNotification.model_validate_json(body)
        call = _running.get((session or "", said.params.requestId or ""))
        return [call] if call else []
    return []


@asynccontextmanager
async def _stoppable(call: Any, context: Any) -> AsyncIterator[None]:
    """While the block runs, a call ends when its agent leaves, or says that it is cancelled.

    Args:
        call: what runs.
        context: the request of the agent, as mcp tells it.

    Raises:
        Cancelled: it was ended.
    """
    calls = _calls.get([])
    calls.append(call)
    key = (context.request.headers.get(_SESSION, ""), context.request_id)
    if key[0]:
        _running[key] = call
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:  # gradio's client does not say why
        task = asyncio.current_task()
        leaves = task is not None and task.cancelling() > 0  # nobody waits for an answer
        if call.communicator.should_cancel and not leaves:
            raise Cancelled(STOPPED) from error
        raise
    finally:
        calls.remove(call)
        _running.pop(key, None)


def serve(page: gr.Blocks) -> None:
    """Let the tools of a page take its own files and large ones, return outputs singly, and stop.

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
        async with _stoppable(job, server.mcp_server.request_context):
            return list(await asyncio.to_thread(job.result))  # every endpoint has several outputs

    async def told(job: Any, token: str | int) -> Any:
        async with _stoppable(job, server.mcp_server.request_context):
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

    limit = getattr(server.manager, "asgi_app", None)  # newer versions of mcp have one, of 4 MB
    if limit is not None and page.max_file_size is not None:
        limit.max_body_size = page.max_file_size * 3 // 2  # as a data URI, a third is added
    # This process answers as soon as it can; gradio would wait for 5 s.
    names = vars(gradio_mcp)
    names["Client"] = partial(names["Client"], httpx_kwargs={"timeout": None})
    server._execute_tool_without_progress = outputs
    server._execute_tool_with_progress = told
    server.convert_strings_to_filedata = pictures
    server.simplify_filedata_schema = described
