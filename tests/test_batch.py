"""Many runs by one command or call: `styleplug batch | grid | sheet`, and the same in Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_photo

import styleplug
from styleplug import cli
from styleplug import imaging as image
from styleplug.core.errors import UsageError
from styleplug.engine import styles
from styleplug.engine.ledger import FILE
from styleplug.engine.request import recipe_in
from styleplug.imaging.contact import contact_sheet
from styleplug.methods import catalogue

Command = Callable[..., tuple[int, str, str]]
QUICK = ("--size", 64, "--set", "backend=fake")


@pytest.fixture
def style(tmp_path: Path) -> Path:
    image.write(make_photo(60, 60, seed=7), tmp_path / "marks.png")
    return tmp_path / "marks.png"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            cli.main([*map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(leaving.value.code or 0), out, err

    return command


@pytest.fixture
def swatches(monkeypatch: pytest.MonkeyPatch, style: Path) -> None:
    """Painting the built-in styles takes a second each."""
    monkeypatch.setattr("styleplug.engine.grid_request.built_in", lambda name: style)


# The command line -----------------------------------------------------------------------------


def test_batch_keeps_sub_folders_and_resumes(
    run: Command, photos: Path, style: Path, tmp_path: Path
) -> None:
    out = photos / "painted"  # below the inputs
    command = ("batch", photos, "--style", style, "--out", out, *QUICK, "--json")
    status, said, err = run(*command)
    assert status == 0, err
    assert json.loads(said) | {"seconds": 0} == {
        "out": str(out), "done": 3, "skipped": 0, "failed": 0, "seconds": 0, "failures": [],
    }  # fmt: skip
    files = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    assert files == {"a-marks-cnn.png", "b-marks-cnn.png", "sub/c-marks-cnn.png"}
    assert recipe_in(out / "sub/c-marks-cnn.png").size == 64
    assert json.loads(run(*command)[1])["skipped"] == 3


def test_batch_ends_with_1_if_a_picture_failed(
    run: Command, photos: Path, style: Path, tmp_path: Path
) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    command = ("batch", photos, "--style", style, "--out", tmp_path / "out", *QUICK)
    status, out, err = run(*command)
    assert status == 1 and "broken-marks-cnn.png: 'broken.png' is damaged" in err
    assert "3 made, 0 finished before, 1 failed" in err and out == f"{tmp_path / 'out'}\n"
    status, _, err = run(*command)
    assert status == 1 and "failed before: 'broken.png' is damaged" in err
    image.write(make_photo(9, 9), photos / "broken.png")
    assert run(*command, "--retry-failed")[0] == 0


@pytest.mark.parametrize(("arguments", "why"), [
    (("--out", "{photos}"), "is a folder of inputs"),
    (("--out", "o", "--style", "nobody"), "one of the built-in styles: night"),
    (("--out", "o", "--over", "size"), "expected NAME=VALUE"),
    (("--out", "o", "--method", "cnn,gatys", "--set", "iterations=2"), "method cnn: unknown"),
    (("--out", "o", "--pattern", "*.tif"), "there is no picture like '*.tif'"),
    (("--out", "o", "--over", "style_weight=0:1:10001", "--over", "seed=0:9999:10000"),
     "300,030,000 cells"),
    (("--out", "o", "--engine", "abacus"), "unknown engine 'abacus'"),
    (("--out", "o", "--names", "{who}.png"), "unknown field 'who'"),
    (("--out", "o", "--shard", "3/2"), "such as 3/8"),
])  # fmt: skip
def test_batch_says_what_is_wrong_before_it_begins(
    run: Command, photos: Path, style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], why: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = [one.replace("{photos}", str(photos)) for one in arguments]
    status, out, err = run("batch", photos, "--style", style, *QUICK[2:], *given)
    assert status == 2 and why in " ".join(err.split()) and not out


def test_names_and_formats_are_chosen(
    run: Command, photos: Path, style: Path, tmp_path: Path
) -> None:
    names = ("--names", "{content}/{size}.jpg", "--over", "size=64,80", "--pattern", "sub/*")
    command = ("batch", photos, "--style", style, "--out", tmp_path / "out", *QUICK[2:], *names)
    assert run(*command)[0] == 0
    made = {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("*0.jpg")}
    assert made | {"sub/c/64.jpg"} == {"sub/c/64.jpg", "sub/c/80.jpg"}


def test_grid_makes_a_sheet_and_cells(
    run: Command, photos: Path, style: Path, tmp_path: Path
) -> None:
    sheet, cells = tmp_path / "sheet.png", tmp_path / "cells"
    over = ("--over", "style_weight=0.5:1:2", "--over", "size=64,96", "--best", "style_gain")
    command = ("grid", "--content", photos / "a.png", "--style", style, *over, "--cells", cells,
               "--set", "backend=fake", "--out", sheet)  # fmt: skip
    status, out, err = run(*command)
    assert (status, out) == (0, f"{sheet}\n"), err
    first = image.read(sheet)
    assert len([*cells.glob("a-marks-*.png")]) == 4
    scored = [json.loads(line) for line in (cells / FILE).read_text().splitlines()[1:]]
    assert all(set(row["scores"]) == {"style_gain", "content_kept"} for row in scored)
    sheet.unlink()
    assert "4 finished before" in run(*command)[2]
    again = image.read(sheet)
    assert first.pixels.shape == again.pixels.shape  # scores and times are in the ledger
    assert np.abs(first.pixels - again.pixels).mean() < 1e-3


def test_sheet_shows_every_built_in_style(
    run: Command, photos: Path, tmp_path: Path, swatches: None
) -> None:
    out = tmp_path / "sheet.png"
    status, _, err = run("sheet", photos / "a.png", "--out", out, *QUICK)
    assert status == 0 and "12 made" in err
    assert image.measure(out)[0] > 3 * 64


def test_help_is_there(run: Command) -> None:
    for command in ("batch", "grid", "sheet"):
        status, out, _ = run(command, "--help")
        assert status == 0 and "--out" in re.sub(r"\s+", " ", out)


def test_run_reports_scores_if_asked_for(
    run: Command, photos: Path, style: Path, tmp_path: Path
) -> None:
    command = ("run", "cnn", "--content", photos / "a.png", "--style", style, "--size", 64,
               "--backend", "fake", "--out", tmp_path / "x.png", "--json")  # fmt: skip
    assert json.loads(run(*command)[1])["scores"] == {}
    assert json.loads(run(*command, "--scores")[1])["scores"].keys() == {
        "style_gain", "content_kept",
    }  # fmt: skip


# Python ---------------------------------------------------------------------------------------


def test_python_compares_pictures_in_memory(style: Path) -> None:
    content = make_photo(70, 50).pixels
    over: dict[str, Any] = {"keep_colours": [False, True], "size": "64,80"}
    found = styleplug.grid(content, style, over=over, best="content_kept", backend="fake")
    assert [cell.cell.labels["size"] for cell in found.cells] == ["64", "80"] * 2
    assert found.best in found.cells and not found.failures
    assert all(cell.frame and cell.report and cell.report.scores for cell in found.cells)
    assert found.sheet.shape[2] == 3


def test_python_paints_a_folder(photos: Path, style: Path, tmp_path: Path) -> None:
    marks = [style, make_photo(40, 40, seed=8).pixels]
    first = styleplug.batch(photos, marks, tmp_path / "out", size=64, backend="fake")
    assert (first.done, first.skipped, first.failures) == (6, 0, ())
    again = styleplug.batch(photos, marks, tmp_path / "out", size=64, backend="fake")
    assert (again.done, again.skipped) == (0, 6)
    assert (tmp_path / "out" / "a-style 1-cnn.png").exists()


def test_python_paints_shards(photos: Path, style: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def shard(text: str) -> int:
        made = styleplug.batch(
            photos, style, out, size=64, backend="fake", over={"seed": range(4)}, shard=text
        )
        assert not made.failures and not made.skipped
        return made.done

    made = [shard("1/2"), shard("2/2")]
    assert min(made) > 0 and sum(made) == len(list(out.rglob("*.png"))) == 12
    with pytest.raises(UsageError, match="shard '3/2': expected"):
        shard("3/2")


def test_all_stands_for_all_methods_that_fit(style: Path) -> None:
    with pytest.raises(UsageError, match="needs a picture 'style'"):
        styleplug.grid(style, None, over={}, method="all")
    from styleplug.engine.grid_request import transfers

    assert set(transfers(catalogue())) >= {"cnn", "gatys", "vae", "autoencoder"}
    assert "completion" not in transfers(catalogue())


def test_a_sheet_of_too_many_is_refused(style: Path) -> None:
    with pytest.raises(UsageError, match="a sheet shows at most 1000"):
        styleplug.grid(style, style, over={"seed": range(2000)})
    with pytest.raises(UsageError, match="no score 'taste'"):
        styleplug.grid(style, style, over={"seed": range(2)}, best="taste")


# Built-in styles and sheets -------------------------------------------------------------------


def test_a_built_in_style_is_painted_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    painted = []

    class Painter:
        def paint(self) -> np.ndarray:
            painted.append(1)
            return make_photo(20, 20).pixels

    monkeypatch.setattr(styles, "SWATCHES", {"night": Painter()})
    monkeypatch.setattr(styles, "user_cache_path", lambda *_, **__: tmp_path)
    assert styles.built_in("night") == styles.built_in("night") and len(painted) == 1
    monkeypatch.setattr(styles, "user_cache_path", lambda *_, **__: tmp_path / "a-file")
    (tmp_path / "a-file").touch()
    assert styles.built_in("night").exists() and len(painted) == 2


def test_a_contact_sheet_has_its_pictures_where_they_belong() -> None:
    red, blue = (np.zeros((40, 60, 3), np.float32) for _ in range(2))
    red[:, :, 0], blue[:, :, 2] = 1, 1
    sheet = contact_sheet(
        {(0, 0): red, (0, 1): blue}, ["one", "two"], ["row"], captions={(0, 2): "failed"},
        title="title", best=(0, 1), side=60,
    )  # fmt: skip
    reds = np.argwhere((sheet[:, :, 0] == 1) & (sheet[:, :, 1] == 0))
    blues = np.argwhere((sheet[:, :, 2] == 1) & (sheet[:, :, 1] == 0))
    assert len(reds) == len(blues) == 40 * 60
    assert reds[:, 1].max() < blues[:, 1].min() and (reds[:, 0] == blues[:, 0]).all()
    small = contact_sheet({(0, 0): red}, [""] * 40, [""] * 40, most=900)
    assert max(small.shape) <= 2200 and min(small.shape[:2]) > 400


def test_transparent_pictures_are_on_white() -> None:
    clear = np.zeros((40, 60, 4), np.float32)
    assert contact_sheet({(0, 0): clear}, [""], [""]).min() == 1
