"""The page as a visitor sees it, in a real Chromium."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from zipfile import ZipFile

import pytest
from gradio.utils import get_upload_folder
from gradio_client import handle_file
from PIL import Image
from serve import THIRD_PARTY, Site, picture, served, wait
from visitor import Visitor, expect

from styleplug import imaging as image
from styleplug.core.recipe import Recipe
from styleplug.imaging.sheet import grid
from styleplug.system.extras import missing
from styleplug.ui import offers, runs, sharing

pytestmark = [pytest.mark.browser, *THIRD_PARTY]
RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    styles = folder / "styles"
    styles.mkdir()
    for number in range(offers.PAGE + 2):
        picture(styles, f"own {number:02d}.png", BLUE)
    (styles / "own 01.png").write_bytes(b"no picture")
    with served(folder, styles=styles) as site:
        yield site


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    return picture(tmp_path, "photo.png", RED)


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    return picture(tmp_path, "style.png", BLUE)


@pytest.fixture(scope="module")
def onlooker(site: Site, chromium: Any) -> Iterator[Visitor]:
    """Somebody who runs nothing; several tests look at the same page."""
    onlooker = Visitor(chromium, site.url)
    yield onlooker
    onlooker.context.close()


@pytest.fixture
def looker(onlooker: Visitor) -> Visitor:
    """The onlooker, back on the first tab."""
    onlooker.page.set_viewport_size({"width": 1280, "height": 900})
    onlooker.open("Blend")
    return onlooker


def ready(visitor: Visitor, photo_file: Path, style_file: Path, **values: object) -> None:
    visitor.give("content", photo_file)
    visitor.give("style", style_file)
    for name, value in values.items():
        visitor.set(name.replace("_", "-"), value)


def test_visit_run_download_and_reload_recipe(
    visit: Any, photo_file: Path, style_file: Path, tmp_path: Path
) -> None:
    """Upload, run, watch, compare, download, come back with the file: all settings return."""
    guest = visit()
    ready(guest, photo_file, style_file, steps=8, pause=0.4, settings_size=160)
    expect(guest.at("plan")).to_contain_text("160 × 160")
    guest.page.get_by_role("button", name="Advanced").first.click()
    guest.at("scored").locator("input").check()
    guest.at("run").click()
    expect(guest.at("stop")).to_be_visible()
    shown = guest.at("preview").locator("img")
    first = shown.get_attribute("src")
    assert wait(lambda: shown.get_attribute("src") != first), "the preview does not change"
    guest.say("left")
    expect(guest.at("plot").locator("polyline")).to_have_count(2)
    guest.say("Done in")
    expect(guest.at("slider").locator("img").first).to_be_visible()
    assert guest.at("slider").locator("img").count() == 2
    expect(guest.at("badge")).to_contain_text("160 × 160")
    expect(guest.at("badge")).to_contain_text("content_kept")
    expect(guest.at("run")).to_be_visible()
    expect(guest.at("stop")).to_be_hidden()

    file = _download(guest, tmp_path / "made.png")
    text = image.read_recipe(file)
    assert text is not None
    recipe = Recipe.from_json(text)
    assert recipe.parameters["steps"] == 8 and recipe.size == 160
    guest.at("signed").locator("input").uncheck()
    assert wait(lambda: image.read_recipe(_download(guest, tmp_path / "plain.png")) is None)
    assert (image.read(file).pixels == image.read(tmp_path / "plain.png").pixels).all()

    guest.leave()
    again = visit()
    expect(again.at("content").locator("img")).to_have_count(0)
    again.page.get_by_role("button", name="Recipe", exact=False).first.click()
    again.at("reload").locator("input[type=file]").set_input_files(file)
    expect(again.at("steps").locator("input[type=number]")).to_have_value("8")
    assert again.value("settings-size") == "160" and again.value("pause") == "0.4"


def _download(guest: Visitor, path: Path) -> Path:
    with guest.page.expect_download() as coming:
        guest.at("download").click()
    coming.value.save_as(path)
    assert path.read_bytes().startswith((b"\x89PNG", b"RIFF"))
    return path


def test_size_and_seed_chosen_reset_and_taken_back(looker: Visitor) -> None:
    """Sizes, a curved slider by keyboard, a dice; then back, also after all was reset."""
    guest = looker
    guest.open("Crash")  # its settings are as they were
    size = guest.at("settings-size")
    slider = size.locator("input[type=range]:visible")
    assert float(slider.input_value()) == 0.5, "the default is in the middle"
    slider.press("ArrowRight")
    assert int(guest.value("settings-size")) > 512
    undo, reset = guest.at("undo"), guest.at("reset")
    expect(undo).to_be_enabled()
    guest.page.wait_for_timeout(900)  # else both changes count as one
    size.get_by_role("button", name="Print: 4096 px").click()
    assert guest.value("settings-size") == "4096"
    guest.at("advanced").locator("button").first.click()
    guest.page.wait_for_timeout(900)
    guest.at("settings-seed").get_by_role("button", name="Another random number").click()
    assert guest.value("settings-seed") != "0"
    guest.page.wait_for_timeout(900)
    reset.click()
    box = size.locator("input[type=number]")
    expect(box).to_have_value("512")
    expect(guest.at("settings-seed").locator("input")).to_have_value("0")
    guest.page.wait_for_timeout(900)
    undo.click()
    expect(box).to_have_value("4096")
    expect(guest.at("settings-seed").locator("input")).not_to_have_value("0")
    for _ in range(3):
        undo.click()
    expect(box).to_have_value("512")
    expect(undo).to_be_disabled()


def test_curved_slider_follows_number_and_mouse(looker: Visitor) -> None:
    guest = looker
    guest.page.set_viewport_size({"width": 390, "height": 900})
    slider = guest.at("steps").locator("input[type=range]:visible")
    guest.set("steps", 400)
    assert wait(lambda: float(slider.input_value()) == 1)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    guest.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 3 <= int(guest.value("steps")) <= 6
    expect(slider).to_have_accessible_name(re.compile("Steps"))
    expect(slider).to_have_attribute("aria-valuetext", guest.value("steps"))


def test_gallery_result_sent_to_other_tab_and_walk(
    visit: Any, site: Site, photo_file: Path, tmp_path: Path
) -> None:
    """A gallery; its sheet; the picture looked at goes to a tab; then a walk, which is animated."""
    guest = visit()
    guest.open("Dream")
    expect(guest.at("settings-seed")).to_be_visible()
    expect(guest.at("plan")).to_contain_text("512 × 512")
    guest.set("count", 4)
    guest.set("settings-size", 96)
    expect(guest.at("to-blend")).to_be_disabled()
    guest.at("run").click()
    guest.say("Done in")
    shown = guest.at("gallery").locator("button img")
    expect(shown).to_have_count(4)
    expect(guest.at("badge")).to_contain_text("4 pictures")
    file = _download(guest, tmp_path / "sheet.png")
    *_, final = site.engine.run(Recipe.from_json(image.read_recipe(file) or ""), {})
    assert (image.read(file).pixels == image.read(image.encode(grid(final.images))).pixels).all()

    expect(guest.at("single")).to_contain_text("picture 1")
    shown.nth(2).click()
    expect(guest.at("single")).to_contain_text("picture 3")
    with guest.page.expect_download() as single:
        guest.at("single").click()
    third = image.read(image.encode(final.images[2])).pixels
    assert (image.read(single.value.path()).pixels == third).all()
    guest.at("to-blend").click()
    guest.method = "blend"
    style = guest.at("style").locator("img")
    expect(style).to_be_visible()
    answer = guest.page.request.get(style.get_attribute("src"))
    passed = image.read(answer.body()).pixels
    assert (passed == third).all()
    guest.give("content", photo_file)
    guest.set("settings-size", 96)
    guest.at("run").click()
    guest.say("Done in")

    guest.open("Dream")
    for kept in Path(get_upload_folder()).glob("*/dream-*-[1-4].png"):
        kept.unlink()  # as is done an hour later
    guest.at("to-blend").click()
    expect(guest.page.get_by_text("no longer kept")).to_be_visible()

    guest.set("count", 1)
    guest.set("walk", 6)
    guest.set("settings-size", 96)
    guest.at("run").click()
    guest.say("Done in")
    expect(guest.at("gallery")).to_have_count(0)
    expect(guest.at("preview").locator("img")).to_have_attribute("src", re.compile(r"\.webp$"))
    expect(guest.at("to-blend")).to_be_disabled()
    with Image.open(_download(guest, tmp_path / "walk.webp")) as file:
        assert file.n_frames == 6  # type: ignore[attr-defined]
    if not missing("video", "video"):
        with guest.page.expect_download() as coming:
            guest.at("film").click()
        assert coming.value.suggested_filename == "dream-5.mp4"
    guest.page.get_by_role("button", name="Recipe", exact=False).first.click()
    guest.set("walk", 2)
    guest.at("reload").locator("input[type=file]").set_input_files(tmp_path / "walk.webp")
    expect(guest.at("walk").locator("input[type=number]")).to_have_value("6")


def test_mask_drawn_reaches_method(visit: Any, site: Site, photo_file: Path) -> None:
    guest = visit()
    guest.open("Fill")
    expect(guest.at("mask-drawn")).to_have_count(0)
    guest.give("content", photo_file)
    guest.draw(guest.canvas("mask-drawn"), (0.4, 0.4), (0.6, 0.4))
    guest.set("settings-size", 96)
    guest.at("run").click()
    guest.say("Done in")
    (mask,) = site.fill.masks
    assert mask.shape == (96, 96, 3) and 0.01 < mask.mean() < 0.5
    expect(guest.at("slider").locator("img").first).to_be_visible()
    expect(guest.at("badge")).to_contain_text("filled 0.")
    expect(guest.at("plot")).to_have_count(0)

    guest.set("count", 2)
    guest.at("run").click()
    expect(guest.at("gallery").locator("button img")).to_have_count(2)
    guest.at("gallery").locator("button img").nth(1).click()
    after = guest.at("slider").locator("img[src*='-2.png']")
    expect(after).to_be_visible()

    guest.set("count", 5)
    guest.set("margin", 0.25)
    guest.at("run").click()
    expect(guest.at("gallery").locator("button img")).to_have_count(5)
    expect(guest.at("badge")).to_contain_text("144 × 144")
    expect(guest.at("badge")).to_contain_text("filled 0.")
    expect(guest.at("plot")).to_have_count(0)


def test_regions_drawn_in_two_colours(
    visit: Any, photo_file: Path, style_file: Path, tmp_path: Path
) -> None:
    """Each style is painted where its colour is."""
    guest = visit()
    guest.give("content", photo_file)
    guest.give("style", style_file)
    guest.give("style_2", Path(picture(tmp_path, "green.png", (0, 255, 0))))
    guest.page.get_by_role("button", name="Regions of styles").first.click()
    drawing, canvas = guest.at("region-drawn"), guest.canvas("region-drawn")
    for number, across in enumerate((0.35, 0.65)):
        if number:
            drawing.locator("button[title=colour]").click()
            drawing.locator("button.color").nth(number).click()
        guest.draw(canvas, (across, 0.45), (across, 0.55))
    guest.set("settings-size", 96)
    guest.at("run").click()
    guest.say("Done in")
    with Image.open(_download(guest, tmp_path / "parts.png")) as made:
        green, (width, height) = made.convert("RGB").getchannel("G"), made.size
    sides = (0, 0, width // 2, height), (width // 2, 0, width, height)
    left, right = (green.crop(side).getextrema()[1] for side in sides)
    assert left < 60 < 100 < right
    assert not guest.errors


def test_mask_of_engine_limits_what_is_painted(
    visit: Any, style_file: Path, tmp_path: Path
) -> None:
    """Of a photograph that no browser can show: there is a preview of it."""
    Image.new("RGB", (1200, 600), RED).save(tmp_path / "red.tif")
    guest = visit()
    guest.give("content", tmp_path / "red.tif")
    guest.give("style", style_file)
    for slot, width in (("content", 1024), ("style", 96)):
        shown = guest.at(slot).locator("img")
        assert wait(lambda: shown.evaluate("it => it.naturalWidth") == width), slot  # noqa: B023
    guest.set("settings-size", 96)
    expect(guest.at("plan")).to_contain_text("96 × 48")
    expect(guest.at("mask-drawn")).to_have_count(0)  # a canvas takes time though nobody sees it
    folded = guest.page.get_by_role("button", name="Where to paint").first
    folded.click()
    canvas = guest.at("mask-drawn").locator("canvas").first
    expect(canvas).to_be_visible()
    marks = Image.new("L", (64, 32))
    marks.paste(255, (0, 0, 32, 32))
    marks.save(tmp_path / "mask.png")
    guest.give("mask", tmp_path / "mask.png")
    guest.at("finish-mask_invert").locator("input").check()
    guest.at("run").click()
    guest.say("Done in")
    with Image.open(_download(guest, tmp_path / "half.png")) as made:
        left, right = (made.convert("RGB").resize((64, 32)).getpixel((x, 16)) for x in (8, 56))
    assert left[0] > 150 > right[0]


def others(site: Site, photo_file: Path, style_file: Path, count: int = 1, **values: Any) -> Any:
    """Runs of other visitors, who call the page over HTTP."""
    pictures = {"content": handle_file(photo_file), "style": handle_file(style_file)}
    call = {**pictures, "size": 96, "api_name": "/blend", **values}
    found = [site.visitor().submit(**call) for _ in range(count)]
    assert wait(lambda: site.blend.running == count)
    return found


def test_queue_waiting_shown_and_left_by_stop_and_closing(
    visit: Any, site: Site, photo_file: Path, style_file: Path
) -> None:
    """Two runs at once; the third is told what is before it, and Stop leaves the line at once.

    A closed tab stops its run, and no other.
    """
    last = visit()
    ready(last, photo_file, style_file, steps=400, pause=0.2, settings_size=96)
    first, second = others(site, photo_file, style_file, 2, steps=400, pause=0.2)
    last.at("run").click()
    last.say("2 runs before yours, about")
    last.at("stop").click()
    last.say("Stopped before the first picture")
    expect(last.at("run")).to_be_visible()
    last.at("run").click()
    last.say("2 runs before yours, about")
    assert site.blend.running == 2, "others are still running"
    first.cancel()
    last.say("Step")
    last.page.close()
    assert wait(lambda: site.blend.running == 1), "it goes on for a tab that is closed"
    assert not second.done()
    second.cancel()
    assert wait(lambda: site.blend.running == 0)


def refused(guest: Visitor, folder: Path, *words: str) -> None:
    """Give a file that is no picture: gradio says it in words of the page."""
    note = folder / "note.txt"
    note.write_text("no picture")
    guest.at("style").locator("input[type=file]").set_input_files(note)
    said = guest.page.get_by_test_id("toast-body")
    for word in words:
        expect(said).to_contain_text(word)
    expect(said).not_to_contain_text("Invalid")
    said.get_by_test_id("toast-close").click()
    expect(said).to_have_count(0)


def test_error_keeps_pictures_and_values(
    visit: Any, photo_file: Path, style_file: Path, tmp_path: Path
) -> None:
    guest = visit()
    guest.give("content", photo_file)
    guest.at("run").click()
    mark = guest.at("style-missing")
    expect(mark).to_contain_text("missing")
    guest.page.wait_for_timeout(2000)  # what follows an upload must not take it away
    expect(mark).to_contain_text("missing")
    expect(guest.at("content-missing")).to_have_count(0)
    refused(guest, tmp_path, "note.txt cannot be used here", "Error")
    note = tmp_path / "note.png"
    note.write_text("dear diary")
    guest.at("style").locator("input[type=file]").set_input_files(note)
    expect(mark).to_have_count(0)
    guest.set("steps", 7)
    expect(guest.at("style-2")).to_have_count(0)
    guest.page.wait_for_timeout(800)
    guest.at("run").click()
    expect(guest.at("status").locator(".sp-error")).to_contain_text("picture")
    expect(guest.page.get_by_text("Traceback")).to_have_count(0)
    guest.page.wait_for_timeout(500)
    said = guest.page.get_by_text("not a picture that can be read").count()
    assert said == 1, "an error that stands where the result would needs no message above all"
    assert guest.value("steps") == "7"
    expect(guest.at("content").locator("img")).to_be_visible()
    expect(guest.at("run")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "width", "words"),
    [("en-US", 1280, ("Shares", "Share of Style")), ("zh-CN", 390, ("配比", "风格图 2 的配比"))],
)
def test_shares_by_sliders_and_order(
    visit: Any, photo_file: Path, style_file: Path, tmp_path: Path,
    locale: str, width: int, words: tuple[str, str],
) -> None:  # fmt: skip
    """By keyboard and by dragging; a share goes with its picture, into the recipe, too."""
    guest = visit(locale=locale, width=width)
    expect(guest.at("style_2")).to_have_count(0)
    ready(guest, photo_file, style_file, settings_size=64)
    shares = guest.at("style_blend")
    expect(shares.locator("li")).to_have_count(0)
    expect(guest.at("style_3")).to_have_count(0)
    guest.give("style_2", photo_file)
    expect(guest.at("style_3")).to_be_visible()
    expect(shares.locator("output")).to_have_text(["50 %", "50 %"])
    expect(shares).to_contain_text(words[0])
    slider = shares.locator("input").nth(1)
    expect(slider).to_have_accessible_name(re.compile(words[1]))
    for _ in range(10):
        slider.press("ArrowLeft")
    expect(shares.locator("output")).to_have_text(["67 %", "33 %"])
    shares.locator(".sp-grip").first.press("ArrowDown")
    expect(shares.locator("output")).to_have_text(["33 %", "67 %"])
    expect(shares.locator(".sp-grip").nth(1)).to_be_focused()
    expect(guest.at("style").locator("img")).to_have_attribute("src", re.compile("photo.png"))
    lower, upper = shares.locator(".sp-grip").nth(1), shares.locator("img").first
    shares.evaluate("one => one.scrollIntoView({block: 'center'})")
    lower.hover()
    guest.page.mouse.down()
    upper.hover()
    guest.page.mouse.up()
    expect(shares.locator("output")).to_have_text(["67 %", "33 %"])
    expect(guest.at("style").locator("img")).to_have_attribute("src", re.compile("style.png"))
    guest.at("run").click()
    expect(guest.at("download")).to_be_enabled()
    text = image.read_recipe(_download(guest, tmp_path / "made.png"))
    assert Recipe.from_json(text or "").parameters["style_blend"] == [2, 1]
    guest.at("style_2").get_by_role("button").first.click()
    expect(shares.locator("li")).to_have_count(0)
    assert not guest.errors


def test_example_fills_slots(looker: Visitor) -> None:
    guest = looker
    guest.open("Fill")  # of one picture
    guest.at("rack").get_by_role("option", name="Waves").click()
    expect(guest.at("content").locator("img")).to_have_attribute("src", re.compile("waves.png"))
    guest.open("Blend")
    guest.at("rack").get_by_role("option", name="Lion").click()
    expect(guest.at("content").locator("img")).to_have_attribute("src", re.compile("lion.jpg"))
    expect(guest.at("style").locator("img")).to_be_visible()
    expect(guest.at("plan")).to_contain_text("px")


def test_pictures_shared_by_tabs_and_kept(visit: Any, photo_file: Path, style_file: Path) -> None:
    """A picture is in all tabs, an example does not replace it, and a reload does not lose it."""
    guest = visit()
    guest.give("content", photo_file)
    guest.open("Crash")
    expect(guest.at("content").locator("img")).to_have_attribute("src", re.compile("photo.png"))
    guest.at("rack").get_by_role("option", name="Tower").click()
    expect(guest.at("style").locator("img")).to_be_visible()
    expect(guest.at("content").locator("img")).to_have_attribute("src", re.compile("photo.png"))
    guest.page.reload()
    for name in ("Blend", "Fill"):
        guest.open(name)
        expect(guest.at("content").locator("img")).to_have_attribute("src", re.compile("photo.png"))
    guest.at("content").get_by_role("button", name="Remove").click()
    guest.open("Blend")
    expect(guest.at("style").locator("img")).to_be_visible()
    expect(guest.at("content").locator("img")).to_have_count(0)


def test_pictures_given_meanwhile_kept(
    visit: Any, photo_file: Path, style_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow answer neither removes nor replaces what was given since its question."""
    answer, known, slow = Event(), sharing.uploaded, Event()

    def uploaded(payload: object) -> Path:
        if slow.is_set():
            answer.wait(20)
        return known(payload)

    monkeypatch.setattr(sharing, "uploaded", uploaded)
    guest = visit()
    guest.give("content", style_file)
    slow.set()
    guest.page.reload()  # what was given is looked for
    guest.give("content", photo_file)
    answer.set()
    shown = guest.at("content").locator("img")
    guest.at("rack").get_by_role("option", name="Waves").click()
    expect(guest.at("style").locator("img")).to_be_visible()
    expect(shown).to_have_attribute("src", re.compile("photo.png"))
    guest.page.reload()
    expect(guest.at("style").locator("img")).to_be_visible()
    expect(shown).to_have_attribute("src", re.compile("photo.png"))


