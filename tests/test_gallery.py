"""The gallery: a folder that keeps all results, without a browser."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from serve import picture

from styleplug.core.errors import OutputError, UsageError
from styleplug.core.recipe import Settings
from styleplug.engine import Engine
from styleplug.engine.grid_request import grid_of
from styleplug.engine.request import recipe_in
from styleplug.ui import page
from styleplug.ui.context import Limits, PageContext
from styleplug.ui.grid_run import GridRunner
from styleplug.ui.i18n import Texts
from styleplug.ui.kept import THUMBNAILS, Gallery
from styleplug.ui.results import Folder
from styleplug.ui.traffic import Traffic


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "gallery")


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return picture(tmp_path, "lion-waves-cnn-0.png", (200, 30, 30))


def names(gallery: Gallery, **only: str) -> list[str]:
    return [one.name for one in gallery.results(**only)]


def test_gallery_keeps_every_result_newest_first(gallery: Gallery, result: Path) -> None:
    for number, method in enumerate(("cnn", "cnn", "gatys")):
        os.utime(gallery.keep(result, method), (number, number))
    newest = [
        "gatys/lion-waves-cnn-0.png",
        "cnn/lion-waves-cnn-0-2.png",
        "cnn/lion-waves-cnn-0.png",
    ]
    assert names(gallery) == newest
    assert names(gallery, method="cnn") == newest[1:]
    assert names(gallery, text="CNN-0-2") == newest[1:2] and not names(gallery, method="vae")
    assert gallery.find(newest[0]).read_bytes() == result.read_bytes()


@pytest.mark.parametrize(("given", "kept"), [
    ("a b'<i>&.png", "a-b-i.png"),
    ("..png", "png.png"),
    ("照片.png", "照片.png"),
    ("é" * 100 + ".png", "é" * 80 + ".png"),
])  # fmt: skip
def test_gallery_names_cleaned(gallery: Gallery, result: Path, given: str, kept: str) -> None:
    bad = result.rename(result.with_name(given)) if given != "..png" else result
    path = gallery.keep(bad, "cnn")
    assert path.parent == gallery.folder / "cnn"
    assert given == "..png" or path.name == kept


@pytest.mark.parametrize(
    "name", ["", ".", "../secret.png", "/etc/passwd", "cnn/../../secret.png", "link.png",
             ".thumbnails/x.webp", "cnn", "nobody.png", "a\0b", None, 7, ["cnn"]]
)  # fmt: skip
def test_gallery_finds_results_only(
    gallery: Gallery, result: Path, tmp_path: Path, name: Any
) -> None:
    gallery.keep(result, "cnn")
    secret = picture(tmp_path, "secret.png", (9, 9, 9))
    (gallery.folder / "link.png").symlink_to(secret)
    (gallery.folder / THUMBNAILS / "x.webp").write_bytes(b"x")
    for act in (gallery.find, gallery.delete):
        with pytest.raises(UsageError, match="no longer in the gallery"):
            act(name)
    assert secret.exists() and names(gallery) == ["cnn/lion-waves-cnn-0.png"]


def test_gallery_strange_files_harmless(gallery: Gallery, result: Path, tmp_path: Path) -> None:
    """A picture of somebody else, a broken one, notes, and one deleted behind our back."""
    picture(gallery.folder, "else where#1.jpg", (9, 99, 9))
    (gallery.folder / "broken.png").write_bytes(b"no picture")
    (gallery.folder / "empty.png").touch()
    (gallery.folder / "notes.txt").write_text("no picture")
    gone = gallery.keep(result, "cnn")
    found = {one.name: one for one in gallery.results()}
    assert found.keys() == {"else where#1.jpg", "broken.png", "cnn/lion-waves-cnn-0.png"}
    gone.unlink()
    small = {name: gallery.thumbnail(one) for name, one in found.items()}
    assert small.pop("else where#1.jpg") and set(small.values()) == {None}
    gallery.pack(list(found.values()), tmp_path / "all.zip")
    with ZipFile(tmp_path / "all.zip") as pack:
        assert sorted(pack.namelist()) == ["broken.png", "else where#1.jpg"]
    gallery.delete("broken.png")
    assert names(gallery) == ["else where#1.jpg"]


def test_gallery_thumbnails_made_once_and_bounded(gallery: Gallery, result: Path) -> None:
    gallery.keep(result, "cnn")
    one, = gallery.results()  # fmt: skip
    small = gallery.thumbnail(one)
    assert small is not None
    made = small.stat().st_mtime_ns
    assert gallery.thumbnail(one) == small and small.stat().st_mtime_ns == made
    gallery.delete(one.name)
    Gallery(gallery.folder)
    assert not list((gallery.folder / THUMBNAILS).iterdir())


def test_gallery_of_ten_thousand_stays_quick(gallery: Gallery, result: Path) -> None:
    place = gallery.folder / "cnn"
    place.mkdir()
    data = result.read_bytes()[:1]
    for number in range(10_000):
        (place / f"{number}.png").write_bytes(data)
    began = time.process_time()
    assert len(gallery.results("cnn")) == 10_000
    assert time.process_time() - began < 1


def test_gallery_keeps_cells_of_grids(engine: Engine, gallery: Gallery, tmp_path: Path) -> None:
    content = {"content": {"a b": picture(tmp_path, "a.png", (9, 99, 9))}}
    values = {"size": 64, "backend": "fake"}
    wanted = grid_of(engine.catalogue, "sample", content, {"seed": (0, 1)}, values)
    context = PageContext(engine, Texts(), Settings, Limits(9, 999), Traffic(engine.line))
    runner = GridRunner(context, judged=False, gallery=gallery)
    labels = {0: "first", 1: "second"}
    *_, last = runner.run(wanted, labels, Folder("sweep"), threading.Event(), "", "en")
    assert len(last.made) == 2
    assert sorted(names(gallery)) == [f"sample/a-b-sample-{seed}.png" for seed in (0, 1)]
    assert recipe_in(gallery.find("sample/a-b-sample-1.png")).seed == 1


def test_gallery_folder_unwritable_told(tmp_path: Path, result: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        Gallery(tmp_path / "file")
    gallery = Gallery(tmp_path / "gallery")
    (gallery.folder / "cnn").touch()
    with pytest.raises(OutputError, match="cannot write"):
        gallery.keep(result, "cnn")


@pytest.mark.parametrize(("host", "share", "auth", "space", "why"), [
    ("0.0.0.0", False, None, False, "ask for a password"),
    (None, True, None, False, "nothing is kept"),
    (None, True, ("ann", "secret"), False, "nothing is kept"),
    (None, False, ("ann", "secret"), True, "nothing is kept"),
])  # fmt: skip
def test_gallery_refused_where_others_see_it(
    tmp_path: Path, host: str | None, share: bool, auth: Any, space: bool, why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if space:
        monkeypatch.setenv("SPACE_ID", "a/b")
    assert page._gallery(None, host, share, auth) is None
    monkeypatch.setenv(page.GALLERY, str(tmp_path / "gallery"))
    with pytest.raises(UsageError, match=why):
        page._gallery(None, host, share, auth)
    with pytest.raises(UsageError, match=why):
        page.launch(host, None, share, auth, block=False)
    assert not (tmp_path / "gallery").exists()
    monkeypatch.delenv("SPACE_ID", raising=False)
    kept = page._gallery(None, None, False, None)
    assert kept is not None and kept.folder == tmp_path / "gallery"
