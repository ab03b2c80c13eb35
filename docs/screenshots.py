"""Take the pictures of the page in docs/images: `python docs/screenshots.py [SIZE]`.

Serves the page, and in Chromium runs examples: in English and Chinese, wide and on a phone, light
and dark; idle, done in one pass, and Gatys running.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gradio.media import get_image
from playwright.sync_api import sync_playwright

import styleplug
from styleplug.engine import shared
from styleplug.ui.page import launch

FOLDER = Path(__file__).parent / "images"
QUICK, SLOW = "cnn", "gatys"
PATIENCE = 600_000  # milliseconds
PHONE = 600  # a window narrower than this shows one column
SHOTS = (  # name, width, language, colours, example
    ("en", 1280, "en-US", "light", 1),
    ("zh", 1280, "zh-CN", "dark", 3),
    ("phone-en", 390, "en-US", "light", 0),
    ("phone-zh", 390, "zh-CN", "light", 2),
)
CARDS = """() => {
  const cards = [...document.querySelectorAll('.sp-rack img')].filter((card) => card.offsetParent);
  const seen = cards.filter((card) => card.getBoundingClientRect().top < innerHeight);
  return cards.length && seen.every((card) => card.complete && card.naturalWidth);
}"""  # all pictures to choose from that are in the window are there


def start(page: Any, method: str, example: int, size: int) -> None:
    """Put an example into a method's tab, which is open, and press Run."""
    rack = page.locator(f"#{method}-rack")
    rack.locator(".sp-pick").nth(example).click()
    page.wait_for_selector(f"#{method}-content img")
    rack.locator("[role=listbox]").nth(1).locator(".sp-pick").nth(2 * example).click()
    for slot in shared().catalogue.get(method).inputs:
        page.wait_for_selector(f"#{method}-{slot.id} img")
    box = page.locator(f"#{method}-settings-size input[type=number]")
    box.fill(str(size))
    box.press("Tab")
    page.wait_for_timeout(1_000)
    page.click(f"#{method}-run")


def shoot(page: Any, name: str, example: int, size: int) -> None:
    """Keep what the visitor sees before a run in one pass, after it, and while Gatys runs."""

    def keep(moment: str) -> None:
        page.wait_for_timeout(2_000)
        if page.viewport_size["width"] > PHONE:
            page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=FOLDER / f"page-{name}-{moment}.jpg", type="jpeg", quality=85)

    page.wait_for_function(CARDS)
    keep("idle")
    start(page, QUICK, example, size)
    page.wait_for_selector(f"#{QUICK}-slider img")
    keep("done")
    page.get_by_role("tab", name=re.compile(SLOW, re.IGNORECASE)).first.click()
    start(page, SLOW, example, size)
    page.wait_for_selector(f"#{SLOW}-plot polyline")
    page.wait_for_timeout(3_000)
    keep("running")


def compare(page: Any) -> None:
    """Keep what the visitor sees when methods were compared on two styles."""
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-content input[type=file]").set_input_files(get_image("lion.jpg"))
    page.wait_for_selector("#compare-content img")
    page.locator("#compare-rack .sp-pick").nth(3).click()
    page.wait_for_timeout(1_000)
    page.click("#compare-run")
    page.wait_for_timeout(2_000)
    page.wait_for_selector("#compare-run:visible")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1_000)
    page.screenshot(path=FOLDER / "page-compare.jpg", type="jpeg", quality=85)


def gallery(browser: Any) -> None:
    """Keep what the visitor sees of the results on one's own machine, wide and on a phone."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "results")
        for name, method in (("lion.jpg", "cnn"), ("tower.jpg", "autoencoder")):
            styleplug.batch([get_image(name)], "all", kept / method, method=method, size=256)
        url = launch(block=False, gallery=kept)
        for name, width, locale in (("en", 1280, "en-US"), ("phone-zh", 390, "zh-CN")):
            page = browser.new_page(locale=locale, viewport={"width": width, "height": 900})
            page.set_default_timeout(PATIENCE)
            page.goto(url)
            page.locator("#tab-gallery-button").click()
            page.wait_for_selector(".sp-kept li img")
            page.wait_for_timeout(3_000)
            page.screenshot(path=FOLDER / f"page-gallery-{name}.jpg", type="jpeg", quality=85)
            page.close()


def main(size: int = 512) -> None:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    url = launch(block=False)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width, locale, colours, example in SHOTS:
            context = browser.new_context(
                locale=locale,
                color_scheme=colours,
                viewport={"width": width, "height": 900 if width > PHONE else 844},
            )
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(url)
            shoot(page, name, example, size)
            context.close()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        compare(page)
        gallery(browser)
        browser.close()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
