"""What the page offers: photographs, styles of its own and of the host, styles of the visitor."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image
from serve import THIRD_PARTY, Site, picture, served

from styleplug import imaging
from styleplug.core.errors import BadImage, UsageError
from styleplug.engine.styles import BUILT_IN
from styleplug.ui import offers as module
from styleplug.ui.offers import PAGE, Offers, small
from styleplug.ui.rack import Rack, _examples
from styleplug.ui.sharing import MOST, Shared

pytestmark = THIRD_PARTY
RED = (200, 30, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The host's styles: three pictures in sub-folders, one with a position, and a broken one."""
    place = tmp_path / "styles"
    (place / "more").mkdir(parents=True)
    for name in ("b.png", "more/a.png"):
        picture(place, name, RED)
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    Image.new("RGB", (3000, 200), RED).save(place / "wide.jpg", exif=exif)
    (place / "broken.png").write_bytes(b"no picture")
    return place


@pytest.fixture
def upload() -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = Path(get_upload_folder()).resolve() / secrets.token_hex(8) / name
        path.parent.mkdir(parents=True)
        return picture(path.parent, name, RED)

    return make


@pytest.fixture
def painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The built-in styles that were asked for, quickly."""
    asked: list[str] = []

    def paint(id: str) -> Path:
        asked.append(id)
        return picture(tmp_path, f"{id}.png", RED)

    monkeypatch.setattr(module, "built_in", paint)
    return asked


def sent(path: Path) -> dict[str, str]:
    """As the browser sends a picture."""
    return {"path": str(path)}


def test_examples_suit_slots() -> None:
    offers = Offers()
    assert _examples(offers, []) == _examples(offers, ["style"]) == []
    assert _examples(offers, ["content", "style"]) == offers.photographs
    assert _examples(offers, ["content"]) == [*offers.photographs, *offers.paintings]
    assert len(offers.styles) == len(BUILT_IN)


def test_offer_made_once_when_asked_and_again_when_deleted(painted: list[str]) -> None:
    offers = Offers()
    night = offers.style("night")
    assert not painted and not night.path.exists()
    for _ in range(2):
        file = offers.find(sent(night.path))
        assert imaging.read(file).width == 96 and offers.is_ours(file)
    assert painted == ["night"]
    file.unlink()
    offers.make(str(file))
    assert file.exists() and len(painted) == 2
    offers.make(small(file))
    assert max(imaging.measure(small(file))) == module.SIDE


def test_folder_copies_without_metadata_in_pages(folder: Path) -> None:
    offers = Offers(folder)
    good, broken = offers.page(0)
    assert [one.name for one in good] == ["b.png", "a.png", "wide.jpg"]
    assert broken == ["broken.png"]
    copy = offers.find(sent(good[2].path))
    assert copy.name == "wide.png" and imaging.measure(copy) == (module.LARGE, 137)
    with Image.open(copy) as opened:
        assert not opened.getexif() and not opened.info.get("exif")
    assert offers.page(1) == ([], [])


def test_folder_large_opens_only_what_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        (tmp_path / f"{number:03d}.png").touch()
    measured: list[Path] = []
    monkeypatch.setattr(module, "measure", measured.append)
    monkeypatch.setattr(module, "MOST", 50)
    offers = Offers(tmp_path)
    assert not measured and len(offers.folder) == 50 and offers.left_out == 10
    offers.page(1)
    assert [path.stem for path in measured] == [f"{n:03d}" for n in range(PAGE, 2 * PAGE)]


def test_folder_absent_or_empty_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        Offers(tmp_path / "absent")
    with pytest.raises(UsageError, match="no picture"):
        Offers(tmp_path)


def test_find_refuses_other_paths(folder: Path) -> None:
    offers = Offers(folder)
    home = offers.style("night").path.parents[1]
    for path in (folder / "b.png", Path("/etc/passwd"), home / "absent.png"):
        with pytest.raises(BadImage):
            offers.find(sent(path))


def test_example_replaces_no_own_picture(upload: Callable[[str], Path], painted: list[str]) -> None:
    offers = Offers()
    with gr.Blocks():
        rack = Rack("rack", offers, ["content", "style"])
    lion = offers.photographs[1]
    own = sent(upload("own.png"))
    empty: dict[str, object] = {"content": None, "style": None}
    both = rack._filling(lion.path, empty)
    assert both == {"content": lion.path, "style": offers.styles[1].path}
    assert list(rack._filling(lion.path, {"content": own, "style": None})) == ["style"]
    chosen = {"content": sent(offers.copy(lion)), "style": sent(both["style"])}
    tower = offers.photographs[0].path
    assert rack._filling(tower, chosen) == {"content": tower}  # the chosen style stays
    with pytest.raises(BadImage):
        rack._filling(Path(own["path"]), empty)


def test_shared_styles_bounded_own_and_present(
    upload: Callable[[str], Path], painted: list[str]
) -> None:
    offers = Offers()
    shared = Shared(offers)
    first = upload("first.png")

    def added(kept: object, *more: Path) -> Any:
        return shared.with_styles(kept, more)[shared.news]

    kept = added({}, first)
    assert shared.styles(kept) == [first]
    ours = offers.copy(offers.style("waves"))
    assert shared.styles(added(kept, ours, first)) == [first]
    many = [upload(f"{n}.png") for n in range(MOST)]
    kept = added(kept, *many)
    assert shared.styles(kept) == many
    many[0].unlink()
    assert shared.styles(kept) == many[1:]
    for nonsense in ("text", {"styles": 3}, {"styles": [None, 3, sent(Path("/etc/passwd"))]}):
        assert shared.styles(nonsense) == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rack")
    styles = folder / "styles"
    styles.mkdir()
    picture(styles, "own style.png", RED, 300)
    with served(folder, styles=styles) as site:
        yield site


@pytest.mark.slow
def test_page_serves_thumbnails_and_copies_only(site: Site) -> None:
    config = httpx.get(f"{site.url}config").json()
    racks = {}
    for one in (part["props"] for part in config["components"]):
        known = re.search(r"\.\.\.(\{.*\}), \.\.\.props", one.get("js_on_load") or "")
        if styles := known and json.loads(known[1]).get("styles"):
            racks[one["elem_id"]] = styles
    assert racks.keys() == {
        "blend-rack", "crash-rack", "video-rack", "compare-rack", "sweep-rack", "batch-rack",
    }  # fmt: skip
    card = racks["blend-rack"][3]
    answer = httpx.get(f"{site.url}gradio_api/file={card['thumb']}", headers={"accept": "image/*"})
    thumb = imaging.read(answer.content)
    assert answer.status_code == 200 and max(thumb.width, thumb.height) == module.SIDE
    copied = httpx.get(f"{site.url}gradio_api/file={card['path']}", headers={"accept": "image/*"})
    assert imaging.read(copied.content).width == 96
    absent = str(Path(card["path"]).with_name("absent.png"))
    for path in (absent, small(Path(absent)), small(Path("/etc/passwd"))):
        answer = httpx.get(f"{site.url}gradio_api/file={path}", headers={"accept": "image/*"})
        assert answer.status_code in (403, 404)
    assert np.isfinite(thumb.pixels).all()
