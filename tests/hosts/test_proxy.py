"""The page below a path of nginx, configured as docs/public.md shows, in a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image
from serve import THIRD_PARTY, Site, free_port, picture, served, wait
from test_docs import block, section
from visitor import PATIENCE, Visitor, expect

from styleplug.ui import rates
from styleplug.ui.rates import SHARED
from styleplug.ui.traffic import Visitors

pytestmark = [pytest.mark.browser, *THIRD_PARTY]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MANUAL = (Path(__file__).parents[2] / "docs" / "public.md").read_text()
AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/1; scgi_temp_path {folder}/2; uwsgi_temp_path {folder}/3;
    server {{ listen 127.0.0.1:{port}; {manual} }}
}}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page behind the proxy."""
    if NGINX is None:
        pytest.skip("no nginx: apt-get install nginx-light")
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ROOT_PATH", "/style")
        patch.setattr(rates, "time", SimpleNamespace(monotonic=lambda: 0.0))
        visitors = Visitors(runs_per_minute=1, concurrency=2, proxies="127.0.0.1")
        with served(folder, visitors=visitors) as site:
            yield from _proxied(site, folder, port)


def _proxied(site: Site, folder: Path, port: int) -> Iterator[str]:
    manual = block(section(MANUAL, "Behind a proxy"), "nginx")
    manual = manual.replace("http://127.0.0.1:7860/", site.url)
    settings = folder / "nginx.conf"
    settings.write_text(AROUND.format(folder=folder, port=port, manual=manual))
    server = subprocess.Popen([str(NGINX), "-p", folder, "-c", settings], stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}/style/"
        assert wait(lambda: _answers(f"{url}health"), 30), server.poll()
        yield url
    finally:
        server.terminate()
        server.communicate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).json() == {"status": "ok"}
    except httpx.HTTPError:
        return False


def test_page_works_below_path(address: str, chromium: Any, tmp_path: Path) -> None:
    context = chromium.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
    guest = Visitor.__new__(Visitor)
    guest.watch(context)
    guest.method = "blend"
    guest.page.goto(address)
    for slot, colour in (("content", (200, 30, 30)), ("style", (30, 30, 200))):
        guest.give(slot, picture(tmp_path, f"{slot}.png", colour))
    guest.set("steps", 8)
    guest.set("pause", 0.4)
    guest.at("run").click()
    shown = guest.at("preview").locator("img")
    expect(shown).to_be_visible()
    first = shown.get_attribute("src")
    assert wait(lambda: shown.get_attribute("src") != first, PATIENCE / 1000), "previews stream"
    expect(guest.at("stop")).to_be_visible()
    guest.say("完成")
    with guest.page.expect_download() as coming:
        guest.at("download").click()
    with Image.open(coming.value.path()) as result:
        assert max(result.size) == 512 and "styleplug" in result.info
    outside = [url for url in guest.asked if not re.match(rf"{address}|blob:|data:", url)]
    assert not outside and not guest.errors
    guest.at("run").click()
    guest.say("每位访客每分钟最多可运行 1 次：请在 60 秒后再试")
    context.close()


def test_forwarded_address_heeded(address: str) -> None:
    """nginx adds the address of the connection; what the visitor claims is not believed."""

    def call(source: str, claimed: str) -> str:
        transport = httpx.HTTPTransport(local_address=source)
        url = f"{address}gradio_api/call/v2/dream"
        with httpx.Client(transport=transport, timeout=60) as client:
            headers = {"x-forwarded-for": claimed}
            queued = client.post(url, json={"size": 64}, headers=headers).json()["event_id"]
            return client.get(f"{url}/{queued}").text

    for number in range(SHARED):
        assert "event: complete" in call("127.0.0.2", f"192.0.2.{number}")
    assert "from one address" in call("127.0.0.2", "192.0.2.99")
    assert "event: complete" in call("127.0.0.3", "192.0.2.99")
