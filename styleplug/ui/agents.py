"""Tools for agents: the endpoints of the page, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr


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
