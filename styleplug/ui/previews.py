"""Previews of uploads that browsers cannot show, such as TIFF and HEIC."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from styleplug import imaging as image
from styleplug.core.errors import StyleplugError
from styleplug.ui.uploads import uploaded

SHOWN = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # by every browser
SIDE = 1024  # long side of a preview


class Previews:
    """Serves a preview if a browser asks for an upload that it cannot show."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        before, mark, path = str(scope.get("path")).partition("/file=")
        accepted = Headers(scope=scope).get("accept", "") if mark else ""
        if accepted.startswith("image/"):
            shown = await run_in_threadpool(preview, path, accepted)
            scope = {**scope, "path": f"{before}{mark}{shown or path}"}
        await self._app(scope, receive, send)


def preview(path: str, accepted: str = "") -> Path | None:
    """A PNG beside an upload that a browser cannot show.

    Args:
        accepted: the formats that the browser accepts.

    Returns:
        The path of the preview; None if the browser can show the upload, or it cannot be read.
    """
    try:
        file = uploaded({"path": path})
        kind = image.kind_of(file)
        if kind is None or kind in SHOWN or f"image/{kind.lower()}" in accepted:
            return None
        shown = file.with_name(f"{file.name}.preview.png")
        if not shown.exists():
            image.write(image.read(file, longest=SIDE), shown)
        return shown
    except StyleplugError:  # the run will report it
        return None
