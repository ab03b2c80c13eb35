"""Without a home, a known user or a cache that can be written: all works, less is remembered."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import make_photo

from styleplug.engine.plan import Calibration, Kind, Observation
from styleplug.imaging import write
from styleplug.store import Store
from styleplug.store.hub import home
from styleplug.store.trained import VARIABLE
from styleplug.system.files import at_home

HOUSE = Path(__file__).parents[1]
KIND, RUN = Kind("fake", "cpu", "tint", ()), Observation(1.0, 1.0, 1.0, 1.0)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The empty working folder of a user whom the system does not know."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_home_missing_makes_no_tilde_folder(homeless: Path) -> None:
    assert at_home("~/a") == Path("/nonexistent/a") and at_home("~") == Path("/nonexistent")
    assert at_home("a/~") == Path("a/~")
    assert home() == Path("/nonexistent/.cache/huggingface")


def test_calibration_without_home_stays_in_memory(homeless: Path) -> None:
    calibration = Calibration()
    calibration.observe(KIND, "", RUN)
    assert calibration.of(KIND) == (RUN,) and not Calibration().of(KIND)
    assert not os.listdir(homeless)


def test_weights_listing_without_home_works(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "~/runs")
    assert {row["source"] for row in Store().listing()} == {"embedded"}
    with pytest.raises(Exception, match="which is not a folder"):
        _ = Store().trained
    assert not os.listdir(homeless)


def test_cache_unwritable_keeps_working(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("HF_HOME", raising=False)
    calibration = Calibration()
    calibration.observe(KIND, "", RUN)
    assert calibration.of(KIND) == (RUN,)
    assert {row["source"] for row in Store().listing()} == {"embedded"}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for all users; those of pytest are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("home", [None, "locked"])
def test_process_of_unknown_user_runs(open_folder: Path, home: str | None) -> None:
    write(make_photo(40, 30), open_folder / "a.png")
    (open_folder / "locked").mkdir(mode=0o700)
    environment = {"PYTHONPATH": os.pathsep.join([str(HOUSE), *sys.path])}
    environment |= {"HOME": str(open_folder / home)} if home else {}

    def run(line: str) -> str:
        done = subprocess.run(
            [sys.executable, *line.split()],
            env=environment,
            cwd=open_folder,
            user=23456,
            group=23456,
            extra_groups=[],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        run("-c 1")
    except PermissionError:
        pytest.skip("this Python is closed to other users")
    quick = "--content a.png --style a.png --backend fake --size 64 --out b.png"
    assert run(f"-m styleplug run cnn {quick}") == "b.png\n"
    assert "embedded" in run("-m styleplug weights list")
    assert sorted(os.listdir(open_folder)) == ["a.png", "b.png", "locked"]
