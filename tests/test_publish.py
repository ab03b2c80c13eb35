"""Publishing a training result to a Hub on this machine."""

from __future__ import annotations

import hashlib

import huggingface_hub.constants
import pytest
from typer.testing import CliRunner

from styleplug.cli import app
from styleplug.core.errors import HubUnavailable, UsageError, WeightError
from styleplug.store.publish import publish, publishable
from styleplug.store.trained import Model, read_trained
from styleplug.training.loop.card import write_model
from tests.hub import WRITER, LoopbackHub

# The client uploads by a way that what it is built on has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
SENT = {
    "best.safetensors",
    "model.toml",
    "README.md",
    "sample.png",
    "graphs/toy.apply.onnx",
}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with LoopbackHub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def result(tmp_path):
    """A finished result, and beside it what nobody else is to see."""
    folder = tmp_path / "seaside"
    (folder / "graphs").mkdir(parents=True)
    (folder / "samples").mkdir()
    data = b"weights" * 99
    (folder / "best.safetensors").write_bytes(data)
    (folder / "graphs/toy.apply.onnx").write_bytes(b"a graph")
    (folder / "sample.png").write_bytes(b"a picture")
    for name in ("setup.json", "log.jsonl", "checkpoint.safetensors", "last.safetensors"):
        (folder / name).write_text("/elsewhere/mine")
    (folder / "samples/000000001.png").write_bytes(b"a picture")
    model = Model(
        title="Seaside",
        arch="toy",
        method="toy",
        file="best.safetensors",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        command="styleplug train toy --data photos",
        seed=0,
        steps=5,
        seconds=60.0,
        scores={"loss": 0.5},
        data=("photos",),
        pictures=7,
    )
    write_model(folder, model)
    return folder


def test_publish_sends_finished_files_only(hub, result):
    address = publish(result, "somebody/seaside", private=True, message="First weights")
    repo = hub.repos["somebody/seaside"]
    files = repo.commits[repo.main]
    assert address == f"{hub.url}/somebody/seaside"
    assert set(files) == SENT
    for name, data in files.items():
        assert data == (result / name).read_bytes()
    assert repo.private and repo.message == "First weights"
    assert not any(b"/elsewhere" in data for data in files.values())


def test_publish_command_prints_address_and_licence(hub, result):
    options = ["publish", str(result), "--repo", "seaside", "--licence", "cc-by-4.0"]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == f"{hub.url}/somebody/seaside"
    assert read_trained(result).model.licence == "cc-by-4.0"
    repo = hub.repos["somebody/seaside"]
    assert b'\nlicense: "cc-by-4.0"\n' in repo.commits[repo.main]["README.md"]
    assert not repo.private


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"HF_TOKEN": ""}, UsageError, "hf auth login"),
        ({"HF_TOKEN": "hf_other"}, HubUnavailable, "does not know this token"),
        ({"HF_HUB_OFFLINE": "1"}, HubUnavailable, "HF_HUB_OFFLINE is set"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, HubUnavailable, "once the Hub can be reached"),
    ],
)
def test_publish_faults_named_nothing_sent(
    hub, result, monkeypatch, tmp_path, change, error, words
):
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=words):
        publish(result, "somebody/seaside")
    assert not hub.repos


def test_publish_forbidden_named(hub, result):
    hub.status = 403
    with pytest.raises(HubUnavailable, match="may not write there"):
        publish(result, "others/seaside")


@pytest.mark.parametrize("name", ["", "a/b/c", "../x", "a b", "-x"])
def test_publish_bad_name_refused(result, name):
    with pytest.raises(UsageError, match="expected OWNER/NAME"):
        publish(result, name)


def test_publish_damaged_result_refused(hub, result):
    (result / "best.safetensors").write_bytes(b"others")
    with pytest.raises(WeightError, match="damaged or another file"):
        publish(result, "somebody/seaside")
    assert not hub.repos


def test_publish_ignores_links_out_of_folder(result, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (result / "sample.png").unlink()
    (result / "sample.png").symlink_to(tmp_path / "secret")
    assert set(publishable(result)) == SENT - {"sample.png"}
