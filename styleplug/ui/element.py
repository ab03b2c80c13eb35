"""The script of `<gradio-app>`, at an address that stays the same."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = Path(gr.__file__).parent / "templates" / "frontend" / "gradio.js"


class Element:
    """Serves `gradio.js`, which lets pages of others show this one by `<gradio-app>`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        asked = str(scope.get("path")).removeprefix(str(scope.get("root_path", "")))
        answer = FileResponse(PATH) if asked == "/gradio.js" else self._app
        await answer(scope, receive, send)