def test_rack_changes_style_only(visit: Any, photo_file: Path, style_file: Path) -> None:
    """By mouse and keyboard: built-in styles, those of the host, and the visitor's earlier ones."""
    waves, mosaic, further, left_out, title = "海浪", "马赛克", "下一页", "已略去", "风格："
    guest = visit(locale="zh-CN", width=390)
    ready(guest, photo_file, style_file)
    rack, style = guest.at("rack"), guest.at("style").locator("img")
    own = rack.get_by_role("option", name="style", exact=True)
    expect(own).to_have_attribute("aria-selected", "true")
    rack.get_by_role("option", name=waves).click()
    expect(style).to_have_attribute("src", re.compile("waves.png"))
    expect(rack.get_by_role("option", selected=True)).to_have_count(1)
    rack.get_by_role("option", name=waves).press("ArrowRight")
    expect(rack.get_by_role("option", name=mosaic)).to_be_focused()
    guest.page.keyboard.press("Enter")
    expect(style).to_have_attribute("src", re.compile("mosaic.png"))
    expect(rack.locator("[role=listbox]", has_text=waves).locator("[tabindex='0']")).to_have_count(
        1
    )
    expect(rack).to_contain_text(left_out)
    expect(rack).to_contain_text("own 01.png")
    rack.get_by_role("button", name=further).click()
    rack.get_by_role("option", name="own 19.png").click()
    expect(style).to_have_attribute("src", re.compile("own%2019.png|own 19.png"))
    own.click()
    expect(style).to_have_attribute("src", re.compile("style.png"))
    expect(guest.at("content").locator("img")).to_have_attribute("src", re.compile("photo.png"))
    expect(rack).to_contain_text(title)
    thumbs = rack.locator("img").evaluate_all(
        "all => all.filter(one => one.complete && !one.naturalWidth).length"
    )
    assert thumbs == 0
    assert guest.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1
    assert not guest.errors


