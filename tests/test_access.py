"""The page by keyboard, with a screen reader, with weak eyes and with fingers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from serve import THIRD_PARTY, Site, picture, served, wait
from visitor import Visitor, expect

axe = pytest.importorskip("axe_playwright_python.base")

pytestmark = [pytest.mark.browser, *THIRD_PARTY]
SMALL = """() => [...document.querySelectorAll(`button, a:not(p a), select, textarea, [role=slider],
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


LAPTOP, PHONE = ("en-US", 1280), ("zh-CN", 390)
on_both = pytest.mark.parametrize("maker", [LAPTOP, PHONE], indirect=True, ids=["laptop", "phone"])
on_laptop = pytest.mark.parametrize("maker", [LAPTOP], indirect=True, ids=["laptop"])
on_phone = pytest.mark.parametrize("maker", [PHONE], indirect=True, ids=["phone"])


@pytest.fixture(scope="module")
def maker(
    request: pytest.FixtureRequest,
    site: Site,
    chromium: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Visitor]:
    """Somebody who made a picture on the first tab; all tests of a language share the page."""
    folder = tmp_path_factory.mktemp("pictures")
    locale, width = request.param
    maker = Visitor(chromium, site.url, locale=locale, width=width)
    maker.give("content", picture(folder, "photo.png", (200, 30, 30)))
    maker.give("style", picture(folder, "style.png", (30, 30, 200)))
    maker.set("settings-size", 96)
    maker.at("run").click()
    maker.page.evaluate(axe.AXE_SCRIPT)
    yield maker
    maker.context.close()


@pytest.fixture
def guest(maker: Visitor) -> Visitor:
    """The maker, back on the tab with the picture."""
    maker.page.locator("#tab-blend-button").click()
    expect(maker.at("slider").locator("img").first).to_be_visible()
    return maker


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


def serious(guest: Visitor, tab: str, *kinds: str, contrast: bool = False) -> list[Any]:
    """What axe finds, of these kinds of rules: on the whole page with its first tab, or on a tab.

    Contrast takes it longer than all the rest.
    """
    asked = {
        "runOnly": ["color-contrast"] if contrast else kinds,
        "rules": {"color-contrast": {"enabled": contrast}},
        "resultTypes": ["violations"],
    }
    place = ".gradio-container" if tab == "blend" else f"#tab-{tab}"
    found = guest.page.evaluate("([place, asked]) => axe.run(place, asked)", [place, asked])
    return [
        (tab, one["id"], [node["html"][:150] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def check(found: Callable[[], list[Any]]) -> None:
    """What is found goes away when the page has come to rest."""
    assert wait(lambda: not found()), found()


@on_laptop
def test_each_tab_shown_once(guest: Visitor) -> None:
    """Only tabs are in the row of tabs: gradio counts them by place."""
    config = guest.page.evaluate("window.gradio_config")
    kinds = {one["id"]: one["type"] for one in config["components"]}

    def rows(node: dict[str, Any]) -> Iterator[list[str]]:
        inside = node.get("children") or []
        if kinds.get(node["id"]) == "tabs":
            yield [kinds[one["id"]] for one in inside]
        for one in inside:
            yield from rows(one)

    found = list(rows(config["layout"]))
    assert found and all({*row} == {"tabitem"} for row in found)
    for _ in tabs(guest):
        pass
    named = guest.page.locator(".sp-shelf > .tab-wrapper [role=tab]").evaluate_all(
        "(tabs) => tabs.map((tab) => tab.id)"
    )
    assert len(named) == len({*named}) == len(found[0])


@on_both
def test_axe_finds_nothing_serious(guest: Visitor) -> None:
    for tab in tabs(guest):
        check(lambda: serious(guest, tab, "wcag2a", "wcag2aa", "best-practice"))  # noqa: B023
    assert not guest.errors


@on_laptop
def test_contrast_of_texts(guest: Visitor) -> None:
    """Also of those that axe does not judge: the tab that is open, and how a run ended."""
    texts = ("[role=tab].selected", ".sp-done", ".sp-head i", ".sp-help", ".sp-about span")

    def faint() -> list[str]:
        seen = {text: guest.page.locator(text).first.evaluate(CONTRAST) for text in texts}
        return [text for text, contrast in seen.items() if contrast < 4.5]

    for tab in tabs(guest):
        for colours in ("remove", "add"):  # light, then dark
            guest.page.evaluate(f"document.body.classList.{colours}('dark')")
            check(lambda: serious(guest, tab, contrast=True))  # noqa: B023
            if tab == "blend":
                check(faint)
        guest.page.evaluate("document.body.classList.remove('dark')")


@on_phone
def test_targets_large_enough_for_fingers(guest: Visitor) -> None:
    """Links within a text may be small (WCAG 2.5.8)."""
    small = {tab: found for tab in tabs(guest) if (found := guest.page.evaluate(SMALL))}
    assert not small


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


@on_laptop
def test_tabs_moved_by_arrow_keys(guest: Visitor) -> None:
    guest.page.get_by_role("tab", name="Blend").focus()
    guest.page.keyboard.press("ArrowRight")
    expect(guest.page.get_by_role("tab", name="Crash")).to_be_focused()
    expect(guest.page.locator("#crash-run")).to_be_visible()
    guest.page.keyboard.press("ArrowLeft")
    expect(guest.at("run")).to_be_visible()


@on_laptop
def test_sliders_moved_by_arrow_keys(guest: Visitor) -> None:
    """Those of settings, and the line between before and after."""
    before = float(guest.value("steps"))
    guest.at("steps").locator("input[type=range]:not([hidden])").press("ArrowRight")
    assert wait(lambda: float(guest.value("steps")) > before)
    line = guest.at("slider").get_by_role("slider", name="Before and after")
    line.focus()
    for key, place in (("Home", "0"), ("ArrowRight", "5"), ("End", "100"), ("ArrowLeft", "95")):
        guest.page.keyboard.press(key)
        expect(line).to_have_attribute("aria-valuenow", place)
    assert "3px" in line.evaluate("(one) => getComputedStyle(one).outline")


NAMES = {
    LAPTOP: ["Content: choose a file", "Steps: back to the default"],
    PHONE: ["内容: 选择文件", "步数: 恢复默认值"],
}


@on_both
def test_everything_has_a_name(guest: Visitor, request: pytest.FixtureRequest) -> None:
    locale, width = request.node.callspec.params["maker"]
    for name in NAMES[locale, width]:
        expect(guest.page.get_by_role("button", name=name).first).to_be_visible()
    nameless = """(all) => all.filter((one) => one.checkVisibility() && !one.alt
      && !one.closest("[role=option][aria-label]")).map((one) => one.outerHTML)"""
    assert wait(lambda: not guest.page.locator("img").evaluate_all(nameless))
    levels = guest.page.locator("h1, h2, h3").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert guest.page.locator(".gradio-container").get_attribute("lang") == locale[:2]


@on_laptop
def test_method_explained_when_opened(guest: Visitor, site: Site) -> None:
    """Also a method without a file of its own: its drawing, its paper, and what it can do."""
    guest.page.locator("#tab-dream-button").click()
    told = guest.page.locator("#dream-explain")
    about = guest.page.locator("#dream-explain-about")
    assert about.count() == 0 or not about.inner_text()
    told.get_by_role("button", name="What is this method?").click()
    expect(told).to_contain_text("Makes clouds.")
    expect(told.get_by_role("img", name="How Dream works")).to_be_visible()
    expect(told.locator("a[href*='scholar']")).to_have_text("none")
    expect(told.get_by_role("img", name="Hue: 0.5")).to_be_visible()
    outside = [url for url in guest.asked if not url.startswith((site.url, "data:", "blob:"))]
    assert not outside


@on_laptop
def test_status_announced_when_a_run_ends(guest: Visitor) -> None:
    status = guest.page.get_by_role("status").and_(guest.at("status"))
    expect(status).to_have_attribute("aria-busy", "false")
    guest.set("steps", 20)
    guest.set("pause", 0.2)
    guest.at("run").click()
    expect(status).to_have_attribute("aria-busy", "true")
    expect(status).to_have_attribute("aria-busy", "false")
    expect(status).to_contain_text(re.compile("Done in"))
