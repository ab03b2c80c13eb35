"""The page by keyboard, with a screen reader, with weak eyes and with fingers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from serve import THIRD_PARTY, Site, picture, served, wait
from visitor import Visitor, expect

axe = pytest.importorskip("axe_playwright_python.base")

pytestmark = [pytest.mark.browser, *THIRD_PARTY]
SMALL = """() => [...document.querySelectorAll(`button, a, select, textarea, [role=slider],
    input:not([type=checkbox], [type=radio]), label:has(> input)`)]
  .filter((one) => one.checkVisibility() && one.getClientRects().length)
  .map((one) => [one.getBoundingClientRect(), one.ariaLabel || one.innerText || one.className])
  .filter(([{ width, height }]) => width < 40 || height < 40)
  .map(([{ width, height }, name]) => `${name}: ${width} × ${height}`)"""
CONTRAST = """(one) => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  let ground = one;
  const seen = (at) => getComputedStyle(at).backgroundColor;
  while (parse(seen(ground))[3] === 0) ground = ground.parentElement;
  const light = (colour) => parse(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, n) => sum + part * [0.2126, 0.7152, 0.0722][n], 0.05);
  const [a, b] = [getComputedStyle(one).color, seen(ground)].map(light);
  return Math.max(a, b) / Math.min(a, b);
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with served(folder, gallery=folder / "gallery", train=folder / "runs") as site:
        yield site


def made(guest: Visitor, folder: Path) -> None:
    """Make a picture on the first tab."""
    guest.give("content", picture(folder, "photo.png", (200, 30, 30)))
    guest.give("style", picture(folder, "style.png", (30, 30, 200)))
    guest.set("settings-size", 96)
    guest.at("run").click()
    expect(guest.at("slider").locator("img").first).to_be_visible()


def tabs(guest: Visitor) -> Iterator[str]:
    """Open a tab of every kind after the other, with all that is folded."""
    for kind in ("blend", "fill", "sweep", "gallery", "train"):
        guest.page.locator(f"#tab-{kind}-button").click()
        opened = guest.page.locator(f"#tab-{kind}")
        expect(opened).to_be_visible()
        for folded in opened.locator("button.label-wrap:not(.open)").all():
            if folded.is_visible():
                folded.click()
        yield kind


