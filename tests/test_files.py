"""Files: what may be opened as a picture, and what is left when one is written."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from styleplug.core.errors import BadImage, OutputError
from styleplug.imaging import encode, read, read_recipe
from styleplug.system import files

PNG = encode(np.zeros((4, 6, 3), np.float32), recipe="{}")

# What comes in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["https://a.example/b.png", "HTTP://a.example", "s3://a/b.png", "file:///b.png"]
)
def test_read_address_refused(address: str) -> None:
    for source in (address, Path(address)):  # Path makes one slash of two
        for reader in (read, read_recipe):
            with pytest.raises(Exception, match="does not fetch pictures from the network"):
                reader(source)


def test_read_file_with_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ab:").mkdir()
    (tmp_path / "ab:" / "c.png").write_bytes(PNG)
    assert read("ab:/c.png").width == 6
    assert files.not_fetched("C:/c.png") is None and files.not_fetched("a/b:/c.png") is None


def piped(path: Path, data: bytes) -> threading.Thread:
    """A named pipe out of which this data comes."""
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(data))
    writer.start()
    return writer


def test_read_pipe_to_end_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = piped(tmp_path / "pipe", PNG)
    assert read(tmp_path / "pipe").width == 6
    writer.join()
    monkeypatch.setattr(files, "MOST_PIPED", len(PNG) - 1)
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(PNG))
    writer.start()
    with pytest.raises(BadImage, match="the pipe contains more than .* bytes; save them to a file"):
        read(tmp_path / "pipe")
    writer.join()


# What goes out --------------------------------------------------------------------------------


def test_write_follows_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / "link.png"
    for there in ("old.png", "new.png"):
        (tmp_path / "far" / "old.png").write_bytes(b"old")
        link.symlink_to(Path("far") / there)
        files.write_file(link, b"data")
        assert link.is_symlink() and (tmp_path / "far" / there).read_bytes() == b"data"
        link.unlink()
    link.symlink_to(link)
    with pytest.raises(OutputError, match="symbolic links"):
        files.write_file(link, b"data")
    assert sorted(os.listdir(tmp_path)) == ["far", "link.png"]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_write_keeps_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    path.chmod(mode)
    files.write_file(path, b"data")
    assert path.stat().st_mode & 0o777 == mode and path.read_bytes() == b"data"


def test_write_into_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    came: list[bytes] = []
    reader = threading.Thread(target=lambda: came.append((tmp_path / "pipe.png").read_bytes()))
    reader.start()
    files.write_file(tmp_path / "pipe.png", b"data")
    reader.join(10)
    assert came == [b"data"] and os.listdir(tmp_path) == ["pipe.png"]


def test_write_name_too_long_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the name is too long: choose a shorter one"):
        files.write_file(tmp_path / ("n" * 300), b"data")
    assert not os.listdir(tmp_path)
