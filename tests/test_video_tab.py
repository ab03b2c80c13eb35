"""Videos on the page: the tab in a real Chromium, the endpoint `/video`, limits and bad uploads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from clips import HEIGHT, WIDTH, frames_of, pan, record
from gradio.utils import get_upload_folder
from gradio_client import handle_file
from serve import THIRD_PARTY, Site, picture, served, wait
from visitor import Visitor, expect

from styleplug.core.errors import UsageError
from styleplug.core.recipe import Part, Recipe, Settings
from styleplug.engine import Plan
from styleplug.imaging import video
from styleplug.ui import contents, page, video_run
from styleplug.ui.context import Limits, PageContext
from styleplug.ui.i18n import Texts
from styleplug.ui.traffic import Traffic
from styleplug.ui.video_run import Asked, Moment, VideoRunner

pytestmark = THIRD_PARTY


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return record(tmp_path / "clip.mp4", pan(8), tracks=1)


@pytest.fixture
def style(tmp_path: Path) -> Path:
    return picture(tmp_path, "style.png", (30, 30, 200))


# The tab --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guest(site: Site, chromium: Any) -> Iterator[Visitor]:
    guest = Visitor(chromium, site.url)
    yield guest
    guest.context.close()


def film(guest: Visitor, clip: Path) -> None:
    """Upload a video in place of the one that is there."""
    if (gone := guest.at("clip").get_by_label("remove")).count():
        gone.click()
    guest.at("clip").locator("input[type=file]").set_input_files(clip)
    expect(guest.at("clip").locator("video")).to_be_visible()


def give(guest: Visitor, clip: Path, style: Path) -> None:
    """Upload both, with few steps for each frame."""
    for name, value in (("steps", 1), ("pause", 0)):
        guest.set(name, value)
    guest.open("Video")
    film(guest, clip)
    guest.give("style", style)
    guest.set("settings-size", 64)


@pytest.mark.browser
def test_tab_paints_plays_and_downloads(
    guest: Visitor, clip: Path, style: Path, tmp_path: Path
) -> None:
    guest.open("Blend")
    give(guest, clip, style)
    expect(guest.at("set")).to_contain_text("Settings on the tab Blend: Steps 1")
    guest.set("end", 0.6)
    guest.at("run").click()
    guest.say("6 frames in")
    shown = guest.at("player").locator("video")
    assert wait(lambda: shown.evaluate("it => it.readyState > 0"), 30)
    assert 0.5 < shown.evaluate("it => it.duration") < 0.75  # of the sound: some packets more
    expect(guest.at("badge")).to_contain_text("64 × 43 px")
    with guest.page.expect_download() as coming:
        guest.at("download").click()
    coming.value.save_as(tmp_path / "painted.mp4")
    assert coming.value.suggested_filename == "clip-blend.mp4"
    found = frames_of(tmp_path / "painted.mp4")
    assert len(found) == 6 and found[0][1].mean(axis=(0, 1))[2] > 0.5, "bluer than the clip"
    with video.library().open(str(tmp_path / "painted.mp4")) as made:
        assert len(made.streams.audio) == 1
    guest.open("Blend")
    expect(guest.at("style").locator("img")).to_be_visible()  # the style is that of all tabs
    assert not [url for url in guest.asked if "127.0.0.1" not in url and "http" in url[:5]]
    assert not guest.errors


@pytest.mark.browser
def test_tab_previews_stops_and_keeps_what_is_painted(
    guest: Visitor, clip: Path, style: Path, tmp_path: Path
) -> None:
    guest.open("Blend")
    give(guest, clip, style)
    guest.open("Blend")
    guest.set("pause", 0.7)
    guest.open("Video")
    guest.set("end", 0)
    guest.at("run").click()
    guest.say("of 8")
    guest.say("left")
    expect(guest.at("preview").locator("img")).to_be_visible()
    guest.at("stop").click()
    guest.say("The video so far is kept.")
    expect(guest.at("run")).to_be_visible()
    expect(guest.at("player").locator("video")).to_be_visible()
    with guest.page.expect_download() as coming:
        guest.at("download").click()
    coming.value.save_as(tmp_path / "part.mp4")
    assert 0 < len(frames_of(tmp_path / "part.mp4")) < 8


@pytest.mark.browser
def test_tab_says_what_is_wrong(guest: Visitor, style: Path, tmp_path: Path) -> None:
    guest.open("Blend")
    guest.open("Video")
    (tmp_path / "song.mp4").write_bytes(b"no video")
    film(guest, tmp_path / "song.mp4")
    guest.at("run").click()
    guest.say("'song.mp4' is not a video that can be read")
    expect(guest.at("run")).to_be_visible()
    guest.at("clip").get_by_label("remove").click()
    guest.at("run").click()
    guest.say("a video is missing: choose one")
    guest.at("open").click()
    guest.method = "blend"
    expect(guest.at("run")).to_be_visible()


def test_tab_without_packages_says_the_command(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    said = 'video needs av (not installed): install with `pip install "styleplug[video]"`'
    monkeypatch.setattr(contents, "missing", lambda *_: said)
    texts, traffic = Texts(), Traffic(site.engine.line)
    built = page.compose(PageContext(site.engine, texts, *page.allowed(), traffic))
    ids = [getattr(one, "elem_id", None) for one in built.blocks.values()]
    assert "tab-video" in ids and "video-run" not in ids
    assert "styleplug[video]" in texts.table().translations["en"]["video-missing"]
    assert not any(one.api_name == "video" for one in built.fns.values())


# The endpoint ---------------------------------------------------------------------------


def test_http_video_painted(site: Site, clip: Path, style: Path) -> None:
    job = site.client.submit(
        clip=handle_file(clip), style=[handle_file(style)], method="blend", start=0.3, smooth=0.5,
        values='{"size": 64, "steps": 1}', api_name="/video",
    )  # fmt: skip
    made, report = job.result(60)
    assert len(frames_of(Path(made))) == report["frames"] == 5
    assert not report["stopped"] and report["run"]["recipe"]["size"] == 64
    assert any(told.get("frames") == 5 for _, told in job.outputs()[:-1])


@pytest.mark.parametrize(("values", "why"), [
    ({"clip": None}, "a video is missing"),
    ({"clip": b""}, "'bad.mp4' is not a video"),
    ({"clip": b"\0\0\0\x18ftypmp42" + bytes(90)}, "'bad.mp4' is not a video"),
    ({"method": "dream"}, "unknown method 'dream'; known are: blend, crash"),
    ({"method": "crash"}, "the method 'crash' failed after step 1"),
    ({"style": None}, "a picture is missing: choose at least one style"),
    ({"start": 3}, "nothing is left of the clip"),
    ({"smooth": 2}, "smooth = 2"),
    ({"values": '{"size": 99999}'}, "size"),
])  # fmt: skip
def test_http_video_says_what_is_wrong(
    site: Site, clip: Path, style: Path, values: dict[str, Any], why: str
) -> None:
    given = {"clip": handle_file(clip), "style": [handle_file(style)], "method": "blend", **values}
    if isinstance(data := given["clip"], bytes):
        bad = clip.with_name("bad.mp4")
        bad.write_bytes(data)
        given["clip"] = handle_file(bad)
    with pytest.raises(Exception, match=why) as refused:
        site.client.predict(**given, api_name="/video")
    assert get_upload_folder() not in str(refused.value)


def test_http_video_takes_no_files_of_the_server(site: Site, clip: Path) -> None:
    one = {"path": str(clip), "meta": {"_type": "gradio.FileData"}}
    call = f"{site.url}gradio_api/call/v2/video"
    body = {"clip": one, "styles": "night", "method": "blend"}
    queued = httpx.post(call, json=body).json()["event_id"]
    answer = httpx.get(f"{call}/{queued}", timeout=30).text
    assert "event: error" in answer and "event: complete" not in answer, answer


def test_http_video_described(site: Site) -> None:
    told = site.client.view_api(return_format="dict")["named_endpoints"]["/video"]
    names = [one["parameter_name"] for one in told["parameters"]]
    assert names == ["clip", "style", "styles", "method", "values", *Part.model_fields]


# Limits ---------------------------------------------------------------------------------


def runner_of(site: Site, limits: Limits) -> VideoRunner:
    traffic = Traffic(site.engine.line)
    return VideoRunner(PageContext(site.engine, Texts(), Settings, limits, traffic))


def paint(site: Site, limits: Limits, clip: Path, style: Path, **part: float) -> list[Moment]:
    recipe = Recipe(method="blend", size=64, parameters={"steps": 1})
    asked = Asked(clip, recipe, {"style": [style]}, Part(**part))
    return list(runner_of(site, limits).run(asked, threading.Event()))


@pytest.mark.parametrize(("megapixels", "said"), [
    ((8 * WIDTH * HEIGHT / 1e6 - 0.001, 9), "million pixels; at most 0 million are read here"),
    ((9, 7 * 64 * 43 / 1e6), "at most 0 million are painted here: choose a shorter part"),
])  # fmt: skip
def test_too_many_pixels_refused_before_decoding(
    site: Site, clip: Path, style: Path, monkeypatch: pytest.MonkeyPatch,
    megapixels: tuple[float, float], said: str,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(video_run, "VideoRun", lambda *_: pytest.fail("it was decoded"))
        with pytest.raises(UsageError, match=said):
            paint(site, Limits(1, 99, megapixels), clip, style)
    if megapixels[0] == 9:
        assert paint(site, Limits(1, 99, megapixels), clip, style, end=0.6)[-1].report


def test_header_that_lies_is_stopped_at_the_limit(
    site: Site, clip: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = video.Facts(WIDTH, HEIGHT, 10, 0.1, False)
    monkeypatch.setattr(video_run, "header", lambda _: short)
    *_, last = paint(site, Limits(1, 99, (9, 3.5 * 64 * 43 / 1e6)), clip, style)
    assert last.over and last.report and last.report.frames == 3
    assert len(frames_of(last.report.out)) == 3
    assert "allows no more" in video_run.outcome(last.report, last.over, "en")


@pytest.mark.slow
def test_time_limit_keeps_what_is_painted(
    site: Site, clip: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(site.engine), "plan", lambda *_: Plan(None, None, 64, 64))
    site.blend.pause = 0.2
    try:
        *_, last = paint(site, Limits(1, 0.7), clip, style)
    finally:
        site.blend.pause = 0.0
    assert last.over and last.report and 0 < last.report.frames < 8


def test_old_folders_are_deleted(
    site: Site, clip: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runner_of(site, Limits(1, 99))
    asked = Asked(clip, Recipe(method="blend", size=64), {"style": [style]}, Part(end=0.2))
    *_, first = runner.run(asked, threading.Event())
    assert first.report and first.report.out.exists()
    monkeypatch.setattr(video_run, "KEPT", 0.0)
    *_, second = runner.run(asked, threading.Event())
    assert not first.report.out.exists()
    assert second.report and second.report.out.exists()


def test_public_page_limits_videos(site: Site) -> None:
    runner = runner_of(site, page.allowed(True)[1])
    hour, minute = (video.Facts(3840, 2160, 30, seconds, False) for seconds in (3600, 60))
    with pytest.raises(UsageError, match="at most 20,000 million are read here"):
        runner._check(hour, Part(), 0.1)
    with pytest.raises(UsageError, match="at most 500 million are painted here"):
        runner._check(minute, Part(), 2.0)
    assert runner._check(minute, Part(), 0.147) > 1800
