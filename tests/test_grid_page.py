"""Grids on the page without a browser: the endpoints `/grid` and `/batch`, limits, labels."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from gradio_client import handle_file
from serve import THIRD_PARTY, Blend, Site, picture, served, wait

from styleplug.core.errors import UsageError
from styleplug.core.recipe import Recipe
from styleplug.engine.axes import Axis, Grid
from styleplug.imaging import measure
from styleplug.ui import page
from styleplug.ui.context import Limits
from styleplug.ui.grid_run import Made, Progress, called, table

pytestmark = THIRD_PARTY


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def photo(tmp_path: Path) -> Any:
    return handle_file(picture(tmp_path, "photo.png", (200, 30, 30)))


@pytest.fixture
def style(tmp_path: Path) -> Any:
    return handle_file(picture(tmp_path, "style.png", (30, 30, 200)))


@pytest.mark.slow
def test_http_grid_gives_sheet_and_cells(site: Site, photo: Any, style: Any) -> None:
    over = {"size": [64, 80], "method": ["blend", "crash"]}
    sheet, cells = site.client.predict(
        content=[photo], style=[style], over=json.dumps(over), best="style_gain", api_name="/grid"
    )
    assert measure(sheet)[0] > 100
    labels = [cell["labels"] for cell in cells]
    assert labels == [{"size": size, "method": method}
                      for size in ("64", "80") for method in ("blend", "crash")]  # fmt: skip
    assert sum(cell["best"] for cell in cells) == 1
    assert set(cells[0]["report"]["scores"]) == {"style_gain", "content_kept"}
    assert "crash" in cells[1]["error"] and "secret" not in str(site.url)


@pytest.mark.slow
def test_http_batch_gives_zip(site: Site, tmp_path: Path, style: Any) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    photos = [picture(tmp_path, f"{name}.png", (9, 99, 9)) for name in "ab"]
    files = [handle_file(path) for path in (*photos, tmp_path / "broken.png")]
    zipped, cells = site.client.predict(
        content=files, style=[style], method="blend", values='{"size": 64}', api_name="/batch"
    )
    with ZipFile(zipped) as pack:
        assert sorted(pack.namelist()) == ["a-style-blend.png", "b-style-blend.png"]
    assert [("error" in cell) for cell in cells] == [False, False, True]


@pytest.mark.parametrize(("values", "why"), [
    ({"method": "nobody"}, "unknown method"),
    ({"over": "[1]"}, "expected a JSON object"),
    ({"over": "{"}, "expected a JSON object"),
    ({"over": '{"taste": [1, 2]}'}, "unknown parameter 'taste'"),
    ({"over": '{"seed": "0:5000:5001"}'}, "at most 1000"),
    ({"values": '{"size": 99999}'}, "size"),
    ({"styles": "nobody"}, "no style 'nobody'"),
    ({"best": "taste"}, "no score 'taste'"),
    ({"content": None}, "needs a picture 'content'"),
])  # fmt: skip
def test_http_grid_says_what_is_wrong(
    site: Site, photo: Any, style: Any, values: dict[str, Any], why: str
) -> None:
    given = {"content": [photo], "style": [style], "method": "blend", **values}
    with pytest.raises(Exception, match=why):
        site.client.predict(**given, api_name="/grid")


def test_http_grid_takes_no_files_of_the_server(site: Site, tmp_path: Path) -> None:
    secret = picture(tmp_path, "secret.png", (250, 250, 0))
    one = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    call = f"{site.url}gradio_api/call/v2/grid"
    body = {"content": [one], "styles": "night", "method": "blend"}
    queued = httpx.post(call, json=body).json()["event_id"]
    answer = httpx.get(f"{call}/{queued}", timeout=30).text
    assert "event: error" in answer and "event: complete" not in answer, answer


@pytest.mark.parametrize("call", ["/blend", "/grid"])
def test_http_run_waits_and_says_for_what(site: Site, photo: Any, style: Any, call: str) -> None:
    free = threading.Event()
    given = {"content": photo, "style": style, "size": 64, "backend": "fake", "steps": 2}
    if call == "/grid":
        given = {"content": [photo], "style": [style], "method": "blend",
                 "values": '{"size": 64, "backend": "fake"}'}  # fmt: skip
    line = site.engine.line
    with line.join(9.0, free) as first, line.join(20.0, free) as second:
        assert not [*first, *second], "two compute at once"
        job = site.client.submit(**given, api_name=call)
        assert wait(lambda: len(job.outputs()) > 0)
        told = job.outputs()[-1][1]
    told = told[0] if call == "/grid" else told
    assert told["runs_before"] == 2
    assert job.result(30)[0]


def test_a_public_page_allows_less(monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.allowed(True)[1] == page.PUBLIC_GRID != page.allowed(False)[1]
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert page.allowed(False)[1] == page.PUBLIC_GRID


@pytest.mark.parametrize(("cells", "seconds"), [(11, 1.0), (1, 61.0)])
def test_limits_are_told(cells: int, seconds: float) -> None:
    with pytest.raises(UsageError, match="at most"):
        Limits(10, 60).check(cells, seconds)
    Limits(10, 60).check(10, None)


def test_cells_are_called_by_what_differs() -> None:
    axes = (Axis("method", ("blend",), ("blend",)), Axis("size", (64, 80), ("64", "80")))
    grid = Grid(Recipe(method="blend"), axes, names={"content": "a"})
    assert called(grid, 1, {"blend": Blend.title, "size": "Size"}) == "Blend · Size 80"
    assert called(Grid(grid.base, names={"content": "a"}), 0, {}) == "a"


def test_a_table_escapes_names() -> None:
    progress = Progress(2, made={0: Made({}, Path("a"), None, "<b>", "1 s")}, failed={1: "<i>"})
    drawn = table(progress, {0: "<b>", 1: "c"}, "en")
    assert "&lt;b&gt;" in drawn and "&lt;i&gt;" in drawn and "<b>" not in drawn
