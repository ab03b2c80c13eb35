"""The whole page: a tab for each method; for a plug-in that failed, a tab with the reason."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware

from styleplug.core.errors import BadParameter, StyleplugError, UsageError, WeightError
from styleplug.core.params import narrowed
from styleplug.core.recipe import Settings
from styleplug.engine import CONCURRENCY, shared
from styleplug.engine.grid_request import transfers
from styleplug.system.extras import missing
from styleplug.system.files import at_home, reason
from styleplug.training import load_task, task_ids
from styleplug.ui import agents, strip
from styleplug.ui.addresses import NoAddresses, Page
from styleplug.ui.gallery_tab import GalleryTab
from styleplug.ui.grid_endpoint import publish
from styleplug.ui.grid_form import KINDS
from styleplug.ui.grid_run import Limits
from styleplug.ui.grid_tab import GridTab
from styleplug.ui.handover import UNSEEN
from styleplug.ui.i18n import Texts
from styleplug.ui.kept import Gallery
from styleplug.ui.previews import Previews
from styleplug.ui.runs import Runs
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.tab import QUEUE, Tab
from styleplug.ui.theme import CSS, theme

if TYPE_CHECKING:
    from styleplug.engine import Engine

UPLOAD = "64mb"  # largest file that can be uploaded
WAITING = 64  # most runs in the queue; further ones are refused
MAX_SIZE = "STYLEPLUG_MAX_SIZE"
PUBLIC_SIZE = 4096  # largest size on a public page, unless MAX_SIZE is set
TRAIN, GALLERY = "STYLEPLUG_TRAIN", "STYLEPLUG_GALLERY"
OWN_GRID, PUBLIC_GRID = Limits(1000, 12 * 3600), Limits(36, 600)
LOCAL = {"127.0.0.1", "::1", "localhost"}  # addresses that only this machine reaches
SWEEP = (600, 3600)  # seconds between two clean-ups, and the age of files that are deleted


def build(engine: Engine | None = None) -> gr.Blocks:
    """The page alone; `launch` serves it, `mount` adds it to an application.

    Args:
        engine: the engine with the methods to show; by default that of the process.
    """
    return _compose(engine or shared())[0]


def _compose(
    engine: Engine,
    share: bool = False,
    train: Path | None = None,
    gallery: Gallery | None = None,
) -> tuple[gr.Blocks, Texts]:
    """The page, and its texts, which the browser gets at launch."""
    settings = _settings(share)
    for folder in sorted(train.glob("*/")) if train else ():
        _learn(engine, folder)  # results of earlier training
    texts = Texts(engine.catalogue.methods.values())
    page = Page(title="styleplug", analytics_enabled=False, delete_cache=SWEEP)
    page.queue(max_size=WAITING)  # before components exist, because it would describe all of them
    with page:
        gr.HTML(
            f'<header class="sp-head"><b>style<i>plug</i></b><span>{texts.own("tagline")}</span>'
            "</header>",
            padding=False,
        )
        tabs = []
        line = {"concurrency_limit": CONCURRENCY, "concurrency_id": QUEUE}
        shared, runs = Shared(), Runs()
        results = strip.strip()
        with gr.Tabs(overflow_behavior="wrap") as shelf:
            for method in engine.catalogue.methods.values():
                title = texts.add(f"method.{method.id}.title", method.title)
                with gr.Tab(title, id=method.id, elem_id=f"tab-{method.id}"):
                    tabs.append(
                        Tab(
                            method, engine, texts, page, CONCURRENCY, settings, runs, results,
                            gallery,
                        )
                    )  # fmt: skip
            for tab in tabs:
                shared.join(tab.form.shared_pictures)
            limits, kinds = _limits(share), KINDS if transfers(engine.catalogue) else ()
            for kind in kinds:
                with gr.Tab(texts.own(f"grid_{kind}"), id=kind, elem_id=f"tab-{kind}"):
                    many = GridTab(
                        kind, engine, texts, page, CONCURRENCY, settings, limits, gallery
                    )
                    many.connect(tabs, shelf)
                if kind != "batch":
                    shared.join({"content": many.form.made["content"]})
            if gallery is not None:
                _show_gallery(gallery, tabs, texts, shelf)
            shared.connect(page)
            for tab in tabs:
                tab.examples.connect(shared)
                tab.stage.pass_on(shared, shelf)
            _find_run(runs, tabs, shelf, page)
            _show_broken(engine, texts)
            if train is not None:
                with gr.Tab(texts.own("train"), id="train", elem_id="tab-train"):
                    _train(train, engine, tabs, texts, page)
        results.render()  # type: ignore[no-untyped-call]
        strip.connect(results, tabs, shared, shelf)
        if kinds:
            publish(engine, settings, limits, line)
    return page, texts


def _show_gallery(gallery: Gallery, tabs: Sequence[Tab], texts: Texts, shelf: gr.Tabs) -> None:
    """Build the tab Gallery."""
    with gr.Tab(texts.own("gallery"), id="gallery", elem_id="tab-gallery"):
        kept = texts.own("gallery_kept", folder=gallery.folder.name)
        gr.Markdown(kept, elem_classes="sp-summary")
        GalleryTab(gallery, tabs, texts, shelf)


def _show_broken(engine: Engine, texts: Texts) -> None:
    """Build a tab with the reason for each plug-in that failed."""
    for number, (name, why) in enumerate(engine.catalogue.broken.items()):
        with gr.Tab(f"⚠ {name}", elem_id=f"tab-broken-{name}"):
            gr.Markdown(texts.own("broken"), elem_classes="sp-summary")
            said = texts.message(f"broken-{number}", why)
            gr.HTML(f'<p class="sp-line sp-error">{said}</p>', padding=False)


def _find_run(runs: Runs, tabs: Sequence[Tab], shelf: gr.Tabs, page: gr.Blocks) -> None:
    """When the page is loaded, show the visitor's newest run again, if it is still known."""
    named = {tab.method.id: tab for tab in tabs}

    def again(token: object) -> Iterator[Updates]:
        found = runs.find(token)
        if found is None:
            yield {shelf: gr.update()}  # without a value, gradio would empty all components
            return
        tab, updates, cancel = found
        yield {shelf: gr.update(selected=tab)}
        yield from named[tab].again(updates, cancel)

    page.load(
        again,
        runs.kept,
        [shelf, *(component for tab in tabs for component in tab.changing)],
        concurrency_limit=None,
        **UNSEEN,
    )


