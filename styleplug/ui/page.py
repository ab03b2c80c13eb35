"""The whole page: a tab for each method; for a plug-in that failed, a tab with the reason."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.state_holder import StateHolder
from starlette.middleware import Middleware

from styleplug.core.errors import BadParameter, UsageError
from styleplug.core.recipe import Settings
from styleplug.engine import shared
from styleplug.engine.request import narrowed
from styleplug.system.extras import require
from styleplug.system.files import at_home, reason
from styleplug.ui import agents
from styleplug.ui.addresses import NoAddresses, Page
from styleplug.ui.compression import Compressed
from styleplug.ui.contents import fill
from styleplug.ui.context import Limits, PageContext
from styleplug.ui.element import Element
from styleplug.ui.i18n import Texts
from styleplug.ui.kept import Gallery
from styleplug.ui.offers import Offers
from styleplug.ui.previews import Previews
from styleplug.ui.rates import Rates
from styleplug.ui.scripts import CSS as SCRIPTED
from styleplug.ui.scripts import HEAD
from styleplug.ui.theme import CSS, PAGE_CSS, theme
from styleplug.ui.traffic import Traffic, Visitors

if TYPE_CHECKING:
    from styleplug.engine import Engine

UPLOAD = "64mb"  # largest file that can be uploaded
EVENTS = 4  # of each run may be in the queue of gradio, before further ones are refused
SESSIONS = 1000  # that gradio remembers: what Stop stops, and the grid that is resumed
THREADS = 64  # besides those of runs that wait
MAX_SIZE = "STYLEPLUG_MAX_SIZE"
PUBLIC_SIZE = 4096  # largest size on a public page, unless MAX_SIZE is set
TRAIN, GALLERY, STYLES = "STYLEPLUG_TRAIN", "STYLEPLUG_GALLERY", "STYLEPLUG_STYLES"
# On a public page, videos such as a minute of 4K at 512 px:
OWN_GRID, PUBLIC_GRID = Limits(1000, 12 * 3600), Limits(36, 600, (20_000, 500))
OWN_RATES, PUBLIC_RATES = Rates(), Rates(12, 60)
PROXIES = "FORWARDED_ALLOW_IPS"  # uvicorn reads it: proxies whose X-Forwarded-For it believes
# Those of share links and of Spaces:
NEAR = "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
# How a browser shows the page when it is installed as a program:
ICON = Path(__file__).parent / "browser" / "styleplug.svg"
PROGRAM: dict[str, Any] = {"pwa": True, "favicon_path": ICON}
# Else gradio gives up when visitors who come early keep the page from answering itself.
PROGRAM["_frontend"] = False
LOCAL = {"127.0.0.1", "::1", "localhost"}  # addresses that only this machine reaches
# Seconds that an idle connection stays open: longer than clients keep theirs (httpx 5, nginx 60),
# for a request that meets the end of its connection is lost.
IDLE = 75
SWEEP = (600, 3600)  # seconds between two clean-ups, and the age of files that are deleted


def build(engine: Engine | None = None) -> gr.Blocks:
    """The page alone; `launch` serves it, `styleplug.mount` adds it to an application.

    Args:
        engine: the engine with the methods to show; by default that of the process.
    """
    engine = engine or shared()
    texts = Texts(engine.catalogue.methods.values())
    return compose(PageContext(engine, texts, *allowed(), Traffic(engine.line)))


def compose(context: PageContext) -> gr.Blocks:
    """The page."""
    page = Page(title="styleplug", analytics_enabled=False, delete_cache=SWEEP)
    page.texts = context.texts
    line = context.engine.line
    page.max_threads = THREADS + line.longest
    # Before components exist, because it would describe all of them.
    page.queue(max_size=EVENTS * line.longest)
    with page:
        tagline = context.texts.own("tagline")
        gr.HTML(
            f'<header class="sp-head"><h1>style<i>plug</i></h1><span>{tagline}</span></header>',
            padding=False,
        )
        fill(page, context)
    return page


def _training(
    said: str | os.PathLike[str] | None, host: str | None, share: bool, auth: object
) -> Path | None:
    """The folder for training runs; None if there is no training.

    Raises:
        UsageError: everybody could train, because there is no password.
    """
    folder = said or os.environ.get(TRAIN)
    if not folder:
        return None
    if auth is None and (_public(share) or not _local(host)):
        raise UsageError(
            "training takes hours and disk space, and others can reach this page: ask for a "
            f"password (--auth USER:PASSWORD), or leave out --train and {TRAIN}"
        )
    return at_home(folder)


def _gallery(
    said: str | os.PathLike[str] | None, host: str | None, share: bool, auth: object
) -> Gallery | None:
    """The folder that keeps all results; None if nothing is kept.

    Raises:
        UsageError: others could see the results of all visitors.
        OutputError: the folder cannot be written.
    """
    folder = said or os.environ.get(GALLERY)
    if not folder:
        return None
    if _public(share):
        raise UsageError(
            "a gallery shows everybody the results of all visitors, and this page is public: on "
            f"a public page nothing is kept; leave out --gallery and {GALLERY}"
        )
    if auth is None and not _local(host):
        raise UsageError(
            "a gallery shows the results of all visitors, and others can reach this page: ask "
            f"for a password (--auth USER:PASSWORD), or leave out --gallery and {GALLERY}"
        )
    return Gallery(at_home(folder))


def _styles(said: str | os.PathLike[str] | None) -> Path | None:
    """The folder of further styles; None if there is none."""
    folder = said or os.environ.get(STYLES)
    return at_home(folder) if folder else None


def _public(share: bool) -> bool:
    """Whether everybody can reach the page."""
    return share or "SPACE_ID" in os.environ


def _local(host: str | None) -> bool:
    """Whether only this machine can reach an address."""
    return (host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1") in LOCAL


def allowed(public: bool = False, largest: int | None = None) -> tuple[type[Settings], Limits]:
    """The settings that visitors may change, and what one grid may take.

    Args:
        public: whether everybody can reach the page, as on a Space; then there is less of both.
        largest: the largest size; by default `STYLEPLUG_MAX_SIZE`.

    Raises:
        BadParameter: `STYLEPLUG_MAX_SIZE` is not a size.
    """
    public, said = _public(public), os.environ.get(MAX_SIZE)
    if largest is None and said:
        if not said.isdecimal():
            raise BadParameter(
                f"{MAX_SIZE}={said}: expected a number of pixels, such as {PUBLIC_SIZE}"
            )
        largest = int(said)
    if largest is None and public:
        largest = PUBLIC_SIZE
    settings = narrowed(Settings, "size", largest) if largest is not None else Settings
    return settings, PUBLIC_GRID if public else OWN_GRID


def watch(engine: Engine, visitors: Visitors, public: bool = False) -> Traffic:
    """What lets the runs of visitors start.

    Args:
        engine: makes them.
        visitors: what the owner of the page decided.
        public: whether everybody can reach the page.

    Raises:
        OutputError: the log cannot be written.
    """
    engine.line.most = visitors.concurrency or engine.line.most
    engine.line.longest = visitors.waiting or engine.line.longest
    rates = visitors.rates(PUBLIC_RATES if _public(public) else OWN_RATES)
    return Traffic(engine.line, rates, visitors.log)


def launch(
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    block: bool = True,
    engine: Engine | None = None,
    train: str | os.PathLike[str] | None = None,
    gallery: str | os.PathLike[str] | None = None,
    styles: str | os.PathLike[str] | None = None,
    mcp: bool = False,
    visitors: Visitors = Visitors(),  # noqa: B008 it never changes
    browser: bool = False,
) -> str:
    """Serve the page; large libraries are imported after the start.

    Without arguments, `GRADIO_SERVER_NAME`, `GRADIO_SERVER_PORT` and `GRADIO_ROOT_PATH` are used,
    or else 127.0.0.1:7860.  `STYLEPLUG_MAX_SIZE` limits the size, also that of a public page.

    Args:
        host: address to listen on.
        port: port to listen on.
        share: also make a public link.
        auth: user and password that visitors must enter.
        block: serve until interrupted; otherwise return at once and serve in the background.
        engine: as for `build`.
        train: also offer training, with runs in this folder; by default `STYLEPLUG_TRAIN`.
        gallery: keep every result here, and show them in a tab; by default `STYLEPLUG_GALLERY`.
        styles: also offer the pictures of this folder as styles; by default `STYLEPLUG_STYLES`.
        mcp: also offer every method as a tool for agents (Model Context Protocol).
        visitors: what they may ask for.
        browser: open the page in the browser of this machine.

    Returns:
        The address of the page.

    Raises:
        UsageError: others could train or see all results, something is missing, or is in use.
        OutputError: the folder of the gallery or the log cannot be written.
    """
    _check_address(host or os.environ.get("GRADIO_SERVER_NAME"), port)
    if mcp:
        require("mcp", "the server for agents")
    engine = engine or shared()
    runs, kept = _training(train, host, share, auth), _gallery(gallery, host, share, auth)
    offers, texts = Offers(_styles(styles)), Texts(engine.catalogue.methods.values())
    traffic = watch(engine, visitors, share)
    page = compose(PageContext(engine, texts, *allowed(share), traffic, offers, kept, runs))
    with _believing(visitors.proxies, _public(share)):
        _, url, _ = page.launch(
            server_name=host, server_port=port, share=share, auth=auth, quiet=not block,
            prevent_thread_lock=True, max_threads=page.max_threads, inbrowser=browser,
            mcp_server=mcp or None,  # None: gradio reads GRADIO_MCP_SERVER
            allowed_paths=[str(kept.folder)] if kept else None, **PROGRAM, **served(texts, offers),
        )  # fmt: skip
    page.server.config.timeout_keep_alive = IDLE
    begin(page, engine)
    if block:
        page.block_thread()
    return str(url)


@contextmanager
def _believing(proxies: str | None, public: bool) -> Iterator[None]:
    """Tell the server which proxies to believe, while it starts; else it believes this machine."""
    before = os.environ.get(PROXIES)
    os.environ[PROXIES] = (before or public * NEAR) if proxies is None else proxies
    try:
        yield
    finally:
        del os.environ[PROXIES]
        if before is not None:
            os.environ[PROXIES] = before


def begin(page: gr.Blocks, engine: Engine) -> None:
    """What follows when a page is served: tools for agents, and large libraries are imported."""
    _lighten(page.state_holder)
    if page.mcp_server_obj is not None:
        agents.serve(page)
    threading.Thread(target=_warm, args=(engine,), name="warm", daemon=True).start()


def served(texts: Texts, offers: Offers) -> dict[str, Any]:
    """Options of gradio to serve a page."""
    return {
        "ssr_mode": False,
        "run_history": False,
        "show_error": False,
        "footer_links": ["api"],
        "max_file_size": UPLOAD,
        "i18n": texts.table(),
        "theme": theme(),
        "css": PAGE_CSS + CSS + SCRIPTED,
        "head": HEAD,
        "app_kwargs": {
            "exception_handlers": {TypeError: _refuse},
            "middleware": [
                Middleware(Compressed),
                Middleware(NoAddresses),
                Middleware(Element),
                Middleware(agents.Agents),
                Middleware(Previews, offers),
            ],
        },
    }


def _check_address(host: str | None, port: int | None) -> None:
    """Check that a port can be used; gradio tries a hundred ports and gives no reason.

    Raises:
        UsageError: the address does not belong to this machine, or the port is in use.
    """
    try:
        name = (host or "127.0.0.1").strip("[]")  # an address of IPv6 may come in brackets
        found = socket.getaddrinfo(name, port or 0, type=socket.SOCK_STREAM)[0]
        socket.create_server(found[4][:2], family=found[0]).close()
    except OSError as error:
        number = error.errno or 0  # negative for unknown names
        why = os.strerror(number) if number > 0 else reason(error)
        where = f"port {port} of {name}" if port else name
        other = "port (--port, GRADIO_SERVER_PORT)" if port else ""
        raise UsageError(
            f"the page cannot be served on {where} ({why}): choose another "
            f"{other and f'{other} or '}address (--host, GRADIO_SERVER_NAME)"
        ) from None


def _lighten(sessions: StateHolder) -> None:
    """Let gradio keep less of each session; every call over HTTP is one.

    It would keep the settings of all components, which only its deep links need: a megabyte.
    """
    page = sessions.blocks
    sessions.blocks = SimpleNamespace(  # type: ignore[assignment] # what a session reads of it
        default_config=page.default_config, blocks={}
    )
    sessions.capacity = SESSIONS


def _warm(engine: Engine) -> None:
    """Import what the first run needs, so that the first visitor does not wait for it."""
    with suppress(Exception):  # errors appear again in the run
        engine.warm()


def _refuse(request: Request, error: Exception) -> JSONResponse:
    """Return the error of a call by name (`/call/v2/METHOD`); by default it is a plain 500."""
    if "/call/" not in request.url.path:
        raise error
    return JSONResponse({"error": str(error)}, status_code=422)
