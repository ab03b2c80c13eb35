"""Tools for agents: the endpoints of the page, by the Model Context Protocol.

gradio answers a call of a tool by calling the page again, from this machine.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

CALLER = "x-styleplug-caller"  # the address of an agent, after the secret of this process
_SECRET = secrets.token_hex(16)


class Agents:
    """Remembers the address of an agent while gradio calls the page for it."""

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
        await self._app(scope, receive, send)


def separate_outputs(page: gr.Blocks) -> None:
    """Return the outputs of a tool one by one.

    gradio writes all outputs into one text if a call does not ask for progress; an agent would see
    no picture.

    Args:
        page: a page that is served with `mcp_server=True`.
    """
    server = page.mcp_server_obj
    assert server is not None, "the page is served with MCP"

    async def outputs(job: Any) -> list[Any]:
        return list(await asyncio.to_thread(job.result))  # every endpoint has several outputs

    server._execute_tool_without_progress = outputs  # type: ignore[method-assign]
