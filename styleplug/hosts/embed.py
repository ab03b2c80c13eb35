"""The page as a part of a FastAPI application, and its tabs inside a Gradio page of others."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import FastAPI
from gradio.block_function import BlockFunction
from gradio.context import Context
from gradio.data_classes import APIInfo
from gradio.state_holder import SessionState
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from styleplug.core.errors import UsageError
from styleplug.engine import shared
from styleplug.locale import languages
from styleplug.ui.addresses import checked, described
from styleplug.ui.contents import fill
from styleplug.ui.context import PageContext
from styleplug.ui.i18n import Language, Texts
from styleplug.ui.offers import Offers
from styleplug.ui.page import SWEEP, allowed, begin, compose, served, watch
from styleplug.ui.scripts import CSS as SCRIPTED
from styleplug.ui.scripts import HEAD
from styleplug.ui.theme import CSS
from styleplug.ui.traffic import Visitors

if TYPE_CHECKING:
    from styleplug.engine import Engine


def mount(
    app: FastAPI,
    path: str = "/style",
    *,
    engine: Engine | None = None,
    public: bool = False,
    max_size: int | None = None,
    language: str | None = None,
    runs_per_minute: float | None = None,
    seconds_per_minute: float | None = None,
    log: str | os.PathLike[str] | None = None,
    **options: Any,
) -> FastAPI:
    """Serve the page as a part of a FastAPI application.

        app = FastAPI()
        styleplug.mount(app, "/style", max_size=1024)

    The page is that of `styleplug app`: with its look, its languages and limits, and nothing of a
    visitor is kept.  Several pages in one application share one engine.

    Args:
        app: the application.
        path: the path of the page in it.
        engine: the engine with the methods to show; by default that of the process.
        public: set the limits of a public page: 4096 px, 36 results in 10 minutes for a grid, 12
            runs and 60 seconds of computing a minute for each visitor.
        max_size: largest size that visitors may choose.
        language: "en" or "zh" for everyone; by default the page follows the browser.
        runs_per_minute: how many a visitor may start (an address: four times as many); 0 for any.
        seconds_per_minute: seconds of computing, the same.
        log: a file that gets a line for each run.
        **options: any option of `gradio.mount_gradio_app`, such as `auth_dependency`, `root_path`,
            `theme` or `mcp_server`.

    Returns:
        The application.

    Raises:
        UsageError: a wrong path or language, or gradio is not installed.
        OutputError: the log cannot be written.
    """
    if not path.startswith("/"):
        raise UsageError(f"path = {path!r}: expected a path of the application, such as /style")
    if language not in (None, *languages()):
        raise UsageError(f"language = {language!r}: expected one of {', '.join(languages())}")
    engine = engine or shared()
    texts = Texts(engine.catalogue.methods.values(), language)
    offers = Offers()
    traffic = watch(engine, Visitors(runs_per_minute, seconds_per_minute, log=log), public)
    page = compose(
        PageContext(engine, texts, *allowed(public, max_size), traffic, offers, path=path)
    )
    known = served(texts, offers)
    if language:
        known["app_kwargs"]["middleware"].append(Middleware(Spoken, language))
    options["head"] = known["head"] + (options.get("head") or "")
    gr.mount_gradio_app(app, page, path, **known | options)
    begin(page, engine)
    return app


def tabs(
    *,
    engine: Engine | None = None,
    public: bool = False,
    max_size: int | None = None,
    runs_per_minute: float | None = None,
    seconds_per_minute: float | None = None,
    log: str | os.PathLike[str] | None = None,
) -> None:
    """Add the tabs of all methods to a Gradio page, at the place where this is called.

        with gradio.Blocks() as page:
            with gradio.Tab("Mine"):
                gradio.Markdown("Anything")
            with gradio.Tab("Styles"):
                styleplug.tabs()
        page.launch()

    The theme, the language and the limits of uploads are those of the page.  Files are deleted
    after an hour, unless the page has a `delete_cache` of its own.

    Args:
        engine: as for `mount`.
        public: as for `mount`.
        max_size: as for `mount`.
        runs_per_minute: as for `mount`.
        seconds_per_minute: as for `mount`.
        log: as for `mount`.

    Raises:
        UsageError: it is called outside a page or twice in one, or gradio is not installed.
        OutputError: the log cannot be written.
    """
    host = Context.root_block
    if host is None:
        raise UsageError("styleplug.tabs() adds to a page: call it inside `with gr.Blocks():`")
    if getattr(host, "styleplug", False):
        raise UsageError("this page has the tabs already: call styleplug.tabs() once a page")
    engine = engine or shared()
    texts = Texts(engine.catalogue.methods.values())
    known = set(host.fns)
    offers = Offers()
    visitors = Visitors(runs_per_minute, seconds_per_minute, log=log)
    traffic = watch(engine, visitors, public)
    fill(host, PageContext(engine, texts, *allowed(public, max_size), traffic, offers))
    threading.Thread(target=offers.make_all, name="offers", daemon=True).start()
    _adapt(host, texts, set(host.fns) - known)


def _adapt(host: gr.Blocks, texts: Texts, functions: set[int]) -> None:
    """Give a page our texts and styles beside its own, and check the inputs of our functions.

    Args:
        host: the page.
        texts: our texts.
        functions: the ids of our functions.
    """
    configured, preprocessed = host.get_config_file, host.preprocess_data
    listed = host.get_api_info

    def get_config_file() -> Any:
        theirs = getattr(host, "i18n_instance", None)
        host.i18n_instance = texts.table(theirs and theirs.translations_dict)
        config = configured()
        config["css"] = CSS + SCRIPTED + (config["css"] or "")
        config["head"] = HEAD + (config["head"] or "")
        return config

    def get_api_info(all_endpoints: bool = False, page: str | None = None) -> APIInfo:
        ours = [host.fns[id] for id in functions if id in host.fns]
        return described(listed(all_endpoints, page), ours, texts)

    async def preprocess_data(
        block_fn: BlockFunction,
        inputs: list[Any],
        state: SessionState | None,
        explicit_call: bool = False,
    ) -> Any:
        if block_fn._id not in functions:
            return await preprocessed(block_fn, inputs, state, explicit_call)
        return await checked(preprocessed, block_fn, inputs, state, explicit_call)

    host.get_api_info = get_api_info  # type: ignore[method-assign]
    host.get_config_file = get_config_file  # type: ignore[method-assign]
    host.preprocess_data = preprocess_data  # type: ignore[method-assign]
    host.launch = partial(host.launch, _frontend=False)  # type: ignore[method-assign] # see PROGRAM
    host.delete_cache = host.delete_cache or SWEEP
    host.styleplug = True  # type: ignore[attr-defined]


class Spoken:
    """Lets every browser ask for one language."""

    def __init__(self, app: ASGIApp, language: Language) -> None:
        self._app, self._language = app, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            MutableHeaders(scope=scope)["accept-language"] = self._language
        await self._app(scope, receive, send)
