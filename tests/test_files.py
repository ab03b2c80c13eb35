"""Files: what may be opened as a picture, and what is left when one is written."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from styleplug.core import files
from styleplug.core.errors import BadImage
from styleplug.core.image import encode, read, read_recipe

PNG = encode(np.zeros((4, 6, 3), np.float32), recipe="{}")

# What comes in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["https://a.example/b.png", "HTTP://a.example", "s3://a/b.png", "file:///b.png"]
)
def test_an_address_is_told_from_a_file(address: str) -> None:
    for source in (address, Path(address)):  # Path makes one slash of two
        for reader in (read, read_recipe):
            with pytest.raises(Exception, match="does not fetch pictures from the network"):
                reader(source)


def test_a_file_with_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_pipe_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = piped(tmp_path / "pipe", PNG)
    assert read(tmp_path / "pipe").width == 6
    writer.join()
    monkeypatch.setattr(files, "MOST_PIPED", len(PNG) - 1)
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(PNG))
    writer.start()
    with pytest.raises(BadImage, match="came out of the pipe; write them into a file"):
        read(tmp_path / "pipe")
    writer.join()
