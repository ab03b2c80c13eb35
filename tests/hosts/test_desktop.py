"""The page as a program of the desktop: `--open`, an entry of the menu, an installable page."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from serve import THIRD_PARTY, Blend, free_port
from test_packaging import PROJECT
from typer.testing import CliRunner

from styleplug.cli import app
from styleplug.engine import Engine
from styleplug.methods import Catalogue
from styleplug.ui import page

pytestmark = [pytest.mark.slow, *THIRD_PARTY]
HOUSE = Path(__file__).parents[2]
ENTRY = HOUSE / "integrations" / "desktop" / "styleplug.desktop"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, list[str]]]:
    """The address of a page, and the addresses that were opened in the browser."""
    opened: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webbrowser, "open", opened.append)
        engine = Engine(Catalogue({"blend": Blend()}, {}))
        patch.setattr(engine, "warm", lambda: None)  # torch would arrive after the test
        url = page.launch("127.0.0.1", free_port(), block=False, engine=engine, browser=True)
        yield url, opened
        gr.close_all(verbose=False)


def test_page_opened_in_browser(address: tuple[str, list[str]]) -> None:
    url, opened = address
    assert opened == [url]


@pytest.mark.browser
def test_page_installable_with_name_and_icon(address: tuple[str, Any], chromium: Any) -> None:
    url, _ = address
    guest = chromium.new_page()
    guest.goto(url)
    devtools = guest.context.new_cdp_session(guest)
    manifest = devtools.send("Page.getAppManifest")
    assert not manifest["errors"] and manifest["manifest"]["name"] == "styleplug"
    problems = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [one["errorId"] for one in problems] == ["in-incognito"], (
        "the window of a test is private"
    )
    with httpx.Client(base_url=url, timeout=60) as client:
        (icon,) = client.get("/manifest.json").json()["icons"]
        for path in (icon["src"], "/favicon.ico"):
            answer = client.get(path)
            assert answer.headers["content-type"] == "image/svg+xml"
            assert answer.content == page.ICON.read_bytes()
    guest.close()


def test_entry_of_menu_starts_page(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = configparser.RawConfigParser()
    entry.read(ENTRY, encoding="utf-8")
    command = shlex.split(entry["Desktop Entry"]["Exec"])
    assert command[0] in PROJECT["project"]["scripts"] and command[0] == page.ICON.stem
    given: dict[str, Any] = {}
    monkeypatch.setattr(page, "launch", lambda *_, **options: given.update(options))
    done = CliRunner().invoke(app, command[1:])
    assert done.exit_code == 0, done.output
    assert given["browser"] is True
    installed = PROJECT["tool"]["setuptools"]["data-files"]
    assert {HOUSE / name for names in installed.values() for name in names} == {ENTRY, page.ICON}


@pytest.mark.skipif(not shutil.which("desktop-file-validate"), reason="no desktop-file-utils")
def test_entry_of_menu_valid() -> None:
    subprocess.run(["desktop-file-validate", "--warn-kde", str(ENTRY)], check=True)
