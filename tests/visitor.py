"""Somebody who looks at a page in a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage "
    # a page of Chromium's own for each window, which takes as long as a third of ours
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,HttpsUpgrades"
)
PATIENCE = 30_000  # milliseconds: other tests may be running


def browser() -> Iterator[Any]:
    """A browser, for a fixture."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=path, args=QUIET.split())
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser, and what it asked the world for."""

    def __init__(
        self,
        browser: Any,
        url: str,
        locale: str = "en-US",
        width: int = 1280,
        colours: str = "light",
    ) -> None:
        self.watch(
            browser.new_context(
                locale=locale,
                viewport={"width": width, "height": 900},
                color_scheme=colours,
                has_touch=width < 800,
                accept_downloads=True,
            )
        )
        self.method = "blend"
        self.page.goto(url)
        expect(self.at("run")).to_be_visible()

    def watch(self, context: Any) -> None:
        self.context, self.page = context, context.new_page()
        self.page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def at(self, name: str) -> Any:
        return self.page.locator(f"#{self.method}-{name}")

    def open(self, title: str) -> None:
        self.page.get_by_role("tab", name=title).click()
        self.method = title.lower()
        expect(self.at("run")).to_be_visible()

    def give(self, slot: str, path: Path) -> None:
        self.at(slot).locator("input[type=file]").set_input_files(path)
        expect(self.at(slot).locator("img")).to_be_visible()

    def set(self, name: str, value: object) -> None:
        box = self.at(name).locator("input[type=number]")
        box.fill(str(value))
        box.press("Tab")

    def value(self, name: str) -> str:
        return str(self.at(name).locator("input[type=number]").input_value())

    def say(self, words: str) -> None:
        expect(self.at("status")).to_contain_text(words)