def serious(guest: Visitor, *kinds: str) -> list[tuple[str, list[str]]]:
    """What axe finds on the page, of these kinds of rules."""
    asked = {"runOnly": kinds, "resultTypes": ["violations"]}
    found = guest.page.evaluate("(asked) => axe.run('.gradio-container', asked)", asked)
    return [
        (one["id"], [node["html"][:150] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("locale", "width"), [("en-US", 1280), ("zh-CN", 390)])
def test_axe_finds_nothing_serious(visit: Any, tmp_path: Path, locale: str, width: int) -> None:
    guest = visit(locale=locale, width=width)
    made(guest, tmp_path)
    guest.page.evaluate(axe.AXE_SCRIPT)
    for tab in tabs(guest):
        rules = ("wcag2a", "wcag2aa", "best-practice")
        assert wait(lambda: not serious(guest, *rules)), (tab, serious(guest, *rules))  # noqa: B023
        guest.page.evaluate("document.body.classList.add('dark')")
        assert wait(lambda: not serious(guest, "color-contrast")), f"{tab}, dark"
        guest.page.evaluate("document.body.classList.remove('dark')")
    assert not guest.errors


def test_targets_large_enough_for_fingers(visit: Any, tmp_path: Path) -> None:
    guest = visit(width=390)
    made(guest, tmp_path)
    small = {tab: found for tab in tabs(guest) if (found := guest.page.evaluate(SMALL))}
    assert not small


def test_contrast_of_texts(visit: Any, tmp_path: Path) -> None:
    """Of those that axe does not judge: the tab that is open, and how a run ended."""
    for colours in ("light", "dark"):
        guest = visit(colours=colours)
        made(guest, tmp_path)
        for text in ("[role=tab].selected", ".sp-done", ".sp-head i", ".sp-help", ".sp-about span"):
            contrast = guest.page.locator(text).first.evaluate(CONTRAST)
            assert contrast >= 4.5, (colours, text, contrast)


def test_run_reached_by_keyboard(visit: Any) -> None:
    """The tabs are one stop; after it, a link leads to Run."""
    guest = visit()
    for _ in range(10):
        guest.page.keyboard.press("Tab")
        if guest.page.evaluate("document.activeElement.className") == "sp-skip":
            break
    expect(guest.page.get_by_text("Skip to the button Run").first).to_be_visible()
    guest.page.keyboard.press("Enter")
    expect(guest.at("run")).to_be_focused()
    assert "3px" in guest.at("run").evaluate("(one) => getComputedStyle(one).outline")


def test_tabs_moved_by_arrow_keys(visit: Any) -> None:
    guest = visit()
    guest.page.get_by_role("tab", name="Blend").focus()
    guest.page.keyboard.press("ArrowRight")
    expect(guest.page.get_by_role("tab", name="Crash")).to_be_focused()
    expect(guest.page.locator("#crash-run")).to_be_visible()
    guest.page.keyboard.press("ArrowLeft")
    expect(guest.at("run")).to_be_visible()


def test_sliders_moved_by_arrow_keys(visit: Any, tmp_path: Path) -> None:
    """Those of settings, and the line between before and after."""
    guest = visit()
    made(guest, tmp_path)
    slider = guest.at("steps").locator("input[type=range]:not([hidden])")
    slider.focus()
    guest.page.keyboard.press("ArrowRight")
    assert wait(lambda: float(guest.value("steps")) > 4)
    line = guest.at("slider").get_by_role("slider", name="Before and after")
    line.focus()
    expect(line).to_have_attribute("aria-valuenow", "50")
    for key, place in (("ArrowLeft", "45"), ("End", "100"), ("Home", "0"), ("ArrowRight", "5")):
        guest.page.keyboard.press(key)
        expect(line).to_have_attribute("aria-valuenow", place)
    assert "3px" in line.evaluate("(one) => getComputedStyle(one).outline")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "en-US",
            ["Content: choose a file", "Steps: back to the default"],
        ),
        ("zh-CN", ["内容: 选择文件", "步数: 恢复默认值"]),
    ],
)
def test_everything_has_a_name(visit: Any, tmp_path: Path, locale: str, words: list[str]) -> None:
    guest = visit(locale=locale)
    for name in words:
        expect(guest.page.get_by_role("button", name=name).first).to_be_visible()
    made(guest, tmp_path)
    nameless = """(all) => all.filter((one) => one.checkVisibility() && !one.alt
      && !one.closest("[role=option][aria-label]")).map((one) => one.outerHTML)"""
    assert wait(lambda: not guest.page.locator("img").evaluate_all(nameless))
    levels = guest.page.locator("h1, h2, h3").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert guest.page.locator(".gradio-container").get_attribute("lang") == locale[:2]


def test_method_explained_when_opened(visit: Any, site: Site) -> None:
    """Also a method without a file of its own: its drawing, its paper, and what it can do."""
    guest = visit()
    told = guest.at("explain")
    assert guest.at("explain-about").count() == 0 or not guest.at("explain-about").inner_text()
    told.get_by_role("button", name="What is this method?").click()
    expect(told).to_contain_text("Mixes pictures.")
    expect(told.get_by_role("img", name="What goes into Blend")).to_be_visible()
    expect(told.locator("a[href*='scholar']")).to_have_text("none")
    expect(told.get_by_role("img", name="Steps: 4")).to_be_visible()
    outside = [url for url in guest.asked if not url.startswith((site.url, "data:", "blob:"))]
    assert not outside


def test_status_announced_when_a_run_ends(visit: Any, tmp_path: Path) -> None:
    guest = visit()
    status = guest.page.get_by_role("status").and_(guest.at("status"))
    expect(status).to_have_attribute("aria-busy", "false")
    guest.set("steps", 20)
    guest.set("pause", 0.2)
    guest.give("content", picture(tmp_path, "photo.png", (200, 30, 30)))
    guest.give("style", picture(tmp_path, "style.png", (30, 30, 200)))
    guest.set("settings-size", 96)
    guest.at("run").click()
    expect(status).to_have_attribute("aria-busy", "true")
    expect(status).to_have_attribute("aria-busy", "false")
    expect(status).to_contain_text(re.compile("Done in"))