def _train(
    folder: Path, engine: Engine, tabs: Sequence[Tab], texts: Texts, page: gr.Blocks
) -> None:
    """Build the tab Train; if packages are missing or tasks are broken, with the reason."""
    tasks, broken = {}, {}
    for id in task_ids():
        try:
            task = load_task(id)
            if not task.needs_teacher:
                tasks[id] = task
        except StyleplugError as error:
            broken[str(error)] = error  # the same reason is shown only once
    for number, why in enumerate(broken):
        gr.Markdown(texts.own("train_broken"), elem_classes="sp-summary")
        said = texts.message(f"task-broken-{number}", why)
        gr.HTML(f'<p class="sp-line sp-error">{said}</p>', padding=False)
    if tasks:  # what these import may be missing
        from styleplug.ui.train import TrainTab
        from styleplug.ui.trainer import Trainer

        forms = {tab.form: partial(engine.trained_for, tab.method) for tab in tabs}
        TrainTab(tasks, Trainer(folder, partial(_learn, engine)), texts, page, forms)


def _learn(engine: Engine, folder: Path) -> None:
    """Add a training result to the engine; folders without one are ignored."""
    with suppress(UsageError, WeightError):
        engine.add_trained(folder)


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


def _public(share: bool) -> bool:
    """Whether everybody can reach the page."""
    return share or "SPACE_ID" in os.environ


