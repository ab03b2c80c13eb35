"""Files that are made when a browser asks for them: thumbnails, and previews of TIFF and HEIC."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from styleplug import imaging as image
from styleplug.core.errors import StyleplugError
from styleplug.ui.offers import Offers
from styleplug.ui.uploads import uploaded

SHOWN = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # by every browser
SIDE = 1024  # long side of a preview


class Previews:
    """Serves thumbnails; and a preview if a browser asks for an upload that it cannot show.

    Args:
        offers: makes the thumbnails.
    """

    def __init__(self, app: ASGIApp, offers: Offers) -> None:
        self._app, self._offers = app, offers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        before, mark, path = str(scope.get("path")).partition("/file=")
        accepted = Headers(scope=scope).get("accept", "") if mark else ""
        if accepted.startswith("image/"):
            shown = await run_in_threadpool(self._shown, path, accepted)
            scope = {**scope, "path": f"{before}{mark}{shown or path}"}
        await self._app(scope, receive, send)

    def _shown(self, path: str, accepted: str) -> Path | None:
        with suppress(StyleplugError):  # the browser gets "not found"
            self._offers.make(path)
        return preview(path, accepted)


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