def test_run_found_after_reload(
    visit: Any,
    site: Site,
    photo_file: Path,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it goes on, with Stop; and its result, which the strip keeps for good."""
    monkeypatch.setattr(runs, "GRACE", 60.0)  # other tests may slow the reload
    guest = visit()
    guest.open("Crash")  # the tab with the run is opened by itself
    guest.open("Blend")
    ready(guest, photo_file, style_file, steps=400, pause=0.2, settings_size=96)
    guest.at("run").click()
    guest.say("Step")
    guest.page.reload()
    guest.say("Step")
    guest.at("stop").click()
    guest.say("Stopped at step")
    assert wait(lambda: site.blend.running == 0, 3)
    expect(guest.at("run")).to_be_visible()
    expect(guest.at("slider").locator("img").first).to_be_visible()
    assert image.read_recipe(_download(guest, tmp_path / "part.png")) is not None
    strip = guest.page.locator(".sp-strip li")
    expect(strip).to_have_count(1)
    guest.set("steps", 3)
    guest.set("pause", 0)
    guest.at("run").click()
    guest.say("Done in")
    expect(strip).to_have_count(2)
    guest.page.reload()
    guest.say("Done in")
    expect(strip).to_have_count(2)
    expect(strip.last).to_contain_text("photo-style-blend-0")
    strip.last.get_by_role("button", name="Restore all settings").click()
    expect(guest.at("steps").locator("input[type=number]")).to_have_value("400")
    strip.first.get_by_role("button", name="Compare").click()
    strip.last.get_by_role("button", name="Compare").click()
    viewer = guest.page.get_by_role("dialog")
    expect(viewer.locator("img")).to_have_count(2)
    viewer.get_by_role("slider").press("ArrowRight")
    expect(viewer.get_by_role("slider")).to_have_attribute("aria-valuenow", "52")
    viewer.get_by_role("button", name="Close").click()
    strip.first.get_by_role("button", name="Remove").click()
    expect(strip).to_have_count(1)
    guest.at("slider").get_by_role("button", name="full screen").click()
    expect(viewer.locator("img")).to_have_count(2)
    expect(viewer).to_contain_text("Before")
    viewer.get_by_role("button", name="Close").click()
    with guest.page.expect_download() as coming:
        guest.page.get_by_role("button", name="Download all as ZIP").click()
    with zipfile.ZipFile(coming.value.path()) as pack:
        assert pack.namelist() == ["photo-style-blend-0.png"] and pack.testzip() is None


def test_recipe_reload_without_recipe_refused(looker: Visitor, photo_file: Path) -> None:
    guest = looker
    guest.open("Fill")
    guest.page.get_by_role("button", name="Recipe", exact=False).first.click()
    guest.at("reload").locator("input[type=file]").set_input_files(photo_file)
    expect(guest.page.get_by_text("holds no recipe")).to_be_visible()


def test_recipe_of_other_tab_opens_it(looker: Visitor, tmp_path: Path) -> None:
    made = Recipe(method="blend", parameters={"steps": 9}, size=160).to_json()
    (tmp_path / "recipe.json").write_text(made)
    guest = looker
    guest.open("Dream")
    guest.page.get_by_role("button", name="Recipe").first.click()
    guest.at("reload").locator("input[type=file]").set_input_files(tmp_path / "recipe.json")
    expect(guest.page.get_by_text("add the same pictures: Content, Style.")).to_be_visible()
    guest.method = "blend"
    expect(guest.at("run")).to_be_visible()
    assert guest.value("steps") == "9" and guest.value("settings-size") == "160"


def test_language_and_width_follow_visitor(
    visit: Any, photo_file: Path, style_file: Path, tmp_path: Path
) -> None:
    guest = visit(locale="zh-CN", width=390)
    expect(guest.at("run")).to_have_text("开始")
    expect(guest.at("steps")).to_contain_text("步数")
    expect(guest.page.get_by_role("tab", name="混合")).to_be_visible()
    assert "__i18n__" not in guest.page.locator("body").inner_text()
    guest.at("advanced").locator("button").first.click()
    expect(guest.at("settings-backend")).to_contain_text("自动")
    refused(guest, tmp_path, "不能用在这里", "错误")
    ready(guest, photo_file, style_file, settings_size=96)
    wide = guest.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"{wide} pixels wide: it must be scrolled sideways"
    guest.at("run").click()
    guest.say("完成")
    expect(guest.at("slider")).to_be_in_viewport()
    expect(guest.at("plan")).to_contain_text("以往")


def test_help_text_shown_literally(looker: Visitor) -> None:
    expect(looker.at("steps")).to_contain_text("How many; it's {more} for <better>.")
    assert "__i18n__" not in looker.page.locator("body").inner_text()


def test_broken_plugin_tab_shows_reason(looker: Visitor) -> None:
    looker.page.get_by_role("tab", name="acme").click()
    expect(looker.page.get_by_text("no module named <nothing>")).to_be_visible()


def test_page_requests_nothing_outside(looker: Visitor, site: Site) -> None:
    looker.page.wait_for_timeout(1500)
    outside = [url for url in looker.asked if not url.startswith((site.url, "data:", "blob:"))]
    assert len(looker.asked) > 5 and not outside
    assert not looker.errors


def test_tabs_wrap_at_any_width(looker: Visitor, site: Site) -> None:
    """Tabs wrap: none is hidden, and none makes the page wider than the window."""
    looker.page.set_viewport_size({"width": 360, "height": 900})
    methods = [one.title for one in site.engine.catalogue.methods.values()]
    titles = [*methods, "Video", "Compare", "Sweep", "Batch"]
    narrow = looker.page.get_by_role("tab")
    expect(narrow).to_have_count(len(titles) + len(site.engine.catalogue.broken))
    for title in titles:
        expect(looker.page.get_by_role("tab", name=title)).to_be_visible()
    looker.page.set_viewport_size({"width": 300, "height": 800})
    wide = looker.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 300, f"{wide} pixels wide: it must be scrolled sideways"


# Compare, Sweep, Batch ------------------------------------------------------------------------


def tiles(visitor: Visitor) -> Any:
    return visitor.at("gallery").locator(".thumbnail-item")


def test_compare_shows_methods_and_opens_one(
    visit: Any, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One method fails and the other one is shown; a click opens it in its tab with its recipe.

    A style counts as soon as it is clicked, also if the server is slow.
    """
    found = offers.Offers.find

    def find(known: offers.Offers, payload: object) -> Path:
        time.sleep(2)
        return found(known, payload)

    monkeypatch.setattr(offers.Offers, "find", find)
    guest = visit()
    guest.open("Compare")
    guest.give("content", photo_file)
    guest.set("settings-size", 80)
    lilies = guest.at("rack").get_by_role("option", name="Lilies")
    expect(guest.at("rack").get_by_role("option", selected=True)).to_have_count(1)
    lilies.click()
    guest.at("run").click()
    expect(lilies).to_have_attribute("aria-selected", "true")
    guest.say("2 results in")
    guest.say("2 could not be made")
    expect(tiles(guest)).to_have_count(2)
    expect(guest.at("gallery")).to_contain_text("lilies · Blend")
    expect(guest.at("gallery")).to_contain_text("style")
    expect(guest.at("table")).to_contain_text("night · Crash")
    with guest.page.expect_download():
        guest.at("sheet").click()
    tiles(guest).nth(1).click()
    guest.method = "blend"
    expect(guest.at("run")).to_be_visible()
    expect(guest.at("preview").locator("img")).to_be_visible()
    assert guest.value("settings-size") == "80"
    expect(guest.at("style").locator("img")).to_be_visible()
    expect(guest.at("badge")).to_contain_text("style_gain")
    assert not guest.errors


def test_sweep_marks_best_in_chinese_on_a_phone(visit: Any, photo_file: Path) -> None:
    guest = visit(locale="zh-CN", width=390)
    guest.page.get_by_role("tab", name="参数扫描").click()
    guest.method = "sweep"
    guest.give("content", photo_file)
    guest.at("values-1").locator("input, textarea").fill("1:3:3")
    guest.at("run").click()
    guest.say("3 个结果")
    guest.say("最佳：步数")
    expect(tiles(guest)).to_have_count(3)
    expect(guest.at("gallery")).to_contain_text("★ 步数")
    guest.page.reload()  # the grid is found again, on its tab
    guest.say("最佳：步数")
    expect(tiles(guest)).to_have_count(3)
    expect(guest.at("run")).to_be_visible()
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert guest.page.evaluate(wide) <= 1 and not guest.errors


def test_batch_stops_and_resumes(visit: Any, site: Site, tmp_path: Path) -> None:
    guest = visit()
    guest.open("Batch")
    files = [picture(tmp_path, f"{name}.png", RED) for name in "abcd"]
    (tmp_path / "e.png").write_bytes(b"no picture")
    guest.at("content").locator("input[type=file]").set_input_files([*files, tmp_path / "e.png"])
    expect(guest.at("content")).to_contain_text("10.0 B")
    site.blend.pause = 0.2
    try:
        guest.at("run").click()
        expect(guest.at("table").locator(".sp-ok")).not_to_have_count(0)
        guest.at("stop").click()
        guest.say("Stopped")
    finally:
        site.blend.pause = 0
    before = guest.at("table").locator(".sp-ok").count()
    steps = site.blend.steps
    guest.at("run").click()
    guest.say("4 results in")
    assert 0 < before < 4 and site.blend.steps - steps == 4 * (4 - before)
    expect(guest.at("table").locator(".sp-bad")).to_contain_text("'e.png' is not a picture")
    with guest.page.expect_download() as waited:
        guest.at("zip").click()
    with ZipFile(waited.value.path()) as pack:
        assert len(pack.namelist()) == 4
    assert not guest.errors


# Gallery --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[tuple[str, Path]]:
    """The address of a second page, which keeps its results, and their folder."""
    folder = tmp_path_factory.mktemp("home")
    with served(folder, gallery=folder / "gallery") as site:
        yield site.url, folder / "gallery"


def test_gallery_keeps_filters_opens_compares_deletes(
    visit: Any, home: Any, photo_file: Path, style_file: Path
) -> None:
    url, folder = home
    title, two, again = "图库", "2 个结果", "在其标签页中打开"
    compare, remove = "与另一个结果对比", "移除"
    guest = visit(url, locale="zh-CN", width=390)
    for steps in (3, 2):
        ready(guest, photo_file, style_file, steps=steps)
        guest.at("run").click()
        expect(guest.at("badge")).to_contain_text(f"loss {1 / steps:.3g}")
    picture(folder, "stranger.png", BLUE)
    (folder / "broken.png").write_bytes(b"no picture")
    guest.page.get_by_role("tab", name=title).click()
    cards = guest.page.locator(".sp-kept li")
    expect(cards).to_have_count(4)
    assert guest.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1
    guest.page.locator(".sp-kept select").select_option("blend")
    expect(guest.page.locator(".sp-kept header")).to_contain_text(two)
    expect(cards).to_have_count(2)
    with guest.page.expect_download() as waited:
        guest.page.locator(".sp-kept header button").click()
    with ZipFile(waited.value.path()) as pack:
        assert all(name.startswith("blend/photo-style-blend-0") for name in pack.namelist())
    cards.first.get_by_role("button", name=compare).click()
    cards.last.get_by_role("button", name=compare).click()
    expect(guest.page.locator(".sp-viewer img")).to_have_count(2)
    guest.page.keyboard.press("Escape")
    cards.last.get_by_role("button", name=again).click()
    expect(guest.at("run")).to_be_visible()
    assert guest.value("steps") == "3"
    guest.page.get_by_role("tab", name=title).click()
    cards.first.get_by_role("button", name=remove).click()
    expect(cards).to_have_count(1)
    guest.page.locator(".sp-kept select").select_option("")
    guest.page.locator(".sp-kept input").fill("broken")
    expect(cards.locator("img")).to_have_count(0)
    expect(cards).to_have_count(1)
    cards.first.get_by_role("button", name=remove).click()
    expect(cards).to_have_count(0)
    assert [one.suffix for one in (folder / "blend").iterdir()] == [".png"]
    guest.page.locator(".sp-kept input").fill("")
    expect(cards).to_have_count(2)
    cards.first.get_by_role("button", name=remove).click()
    expect(cards).to_have_count(1)
    cards.first.get_by_role("button", name=remove).click()
    expect(cards).to_have_count(0)
    assert not guest.errors


def test_presets_used_kept_exported_and_imported(visit: Any, tmp_path: Path) -> None:
    bold, save, name, export, delete = "浓烈", "保存……", "预设名称", "下载为 JSON", "删除"
    guest = visit(locale="zh-CN", width=390)
    presets = guest.at("presets")
    guest.set("settings-size", 80)
    presets.get_by_role("option", name=bold).click()
    expect(guest.at("steps").locator("input[type=number]")).to_have_value("6")
    assert guest.value("settings-size") == "80"
    guest.set("steps", 4)
    presets.get_by_role("button", name=save).click()
    presets.get_by_label(name).fill("mine")
    presets.get_by_label(name).press("Enter")
    mine = presets.get_by_role("button", name="mine", exact=True)
    expect(mine).to_be_visible()
    guest.page.reload()
    mine.click()
    expect(guest.at("steps").locator("input[type=number]")).to_have_value("4")
    with guest.page.expect_download() as caught:
        presets.get_by_role("button", name=f"{export}: mine").click()
    file = tmp_path / "brought.json"
    caught.value.save_as(file)
    assert caught.value.suggested_filename == "mine.json"
    assert Recipe.from_json(file.read_bytes()).parameters["steps"] == 4
    presets.get_by_role("button", name=f"{delete}: mine").click()
    expect(mine).to_have_count(0)
    presets.locator("input[type=file]").set_input_files(file)
    expect(presets.get_by_role("button", name="brought", exact=True)).to_be_visible()
    guest.open("Fill")
    expect(guest.at("presets").get_by_role("option")).to_have_count(0)
    expect(guest.at("presets").get_by_role("button", name="brought")).to_have_count(0)
    assert guest.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1
    assert not guest.errors