def _local(host: str | None) -> bool:
    """Whether only this machine can reach an address."""
    return (host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1") in LOCAL


def _limits(share: bool) -> Limits:
    """What one grid of a visitor may take; less where everybody can reach the page."""
    return PUBLIC_GRID if _public(share) else OWN_GRID


def _settings(share: bool) -> type[Settings]:
    """The settings that visitors may change, with the largest size that the owner allows.

    Raises:
        BadParameter: STYLEPLUG_MAX_SIZE is not a size.
    """
    said = os.environ.get(MAX_SIZE)
    if not said:
        return narrowed(Settings, "size", PUBLIC_SIZE) if _public(share) else Settings
    if not said.isdecimal():
        raise BadParameter(f"{MAX_SIZE}={said}: expected a number of pixels, such as {PUBLIC_SIZE}")
    return narrowed(Settings, "size", int(said))


def launch(
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    block: bool = True,
    engine: Engine | None = None,
    train: str | os.PathLike[str] | None = None,
    gallery: str | os.PathLike[str] | None = None,
    mcp: bool = False,
) -> str:
    """Serve the page; large libraries are imported after the start.

    Without arguments, `GRADIO_SERVER_NAME`, `GRADIO_SERVER_PORT` and `GRADIO_ROOT_PATH` are used,
    or else 127.0.0.1:7860.  `STYLEPLUG_MAX_SIZE` limits the size that visitors may choose.  A
    public link and a Space have a limit even without it.

    Args:
        host: address to listen on.
        port: port to listen on.
        share: also make a public link.
        auth: user and password that visitors must enter.
        block: serve until interrupted; otherwise return at once and serve in the background.
        engine: as for `build`.
        train: also offer training, with runs in this folder; by default `STYLEPLUG_TRAIN`.
        gallery: keep every result in this folder, and show them in a tab; by default
            `STYLEPLUG_GALLERY`.
        mcp: also offer every method as a tool for agents (Model Context Protocol).

    Returns:
        The address of the page.

    Raises:
        UsageError: training or a gallery is offered to others without a password, a gallery to
            everybody, a package is missing, or the address or the port cannot be used.
        OutputError: the folder of the gallery cannot be written.
    """
    _check_address(host or os.environ.get("GRADIO_SERVER_NAME"), port)
    if mcp and (lacking := missing("mcp", "the server for agents")):
        raise UsageError(lacking)
    engine = engine or shared()
    runs, kept = _training(train, host, share, auth), _gallery(gallery, host, share, auth)
    page, texts = _compose(engine, share, runs, kept)
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        share=share,
        auth=auth,
        quiet=not block,
        prevent_thread_lock=True,
        mcp_server=mcp or None,  # None: gradio reads GRADIO_MCP_SERVER
        allowed_paths=[str(kept.folder)] if kept else None,
        **_served(texts),
    )
    if page.mcp_server_obj is not None:
        agents.separate_outputs(page)
    threading.Thread(target=_warm, args=(engine,), name="warm", daemon=True).start()
    if block:
        page.block_thread()
    return str(url)


def mount(app: FastAPI, path: str, engine: Engine | None = None) -> FastAPI:
    """Serve the page as a part of another application.

    Args:
        path: the path of the page, for example "/styleplug".
        engine: as for `build`.

    Returns:
        the application.
    """
    page, texts = _compose(engine or shared())
    gr.mount_gradio_app(app, page, path, **_served(texts))
    return app


def _served(texts: Texts) -> dict[str, Any]:
    """Common options to serve a page."""
    return {
        "ssr_mode": False,
        "run_history": False,
        "show_error": False,
        "footer_links": ["api"],
        "max_file_size": UPLOAD,
        "i18n": texts.table(),
        "theme": theme(),
        "css": CSS + strip.CSS,
        "app_kwargs": {
            "exception_handlers": {TypeError: _refuse},
            "middleware": [Middleware(NoAddresses), Middleware(Previews)],
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


def _warm(engine: Engine) -> None:
    """Import what the first run needs, so that the first visitor does not wait for it."""
    with suppress(Exception):  # errors appear again in the run
        engine.warm()


def _refuse(request: Request, error: Exception) -> JSONResponse:
    """Return the error of a call by name (`/call/v2/METHOD`); by default it is a plain 500."""
    if "/call/" not in request.url.path:
        raise error
    return JSONResponse({"error": str(error)}, status_code=422)
