"""The page inside other applications, as docs/embedding.md shows it, in a real Chromium."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import uvicorn
from fastapi.responses import HTMLResponse
from gradio import networking
from gradio.external import from_spaces_blocks
from serve import THIRD_PARTY, Blend, free_port, picture, swatch_file, wait
from test_docs import block, section
from visitor import Visitor, expect

import styleplug
from styleplug.core.errors import UsageError
from styleplug.engine import Engine
from styleplug.hosts import embed
from styleplug.methods import Catalogue
from styleplug.ui import offers

pytestmark = [pytest.mark.browser, *THIRD_PARTY]
MANUAL = (Path(__file__).parents[1] / "docs" / "embedding.md").read_text()
LOCAL = "http://127.0.0.1:7860"
# What a browser that keeps nothing for other sites does in their frames.
REFUSED = """Object.defineProperty(window, "localStorage", {
  configurable: true, get() { throw new DOMException("Access is denied"); } });"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an application with all that the manual shows."""
    with pytest.MonkeyPatch.context() as patch:
        made = partial(swatch_file, tmp_path_factory.mktemp("styles"))
        patch.setattr(offers, "built_in", made)
        engine = Engine(Catalogue({"blend": Blend()}, {}))
        patch.setattr(embed, "shared", lambda: engine)
        patch.setattr(engine, "warm", lambda: None)  # torch would arrive after the test
        there: dict[str, Any] = {}
        port = free_port()
        exec(block(section(MANUAL, "In a FastAPI application"), "python"), there)
        exec(block(section(MANUAL, "In a Gradio page"), "python"), there)
        exec(block(section(MANUAL, "In an iframe"), "python"), there)
        app = there["app"]
        style = {"theme": gr.themes.Soft(), "i18n": there["words"], "css": "h1 { color: red }"}
        gr.mount_gradio_app(app, there["page"], "/host", **style)
        for path, name in (("/element", "In a web page"), ("/frame", "In an iframe")):
            text = block(section(MANUAL, name), "html")
            text = text.replace(LOCAL, f"http://127.0.0.1:{port}/tools/style")
            app.get(path)(lambda text=text: HTMLResponse(text))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert wait(lambda: server.started, 30)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = server.force_exit = True
        thread.join(10)


def paint(guest: Any, place: Any, tmp_path: Path, done: str, method: str = "blend") -> None:
    """Upload two pictures, run, and find the result in the strip at the foot of the page."""
    for slot, colour in (("content", (200, 30, 30)), ("style", (30, 30, 200))):
        box = place.locator(f"#{method}-{slot}")
        box.locator("input[type=file]").set_input_files(picture(tmp_path, f"{slot}.png", colour))
        expect(box.locator("img")).to_be_visible()
    style = place.locator(f"#{method}-rack img").first
    assert wait(lambda: style.evaluate("it => it.naturalWidth") > 0, 60), "styles to choose from"
    place.locator(f"#{method}-run").click()
    expect(place.locator(f"#{method}-status")).to_contain_text(done)
    expect(place.locator(".sp-strip li")).to_have_count(1)
    assert not guest.errors
    outside = [
        url for url in guest.asked if not re.match(r"(http://127\.0\.0\.1|blob:|data:)", url)
    ]
    assert not [url for url in outside if "fonts" not in url], "only the fonts of the host's theme"


@pytest.mark.parametrize(("path", "locale", "method", "done"), [
    ("/tools/style", "en-US", "Blend", "Done in"),
    ("/kiosk", "en-US", "混合", "完成"),
    ("/element", "en-US", "Blend", "Done in"),
    ("/frame", "en-US", "Blend", "Done in"),
    ("/host", "zh-CN", "混合", "完成"),
])  # fmt: skip
def test_page_embedded_paints(
    host: str, chromium: Any, tmp_path: Path, path: str, locale: str, method: str, done: str
) -> None:
    context = chromium.new_context(locale=locale, viewport={"width": 1280, "height": 900})
    guest = Visitor.__new__(Visitor)
    guest.watch(context)
    if path == "/frame":
        context.add_init_script(REFUSED)
    guest.page.goto(host + path)
    place = guest.page.frame_locator("iframe") if path == "/frame" else guest.page
    if path == "/host":
        mine = "我的工具" if locale == "zh-CN" else "My tool"
        expect(guest.page.get_by_role("tab", name=mine)).to_be_visible()
        guest.page.get_by_role("tab", name="styleplug").click()
    expect(place.get_by_role("tab", name=method, exact=True)).to_be_visible()
    paint(guest, place, tmp_path, done)
    look = place.locator(".sp-strip").evaluate("it => getComputedStyle(it).borderTopStyle")
    assert look == "solid", "the styles are there"
    context.close()


