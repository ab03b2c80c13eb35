"""`styleplug deploy` to a Hub on this machine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from test_docs import HOUSE, README, block
from test_publish import hub as hub
from typer.testing import CliRunner

from styleplug.cli import app
from styleplug.hosts import space

MANUAL = (Path(__file__).parents[2] / "docs" / "space.md").read_text()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


def test_space_created_and_updated(hub: Any, tmp_path: Path, monkeypatch: Any) -> None:  # noqa: F811
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(space, "weights_folder", lambda: tmp_path)
    line = block(MANUAL, "bash").replace("OWNER/NAME", "ann/style")
    for _ in range(2):
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output
        assert "spaces/ann/style" in done.stdout
    there = hub.repos["ann/style"]
    sent = there.commits[there.main]
    assert there.private and len(there.commits) == 2
    assert there.hardware == "zero-a10g", "which a free account may have"
    assert sent["weights/net.safetensors"] == b"weights"
    assert b"torch>=2.8,<2.12" in sent["requirements.txt"]
    assert b'python_version: "3.12.12"' in sent["README.md"]
    assert b"preload_from_hub" in sent["README.md"]
    thumbnail = re.search(
        rb"^thumbnail: .+/spaces/ann/style/resolve/main/(.+)$", sent["README.md"], re.M
    )
    assert thumbnail is not None and sent[thumbnail[1].decode()] == space.THUMBNAIL.read_bytes()


def test_repository_is_the_same_space() -> None:
    """A copy of this repository has the packages and the front matter of what `deploy` sends."""
    sent = {name: what.decode() for name, what in space.files("ann/style").items()
            if isinstance(what, bytes)}  # fmt: skip
    listed = (HOUSE / "requirements.txt").read_text(encoding="utf-8").partition("\n")[2]
    here, there = ({Requirement(line) for line in text.splitlines()}
                   for text in (listed, sent["requirements.txt"]))  # fmt: skip
    assert here == there
    here, there = (yaml.safe_load(text.split("---")[1]) for text in (README, sent["README.md"]))
    assert there.pop("thumbnail") and "thumbnail" not in here, "its address has the owner's name"
    assert here.pop("sdk_version") and there.pop("sdk_version")
    assert here == there


def test_files_of_space_run(tmp_path: Path) -> None:
    for name, what in space.files("ann/style").items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, bytes):
            path.write_bytes(what)
        else:
            path.symlink_to(what)
    code = "import styleplug; from styleplug.store import Store; from styleplug.cli import main;"
    code += "assert all(row['ok'] for row in Store().verify()); print(styleplug.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.stdout.startswith(str(tmp_path)), done.stderr
    lines = (tmp_path / "requirements.txt").read_text().split()
    assert not [line for line in lines if line.startswith(("ray", "onnxruntime-gpu", "pytest"))]
    assert [line for line in lines if line.startswith("gradio")]
