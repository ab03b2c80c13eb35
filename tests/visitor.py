"""Somebody who looks at a page in a real Chromium."""

from __future__ import annotations

import shutil
from collections import defaultdict
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
# Of visitors who left, by language and width: scripts are there, and compiled.
FREE: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)


def browser() -> Iterator[Any]:
    """A browser, for a fixture."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=path, args=QUIET.split())
        yield browser
        FREE.clear()
        browser.close()


class Visitor:
    """Somebody with a browser, and what it asked the world for."""

    def __init__(self, browser: Any, url: str, locale: str = "en-US", width: int = 1280) -> None:
        self._free = FREE[locale, width]
        look = {"viewport": {"width": width, "height": 900}, "has_touch": width < 800}
        self.watch(self._free.pop() if self._free else browser.new_context(locale=locale, **look))
        self.method = "blend"
        self._origin = url.rstrip("/")
        self.page.goto(url)
        expect(self.at("run")).to_be_visible()

    def leave(self) -> None:
        """Close the page, and make the browser forget what it stored."""
        if self.context in self._free:
            return
        blank = self.context.new_page()
        for page in self.context.pages[:-1]:
            page.close()
        store = {"origin": self._origin, "storageTypes": "local_storage,indexeddb,cookies"}
        self.context.new_cdp_session(blank).send("Storage.clearDataForOrigin", store)
        blank.close()
        self._free.append(self.context)

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

    def canvas(self, name: str) -> Any:
        """The canvas to draw on, when it is ready."""
        canvas = self.at(name).locator("canvas").first
        expect(canvas).to_be_visible()
        self.page.wait_for_timeout(1500)
        canvas.scroll_into_view_if_needed()
        return canvas

    def draw(self, canvas: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a line; its ends are shares of the width and of the height."""
        box = canvas.bounding_box()
        ends = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)
        ]
        self.page.mouse.move(*ends[0])
        self.page.mouse.down()
        self.page.mouse.move(*ends[1], steps=3)
        self.page.mouse.up()
        self.page.wait_for_timeout(500)

    def set(self, name: str, value: object) -> None:
        box = self.at(name).locator("input[type=number]")
        box.fill(str(value))
        box.press("Tab")

    def value(self, name: str) -> str:
        return str(self.at(name).locator("input[type=number]").input_value())

    def say(self, words: str) -> None:
        expect(self.at("status")).to_contain_text(words)
