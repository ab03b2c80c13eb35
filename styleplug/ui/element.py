"""Addresses beside those of gradio: the script of `<gradio-app>`, and whether the page works."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from starlette.responses import FileResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = Path(gr.__file__).parent / "templates" / "frontend" / "gradio.js"


class Element:
    """Serves `gradio.js`, which lets pages of others show this one, and `health` for monitors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        asked = str(scope.get("path")).removeprefix(str(scope.get("root_path", "")))
        answer: ASGIApp = self._app
        if asked == "/gradio.js":
            answer = FileResponse(PATH)
        elif asked == "/health":
            answer = JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})
        await answer(scope, receive, send)