def test_mounted_pages_configured_as_launched(host: str) -> None:
    style, kiosk, page = (
        httpx.get(f"{host}{path}/config").json() for path in ("/tools/style", "/kiosk", "/host")
    )
    for config, size in ((style, 1024), (kiosk, 4096)):
        assert not config["run_history"] and config["max_file_size"] == 64 * 2**20
        sizes = [one["props"] for one in config["components"]
                 if one["props"].get("elem_id") == "blend-settings-size"]  # fmt: skip
        assert [one["maximum"] for one in sizes] == [size]
    assert page["theme"] == "soft" and "h1 { color: red }" in page["css"]
    assert page["i18n_translations"]["zh"]["mine"] == "我的工具"
    assert set(kiosk["i18n_translations"]["en"].values()) == set(
        kiosk["i18n_translations"]["zh"].values()
    )
    told = httpx.get(f"{host}/host/gradio_api/info").json()["named_endpoints"]["/blend"]
    assert [one["label"] for one in told["parameters"][:2]] == ["Content", "Style"]
    keys = [{one["props"].get("storage_key") for one in config["components"]}
            for config in (style, kiosk)]  # fmt: skip
    assert "styleplug-run/kiosk" in keys[1] - keys[0], "each page finds its own run again"


def test_health_answers_below_path(host: str) -> None:
    for path in ("/tools/style", "/kiosk"):
        answer = httpx.get(f"{host}{path}/health")
        assert answer.json() == {"status": "ok"} and answer.headers["cache-control"] == "no-store"


def test_frames_named_by_header(host: str) -> None:
    answer = httpx.get(f"{host}/tools/style/")
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers


def test_address_refused_by_tabs_in_host(host: str) -> None:
    called = f"{host}/host/gradio_api/call/v2/blend"
    named = {"path": "http://pictures.example.com/a.png", "meta": {"_type": "gradio.FileData"}}
    event = httpx.post(called, json={"content": named}).json()["event_id"]
    assert "does not fetch" in httpx.get(f"{called}/{event}").text


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_distant_page_called(host: str, tmp_path: Path) -> None:
    code = block(section(MANUAL, "From another machine"), "python")
    code = code.replace(LOCAL, f"{host}/tools/style").replace('"/cnn"', '"/blend"')
    there: dict[str, Any] = {}
    exec(code, there)
    red, blue = (str(picture(tmp_path, f"{name}.png", (200, 30, 30))) for name in "ab")
    assert Path(there["paint"](red, blue)).is_file()
    with pytest.raises(ValueError, match="Cannot find Block"):  # else the manual can show gr.load
        gr.load(f"{host}/tools/style", src=lambda url, token: from_spaces_blocks(url, token))


def test_page_with_tabs_launched_on_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """gradio would give up if the page does not answer itself within 3 s."""
    monkeypatch.setattr(networking, "url_ok", lambda url: False)
    with gr.Blocks() as page:
        styleplug.tabs(engine=Engine(Catalogue({"blend": Blend()}, {})))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, server_port=free_port())
    assert httpx.get(f"{url}config").is_success
    page.close()


def test_wrong_use_refused() -> None:
    from fastapi import FastAPI

    for options, why in (({"path": "style"}, "path"), ({"language": "fr"}, "language")):
        with pytest.raises(UsageError, match=why):
            styleplug.mount(FastAPI(), **options)
    with pytest.raises(UsageError, match="inside"):
        styleplug.tabs()
