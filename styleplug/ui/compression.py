"""Compress the page and other text; gradio compresses only its scripts and styles."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

LEVEL = 5  # of 9; higher ones save a few per cent and take several times as long


class Compressed:
    """Compresses answers, except for files and for events, which are sent one by one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._packed = app, GZipMiddleware(app, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_file = "/file=" in str(scope.get("path"))
        await (self._app if is_file else self._packed)(scope, receive, send)
