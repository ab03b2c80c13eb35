"""`styleplug doctor` says what works, what does not, and what to do."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from styleplug import cli
from styleplug.backends import choose
from styleplug.cli import doctor
from styleplug.store import Store
from styleplug.system import extras


def examined(capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, dict[str, str]]:
    """Findings of the command by subject."""
    with pytest.raises(SystemExit) as leaving:
        cli.main(["doctor", "--json"])
    assert (leaving.value.code or 0) == code
    return {row["subject"]: row for row in json.loads(capsys.readouterr().out)}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes seconds: the digests, and painting."""
    monkeypatch.setattr(Store, "verify", lambda store: [])
    monkeypatch.setattr(
        doctor, "painted", lambda name, device: doctor.Finding(f"{name} {device}", "ok", "")
    )


@pytest.mark.slow
def test_doctor_paints_on_every_device(capsys: pytest.CaptureFixture[str]) -> None:
    found = examined(capsys)
    assert "128 px in" in found["backend onnx, cpu"]["found"]
    assert "128 px in" in found["backend torch, cpu"]["found"]
    assert found["weights"]["state"] == "ok"


def test_doctor_missing_package_names_command(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(extras.EXTRAS, "heic", ("no_such_package",))
    row = examined(capsys)["extra heic"]
    assert row["state"] == "note" and "no_such_package: not installed" in row["found"]
    assert row["remedy"] == 'pip install "styleplug[heic]"'


def test_doctor_no_backend_fails(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(choose.EXTRAS, "torch", ("no_such_package",))
    monkeypatch.setitem(choose.EXTRAS, "onnx", ("no_such_package",))
    found = examined(capsys, 1)
    assert found["backends"]["state"] == "failed"
    assert "styleplug[onnx]" in found["backends"]["remedy"]
    assert "no_such_package" in found["backend torch"]["found"]


def test_doctor_wrong_weights_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"file": "cnn.safetensors", "ok": False, "why": "damaged or another file"}
    monkeypatch.setattr(doctor, "painted", lambda *_: doctor.Finding("x", "ok", ""))
    monkeypatch.setattr(Store, "verify", lambda store: [row])
    assert examined(capsys, 1)["weights cnn.safetensors"]["found"] == row["why"]


def test_doctor_broken_plugin_fails(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(methods={}, broken={"theirs": "no title"})
    monkeypatch.setattr("styleplug.methods.catalogue", lambda: found)
    assert examined(capsys, 1)["plug-in theirs"]["found"] == "no title"


def test_doctor_port_in_use_noted(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(doctor, "PORT", taken.getsockname()[1])
        row = examined(capsys)["port of the page"]
    assert row["state"] == "note" and "is in use" in row["found"]


def test_doctor_cache_not_writable_noted(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    row = examined(capsys)["cache of weights"]
    assert row["state"] == "note" and "cannot be written" in row["found"]


@pytest.mark.parametrize(
    ("place", "mark", "command"),
    [
        ("venv", "pyvenv.cfg", 'pip install "styleplug[ray]"'),
        ("pipx", "pipx_metadata.json", 'pipx runpip styleplug install "styleplug[ray]"'),
        ("tool", "uv-receipt.toml", 'uv tool install "styleplug[onnx,ray]"'),
        ("archive-v0/abc", "pyvenv.cfg", 'uvx "styleplug[onnx,ray]"'),
    ],
)
def test_remedy_named_for_the_tool_that_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, mark: str, command: str
) -> None:
    here = tmp_path / place
    here.mkdir(parents=True)
    (here / mark).touch()
    monkeypatch.setattr(extras.sys, "prefix", str(here))
    there = {"onnxruntime"}
    monkeypatch.setattr(extras, "find_spec", lambda name: name if name in there else None)
    assert extras.install("ray") == f"`{command}`"
