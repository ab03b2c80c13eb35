"""The store: embedded, local and Hub weights, everything that goes wrong with them included."""

import hashlib
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import numpy as np
import pytest
from filelock import FileLock
from hub import LoopbackHub
from safetensors import safe_open
from safetensors.numpy import load_file, save

from styleplug.core.errors import DigestMismatch, HubUnavailable, WeightError
from styleplug.core.params import Params
from styleplug.core.weight import VGG19, Embedded, Hub, Local
from styleplug.imaging import write
from styleplug.store import Store, graphs, header, weights_folder
from styleplug.store import cache as cache_module
from styleplug.store import files as files_module
from styleplug.store import hub as hub_module
from styleplug.training.loop.datasets import load_datasets
from styleplug.training.loop.setup import HUB_TEACHER, Setup

REPO, FILE = "owner/vgg19", "model.safetensors"
ENCODER = Embedded("encoder", "encoder.safetensors")


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


VGG = {
    "classifier.0.weight": numbers(512, 2048, seed=1),  # 4 MB, sorted before the features
    "features.0.bias": numbers(64, seed=2),
    "features.0.weight": numbers(64, 3, 3, 3, seed=3),
    "features.10.weight": numbers(128, 64, 3, 3, seed=4),
    "features.2.weight": numbers(64, 64, 3, 3, seed=5),
    "pre_logits.weight": numbers(256, 256, seed=6),
}
FEATURES = tuple(sorted((name for name in VGG if name.startswith("features")), reverse=True))
VGG_BYTES = save(VGG)

WHOLE = Hub("vgg19", REPO, FILE, licence="BSD-3-Clause")
PART = Hub("vgg19", REPO, FILE, licence="BSD-3-Clause", tensors=FEATURES)
SCATTERED = Hub(
    "vgg19",
    REPO,
    FILE,
    licence="BSD-3-Clause",
    tensors=("pre_logits.weight", "features.0.bias", "features.10.weight"),
)
STORED = {
    source: save({name: VGG[name] for name in source.tensors or VGG})
    for source in (WHOLE, PART, SCATTERED)
}


FEATURE_BYTES = STORED[PART]


PATIENCE = hub_module.FIRST_ANSWER


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def resolve(store, *sources):
    """The file, and the notes on the way."""
    notes, steps = [], store.resolve(sources)
    while True:
        try:
            notes.append(next(steps))
        except StopIteration as stop:
            return stop.value, notes


def bundle(folder, **changes):
    """A weights folder with one encoder in it."""
    folder.mkdir(exist_ok=True)
    data = save({"stem.weight": numbers(8, 3, 3, 3)})
    (folder / ENCODER.file).write_bytes(data)
    entry = {
        "file": ENCODER.file,
        "arch": ENCODER.arch,
        "sha256": sha256(data),
        "size": len(data),
        "licence": "MIT",
        "title": "test encoder",
        "source": "made by the tests",
        "command": "none",
    } | changes
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    lines.append('trained_on = [{ name = "noise", credit = "nobody", licence = "CC0-1.0" }]')
    (folder / "manifest.toml").write_text("[[weight]]\n" + "\n".join(lines), "utf-8")
    return folder


@pytest.fixture
def store(tmp_path):
    return Store(bundle(tmp_path / "weights"), tmp_path / "cache")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("HF_", "HUGGING")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    # A machine under load is no slow Hub: only the tests of time have the real patience.
    monkeypatch.setattr(hub_module, "FIRST_ANSWER", 30.0)
    monkeypatch.setattr(hub_module, "STALL", 60.0)
    # A port may come again, and what its last server did wrong is no fault of the next.
    monkeypatch.setattr(hub_module.failures, "_failed", {})
    # The client has read the environment when it was imported.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
    with LoopbackHub() as server:
        server.put(REPO, FILE, VGG_BYTES)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def impatient(monkeypatch):
    """A failure is forgotten at once, so that the next try asks again."""
    monkeypatch.setattr(hub_module, "QUIET", 0.0)


def only(folder, pattern):
    (found,) = folder.rglob(pattern)
    return found


# --- embedded -----------------------------------------------------------------------------------


def test_embedded_file_found_and_verified(store, tmp_path):
    file, notes = resolve(store, ENCODER)
    assert (file.arch, file.source, file.note) == ("encoder", "embedded", "")
    assert file.path == tmp_path / "weights" / ENCODER.file
    assert file.sha256 == sha256(file.path.read_bytes())
    assert notes == []


def test_checkout_weights_verify():
    folder = weights_folder()
    assert (folder / "manifest.toml").is_file()
    for row in Store(cache_folder=Path("/nonexistent")).verify():
        assert row["ok"], row


def test_weights_folder_wheel_before_checkout(tmp_path, monkeypatch):
    from styleplug.store import manifest

    monkeypatch.setattr(manifest, "__file__", str(tmp_path / "styleplug/store/manifest.py"))
    with pytest.raises(WeightError, match="install it again"):
        weights_folder()
    (tmp_path / "styleplug").mkdir()
    checkout = bundle(tmp_path / "weights")
    assert weights_folder() == checkout
    wheel = bundle(tmp_path / "styleplug/_weights")
    assert weights_folder() == wheel


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "expected"),
        (lambda data: data[:-1], "expected"),
        (lambda data: data + b"\0" * 10**6, "expected"),
    ],
    ids=["one bit", "cut off", "oversized"],
)
def test_embedded_damaged_refused(store, tmp_path, damage, words):
    path = tmp_path / "weights" / ENCODER.file
    good = path.read_bytes()
    path.write_bytes(damage(good))
    with pytest.raises(DigestMismatch, match="install styleplug again") as caught:
        resolve(store, ENCODER)
    assert sha256(good) in str(caught.value)


def test_embedded_damaged_later_noticed(store, tmp_path):
    file, _ = resolve(store, ENCODER)
    file.path.write_bytes(file.path.read_bytes()[::-1])
    with pytest.raises(DigestMismatch):
        resolve(store, ENCODER)


def test_embedded_verified_once_a_process(store, monkeypatch):
    resolve(store, ENCODER)
    monkeypatch.setattr(files_module.hashlib, "file_digest", None)
    assert resolve(store, ENCODER)[0].source == "embedded"


def test_embedded_missing_unlisted_or_swapped_refused(store, tmp_path):
    with pytest.raises(WeightError, match=r"listed are: encoder\.safetensors"):
        resolve(store, Embedded("encoder", "../secret.safetensors"))
    with pytest.raises(WeightError, match="is for encoder, expected vgg19"):
        resolve(store, Embedded("vgg19", ENCODER.file))
    (tmp_path / "weights" / ENCODER.file).unlink()
    with pytest.raises(WeightError, match=rf"{ENCODER.file} is missing; install styleplug again"):
        resolve(store, ENCODER)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "abc"}, "sha256"),
        ({"file": "../escape.safetensors"}, "file"),
        ({"file": "model.pkl"}, "file"),
        ({"surprise": 1}, "surprise"),
        ({"size": 0}, "size"),
    ],
)
def test_manifest_bad_entry_named(tmp_path, changes, words):
    store = Store(bundle(tmp_path / "weights", **changes), tmp_path / "cache")
    with pytest.raises(WeightError, match=rf"manifest\.toml cannot be used: .*{words}"):
        resolve(store, ENCODER)


def test_manifest_no_toml_refused(tmp_path):
    folder = bundle(tmp_path / "weights")
    (folder / "manifest.toml").write_text("[[weight", "utf-8")
    with pytest.raises(WeightError, match="cannot be used"):
        Store(folder, tmp_path).listing()


def test_manifest_file_listed_twice_refused(tmp_path):
    folder = bundle(tmp_path / "weights")
    text = (folder / "manifest.toml").read_text("utf-8")
    (folder / "manifest.toml").write_text(text + "\n" + text, "utf-8")
    with pytest.raises(WeightError, match="twice"):
        Store(folder, tmp_path).listing()


def test_resolve_without_source_refused(store):
    with pytest.raises(WeightError, match="no source"):
        resolve(store)


# --- local and headers --------------------------------------------------------------------------


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_local_file_digest_checked(store, tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(FEATURE_BYTES)
    file, _ = resolve(store, Local("vgg19", path, sha256(FEATURE_BYTES).upper()))
    assert (file.source, file.sha256) == ("local", sha256(FEATURE_BYTES))
    with pytest.raises(DigestMismatch, match="0" * 64) as caught:
        resolve(store, Local("vgg19", path, "0" * 64))
    assert sha256(FEATURE_BYTES) in str(caught.value)


def test_local_pickle_never_opened(store, tmp_path):
    path, mark = tmp_path / "model.safetensors", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(WeightError, match="is a pickle"):
        resolve(store, Local("vgg19", path))
    shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path, "model.safetensors")
    with pytest.raises(WeightError, match="PyTorch's pickle format"):
        resolve(store, Local("vgg19", tmp_path / "archive.zip"))
    assert not mark.exists()


def test_local_path_without_weights_refused(store, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path, words in [
        (tmp_path / "nowhere", "there is no weight file"),
        (tmp_path, "not a file that can hold weights"),
        (tmp_path / "pipe", "not a file that can hold weights"),
    ]:
        with pytest.raises(WeightError, match=words):
            resolve(store, Local("vgg19", path))
    monkeypatch.setattr(files_module, "LARGEST", 10**6)
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.truncate(10**6 + 1)
    with pytest.raises(WeightError, match="at most 1 MB"):
        resolve(store, Local("vgg19", tmp_path / "large.safetensors"))


def file_of(listed, data=b"\0" * 16, length=None):
    text = listed if isinstance(listed, bytes) else json.dumps(listed).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(**changes):
    return {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | changes


HOSTILE = {
    "empty": b"",
    "short": b"\0" * 9,
    "web page": b"<!doctype html><html>no</html>",
    "lfs pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "text": b"hello world, this is no tensor file",
    "header longer than the file": file_of({"a": tensor()}, length=2**40),
    "negative-looking length": file_of({"a": tensor()}, length=2**64 - 1),
    "not json": file_of(b"{not json}"),
    "not utf-8": file_of(b'{"\xff": 1}'),
    "deep": file_of(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
    "huge number": file_of(b'{"a":' + b"9" * 10**5 + b"}"),
    "name twice": file_of(b'{"a": 1, "a": 2}'),
    "entry is a number": file_of({"a": 1}),
    "entry is a list": file_of({"a": [1]}),
    "no offsets": file_of({"a": {"dtype": "F32", "shape": [4]}}),
    "unknown dtype": file_of({"a": tensor(dtype="object")}),
    "dtype is a list": file_of({"a": tensor(dtype=["F32"])}),
    "negative shape": file_of({"a": tensor(shape=[-2, -2])}),
    "fractional shape": file_of({"a": tensor(shape=[4.0])}),
    "boolean shape": file_of({"a": tensor(shape=[4, True])}),
    "endless shape": file_of({"a": tensor(shape=[1] * 9 + [4])}),
    "too small": file_of({"a": tensor(shape=[5])}),
    "reversed offsets": file_of({"a": tensor(data_offsets=[16, 0])}),
    "beyond the end": file_of({"a": tensor(shape=[8], data_offsets=[0, 32])}),
    "negative offset": file_of({"a": tensor(data_offsets=[-16, 0])}),
    "gap": file_of({"a": tensor(data_offsets=[16, 32])}, b"\0" * 32),
    "overlap": file_of({"a": tensor(), "b": tensor()}),
    "left over": file_of({"a": tensor()}, b"\0" * 20),
    "cut off": save({"a": numbers(4)})[:-1],
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_header_hostile_refused(store, hub, tmp_path, data):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightError, match=r"bad\.safetensors") as caught:
        resolve(store, Local("vgg19", path))
    assert len(str(caught.value)) < 400
    hub.put(REPO, FILE, data)
    for source in (WHOLE, PART):
        file, _ = resolve(store, source, ENCODER)
        assert file.source == "embedded"
        assert "using the embedded test encoder instead" in file.note
    assert list((tmp_path / "cache").rglob("*.safetensors")) == []


def test_header_of_128_bytes_is_no_pickle(tmp_path):
    text = json.dumps({"a": tensor()}).ljust(128).encode()  # the file begins with 0x80
    path = tmp_path / "a.safetensors"
    path.write_bytes(file_of(text))
    header.read(path)


def test_header_rendered_equals_library(tmp_path):
    arrays = {
        "b": numbers(3, 2),
        "a": numbers(5).astype(np.float16),
        'ä"\\': np.arange(3, dtype=np.int64),
        "none": numbers(0, 7),
        "scalar": np.array(True),
    }
    data = save(arrays)
    tensors = header.parse(data, len(data), "x")
    assert data.startswith(header.render(tensors))
    assert list(tensors) == header.order(tensors)


# --- the Hub: what goes well --------------------------------------------------------------------


@pytest.mark.slow
def test_hub_whole_file_fetched_pinned_and_kept(store, hub, tmp_path):
    commit = hub.put(REPO, FILE, VGG_BYTES)
    hub.drip = 0.002
    file, notes = resolve(store, WHOLE, ENCODER)
    assert file.path.read_bytes() == VGG_BYTES
    assert (file.source, file.note) == (f"hub {REPO}@{commit}", "")
    assert file.sha256 == sha256(VGG_BYTES)
    assert any(note.startswith("downloading vgg19 ") and " of 4.9 MB" in note for note in notes)
    pin = json.loads(only(tmp_path / "cache", "*.json").read_text())
    assert (pin["commit"], pin["sha256"]) == (commit, file.sha256)
    assert list((tmp_path / "cache").rglob("*.part")) == []

    hub.put(REPO, FILE, FEATURE_BYTES)  # main moves on; we stay
    hub.requests.clear()
    again, notes = resolve(Store(tmp_path / "weights", tmp_path / "cache"), WHOLE)
    assert again == file
    assert (notes, hub.requests) == ([], [])

    file.path.unlink()
    assert resolve(store, WHOLE)[0] == file
    assert {request.path.split("/")[4] for request in hub.requests} == {commit}


def test_hub_tensors_only_wanted_bytes_fetched(store, hub):
    size = len(VGG_BYTES)
    there, begin = header.parse(VGG_BYTES, size, "vgg"), header.length(VGG_BYTES, size, "vgg")
    file, _ = resolve(store, PART)
    assert file.path.read_bytes() == FEATURE_BYTES  # as the library itself would write it
    for name, array in load_file(file.path).items():
        assert np.array_equal(array, VGG[name])
    sent = hub.sent()
    for name in set(VGG) - set(FEATURES):
        first, last = (begin + offset for offset in there[name].data_offsets)
        beyond = max(first, 2**12)  # the header is read with the first 4096 bytes
        assert not any(start < last and end > beyond for start, end in sent), name
    assert len(sent) <= 3  # neighbouring tensors come by one request
    assert sum(end - start for start, end in sent) < len(FEATURE_BYTES) + 2**13


def test_hub_declared_digest_of_tensors_accepted(store, hub):
    right = Hub("vgg19", REPO, FILE, "MIT", sha256=sha256(FEATURE_BYTES), tensors=FEATURES)
    assert resolve(store, right)[0].sha256 == sha256(FEATURE_BYTES)


def test_hub_missing_tensor_named(store, hub):
    with pytest.raises(WeightError, match=r"has no tensor features\.99\.weight"):
        resolve(store, Hub("vgg19", REPO, FILE, "MIT", tensors=("features.99.weight",)))


def test_hub_redirect_keeps_commit_hides_token(store, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.redirect = True
    file, _ = resolve(store, PART)
    assert file.path.read_bytes() == FEATURE_BYTES
    stored = [request for request in hub.requests if request.path.startswith("/store/")]
    direct = [request for request in hub.requests if not request.path.startswith("/store/")]
    assert stored and {request.token for request in stored} == {""}
    assert {request.token for request in direct} == {"Bearer hf_secret"}


def test_hub_renamed_repository_followed(store, hub):
    hub.renamed = True
    assert resolve(store, PART)[0].path.read_bytes() == FEATURE_BYTES


def test_hub_more_bytes_than_asked_cut(store, hub):
    hub.greedy = True
    assert resolve(store, SCATTERED)[0].path.read_bytes() == STORED[SCATTERED]


def test_hub_other_bytes_than_asked_refused(store, hub):
    hub.shifted = True
    with pytest.raises(HubUnavailable, match="cannot send parts"):
        resolve(store, PART)


def test_hub_without_ranges_whole_file_only(store, hub):
    hub.no_ranges = True
    assert resolve(store, WHOLE)[0].path.read_bytes() == VGG_BYTES
    with pytest.raises(HubUnavailable, match="cannot send parts"):
        resolve(store, PART)


@pytest.mark.slow
def test_hub_slow_download_goes_on(store, hub, monkeypatch):
    monkeypatch.setattr(hub_module, "STALL", 1.5)
    hub.drip = 0.1  # 28 chunks: about 3 s
    file, notes = resolve(store, PART, ENCODER)
    assert file.note == ""
    assert len(set(notes)) >= 4


def test_hub_cut_download_resumed_at_once(store, hub):
    hub.cut_after = 2 * 10**6
    file, _ = resolve(store, WHOLE)
    assert file.path.read_bytes() == VGG_BYTES
    starts = [start for start, _ in hub.sent()]
    assert starts[-2:] == [2 * 10**6, 4 * 10**6]


@pytest.mark.parametrize("source", STORED, ids=["whole", "neighbours", "scattered"])
def test_hub_interrupted_download_resumed_at_same_commit(store, hub, impatient, source, tmp_path):
    hub.cut_after = 100_000
    file, _ = resolve(store, source, ENCODER)
    assert file.source == "embedded"
    assert "the connection was cut" in file.note
    assert list((tmp_path / "cache").rglob("*.safetensors")) == []
    kept = only(tmp_path / "cache", "*.part").stat().st_size
    assert 399_000 < kept < 500_000  # four connections that were cut
    hub.cut_after = None
    hub.put(REPO, FILE, save({"other": numbers(7)}))
    hub.requests.clear()
    file, _ = resolve(store, source, ENCODER)
    data = STORED[source]
    assert file.path.read_bytes() == data
    body = [(start, end) for start, end in hub.sent() if start >= 2**12]
    assert sum(end - start for start, end in body) == len(data) - kept


def test_hub_client_cache_used(store, hub, monkeypatch, tmp_path):
    huggingface_hub.hf_hub_download(
        REPO, FILE, endpoint=hub.url, cache_dir=tmp_path / "home" / "hub"
    )
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    file, _ = resolve(store, PART)
    assert file.path.read_bytes() == FEATURE_BYTES
    assert file.source == f"hub {REPO}@{hub.repos[REPO].main}"
    assert hub.requests == []


def test_hub_default_cache_in_hf_home(hub, tmp_path):
    file, _ = resolve(Store(bundle(tmp_path / "weights")), PART)
    assert file.path.is_relative_to(tmp_path / "home" / "styleplug")


# --- the Hub: what goes wrong -------------------------------------------------------------------

TROUBLES = {
    "down": {},
    "slow": {"slow": 60.0},
    "dripping headers": {"slow_head": 1.5},
    "error 500": {"status": 500},
    "error 503": {"status": 503},
    "too many requests": {"status": 429},
    "not found": {"status": 404, "error_code": "EntryNotFound"},
    "gone": {"status": 404, "error_code": "RepoNotFound"},
    "gated": {"status": 401},
    "forbidden": {"status": 403},
    "odd status": {"status": 302},
    "cut at once": {"cut_after": 0},
    "some web server": {"not_a_hub": True},
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
def test_hub_trouble_falls_back_in_3_s_and_is_remembered(store, hub, trouble, monkeypatch):
    monkeypatch.setattr(hub_module, "FIRST_ANSWER", PATIENCE)
    for name, value in TROUBLES[trouble].items():
        setattr(hub, name, value)
    if trouble == "down":
        hub.down()
    began = time.monotonic()
    file, _ = resolve(store, WHOLE, PART, ENCODER)
    assert time.monotonic() - began < 3
    assert file.source == "embedded"
    assert file.note.startswith("The Hub ") or hub.url in file.note
    assert file.note.endswith("using the embedded test encoder instead")

    asked = len(hub.requests)
    began = time.monotonic()
    again, _ = resolve(store, WHOLE, PART, ENCODER)
    assert time.monotonic() - began < 1
    assert again.note == file.note
    assert len(hub.requests) == asked

    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 61)
    with pytest.raises(WeightError):
        resolve(store, WHOLE)
    for _ in range(100):  # the server may be slower to note it than we are to give up
        if len(hub.requests) > asked or trouble == "down":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the Hub was not asked again after a minute")


@pytest.mark.slow
def test_hub_silent_two_visitors_wait_together(store, hub, monkeypatch):
    monkeypatch.setattr(hub_module, "FIRST_ANSWER", PATIENCE)
    hub.slow = 60
    began = time.monotonic()
    notes = []
    threads = [
        threading.Thread(target=lambda: notes.append(resolve(store, PART, ENCODER)[0].note))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 3
    assert len(hub.requests) == 1
    assert all("could not be reached" in note for note in notes) and len(notes) == 2


def test_hub_never_sends_falls_back(store, hub, monkeypatch):
    monkeypatch.setattr(hub_module, "STALL", 0.5)
    hub.mute = True
    file, _ = resolve(store, PART, ENCODER)
    assert "no data arrived for 0.5 s" in file.note


def test_hub_missing_file_keeps_hub_available(store, hub):
    missing = Hub("other", REPO, "other.safetensors", "MIT")
    assert "EntryNotFound" in resolve(store, missing, ENCODER)[0].note
    assert resolve(store, PART, ENCODER)[0].note == ""


@pytest.mark.slow
def test_hub_stalled_download_given_up_and_resumed(store, hub, impatient, monkeypatch):
    monkeypatch.setattr(hub_module, "STALL", 0.5)
    hub.stall_after = 300_000
    began = time.monotonic()
    file, _ = resolve(store, WHOLE, ENCODER)
    assert 0.4 < time.monotonic() - began < 3
    assert "no data arrived for 0.5 s; the data so far is kept" in file.note
    hub.stall_after = None
    file, _ = resolve(store, WHOLE, ENCODER)
    assert file.path.read_bytes() == VGG_BYTES
    assert 0 < hub.sent()[-1][0] <= 300_000


def test_hub_offline_sends_no_request(store, hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    file, _ = resolve(store, PART, ENCODER)
    assert "HF_HUB_OFFLINE is set" in file.note
    assert hub.requests == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert resolve(store, PART, ENCODER)[0].note == ""


@pytest.mark.parametrize(
    "address", ["nonsense", "ftp://host", "http://", "http://[bad", "http://a:99999", "http://a b"]
)
def test_hub_endpoint_invalid_named(store, hub, monkeypatch, address):
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert "HF_ENDPOINT" in resolve(store, PART, ENCODER)[0].note


def test_hub_source_invalid_refused(store, hub):
    with pytest.raises(WeightError, match="not a file on a Hub"):
        resolve(store, Hub("vgg19", "not a/repo/name", FILE, "MIT"))


@pytest.mark.parametrize(
    "source",
    [WHOLE, Hub("vgg19", REPO, FILE, "MIT", sha256="0" * 64, tensors=FEATURES)],
    ids=["told by the hub", "declared"],
)
def test_hub_wrong_digest_names_both_and_falls_back(store, hub, source, tmp_path):
    hub.corrupt = source is WHOLE
    with pytest.raises(DigestMismatch, match="fetch it again") as caught:
        resolve(store, source)
    expected = sha256(VGG_BYTES) if source is WHOLE else "0" * 64
    got = sha256(VGG_BYTES[:-8] + bytes(b ^ 255 for b in VGG_BYTES[-8:]))
    got = got if source is WHOLE else sha256(FEATURE_BYTES)
    assert expected in str(caught.value) and got in str(caught.value)
    asked = len(hub.requests)
    file, _ = resolve(store, source, ENCODER)
    assert file.source == "embedded" and expected in file.note
    assert len(hub.requests) == asked
    left = [p.suffix for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert left in ([".lock"], [])


def test_hub_pinned_file_changed_refused(store, hub, impatient):
    hub.linked_etag = False  # only our pin can tell
    file, _ = resolve(store, WHOLE)
    file.path.unlink()
    hub.corrupt = True
    with pytest.raises(DigestMismatch, match=file.sha256):
        resolve(store, WHOLE)
    hub.corrupt = False
    assert resolve(store, WHOLE)[0] == file


def test_hub_damaged_cache_fetched_again(store, hub):
    file, _ = resolve(store, PART)
    file.path.write_bytes(b"x" * 100)
    assert resolve(store, PART)[0] == file
    file.path.write_bytes(b"x" * 100)
    hub.down()
    with pytest.raises(DigestMismatch, match="could not be reached") as caught:
        resolve(store, PART)
    assert sha256(b"x" * 100) in str(caught.value) and file.sha256 in str(caught.value)
    fallen, _ = resolve(store, PART, ENCODER)
    assert fallen.source == "embedded" and file.sha256 in fallen.note


def test_hub_broken_pin_names_remedy(store, hub, tmp_path):
    resolve(store, PART)
    pin = only(tmp_path / "cache", "*.json")
    pin.write_text("{")
    with pytest.raises(WeightError, match="delete it to accept the current file"):
        resolve(store, PART)


def test_hub_declared_digest_replaces_pin(store, hub):
    resolve(store, PART)
    other = save({name: VGG[name] * 2 for name in FEATURES})
    hub.put(REPO, FILE, save({name: array * 2 for name, array in VGG.items()}))
    declared = Hub("vgg19", REPO, FILE, "MIT", sha256=sha256(other), tensors=FEATURES)
    assert resolve(store, declared)[0].path.read_bytes() == other


def test_hub_oversized_file_refused_unread(store, hub, monkeypatch):
    monkeypatch.setattr(files_module, "LARGEST", 10**6)
    file, _ = resolve(store, WHOLE, ENCODER)
    assert "at most 1 MB are accepted" in file.note
    assert sum(end - start for start, end in hub.sent()) < 2**13
    assert resolve(store, PART)[0].path.read_bytes() == FEATURE_BYTES  # what is kept counts
    monkeypatch.setattr(files_module, "LARGEST", 10**5)
    with pytest.raises(WeightError, match="at most 0 MB"):
        resolve(store, SCATTERED)


def test_hub_part_of_other_download_discarded(store, hub, impatient, tmp_path):
    hub.cut_after = 100_000
    resolve(store, PART, ENCODER)
    part = only(tmp_path / "cache", "*.part")
    part.write_bytes(b"x" * 10)
    hub.cut_after = None
    assert resolve(store, PART)[0].path.read_bytes() == FEATURE_BYTES


def test_hub_part_damaged_never_used(store, hub, impatient, tmp_path):
    hub.linked_etag, hub.cut_after = False, 100_000
    resolve(store, WHOLE, ENCODER)
    only(tmp_path / "cache", "*.part").write_bytes(b"x" * 10**5)
    hub.cut_after = None
    with pytest.raises(WeightError, match="does not start like a safetensors file"):
        resolve(store, WHOLE)
    assert resolve(store, WHOLE)[0].path.read_bytes() == VGG_BYTES


# --- disk, threads, processes, stopping -----------------------------------------------------------


def test_download_full_disk_falls_back(store, hub, tmp_path, impatient):
    hub.cut_after = 0
    resolve(store, PART, ENCODER)
    hub.cut_after = 100_000
    resolve(store, PART, ENCODER)
    part = only(tmp_path / "cache", "*.part")
    part.unlink()
    part.symlink_to("/dev/full")  # every write to it fails as on a full disk
    hub.cut_after = None
    file, _ = resolve(store, PART, ENCODER)
    assert "is full; make room" in file.note.lower()
    assert not part.is_symlink()
    assert list((tmp_path / "cache").rglob("*.safetensors")) == []
    assert resolve(store, PART, ENCODER)[0].note == ""


def test_download_too_little_room_refused(store, hub, monkeypatch):
    usage = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightError, match="is full"):
        resolve(store, WHOLE)
    assert sum(end - start for start, end in hub.sent()) < 2**13


def test_download_cache_unwritable_falls_back(hub, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    store = Store(bundle(tmp_path / "weights"), tmp_path / "cache")
    file, _ = resolve(store, PART, ENCODER)
    assert "cannot be written to" in file.note
    assert "HF_HOME" in file.note


@pytest.mark.slow
def test_download_generator_closed_stops(store, hub):
    hub.drip = 0.02
    steps = store.resolve((WHOLE, ENCODER))
    while not (note := next(steps)).startswith("downloading") or " 0.0 of" in note:
        pass
    began = time.monotonic()
    steps.close()
    assert time.monotonic() - began < 3  # the rest would take six seconds
    before, sent = -1, hub.sent()
    while before != sent:
        time.sleep(0.5)
        before, sent = sent, hub.sent()
    assert sent[-1][1] < len(VGG_BYTES)
    hub.drip = 0
    file, _ = resolve(store, WHOLE, ENCODER)
    assert file.path.read_bytes() == VGG_BYTES
    assert hub.sent()[-1][0] > 0  # it went on where it had stopped


@pytest.mark.slow
def test_download_shared_by_threads(hub, tmp_path):
    bundle(tmp_path / "weights")
    hub.drip = 0.04
    found, notes = [], []

    def work():
        file, said = resolve(Store(tmp_path / "weights", tmp_path / "cache"), PART, ENCODER)
        found.append(file)
        notes.extend(said)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert found[0].path.read_bytes() == FEATURE_BYTES
    assert sum(end - start for start, end in hub.sent()) < len(FEATURE_BYTES) + 2**13
    assert "waiting for another download of vgg19" in notes


@pytest.mark.slow
def test_download_hanging_elsewhere_falls_back(store, hub, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_module, "STALL", 0.5)
    resolve(store, PART)[0].path.unlink()
    with FileLock(only(tmp_path / "cache", "*.lock")):
        began = time.monotonic()
        file, _ = resolve(store, PART, ENCODER)
        assert "Another download of vgg19 makes no progress" in file.note
        assert 0.4 < time.monotonic() - began < 2
        monkeypatch.setattr(hub_module, "STALL", 60)
        began = time.monotonic()
        assert resolve(store, PART, ENCODER)[0].note == file.note
        assert time.monotonic() - began < 2


PROGRAM = """
import sys
from pathlib import Path
from styleplug.core.weight import Hub
from styleplug.store import Store
source = Hub("vgg19", sys.argv[2], sys.argv[3], "MIT")
steps = Store(cache_folder=Path(sys.argv[1])).resolve((source,))
try:
    while True:
        next(steps)
except StopIteration as stop:
    sys.stdout.write(stop.value.sha256)
"""


@pytest.mark.slow
def test_download_shared_by_processes_after_kill(hub, tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "cache"), REPO, FILE]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    hub.drip = 0.02
    with subprocess.Popen(command, env=environment) as killed:
        while not sum(end - start for start, end in hub.sent()) > 500_000:
            time.sleep(0.02)
        killed.kill()
    hub.drip = 0.001
    hub.requests.clear()
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0].decode() for process in both] == [sha256(VGG_BYTES)] * 2
    assert sum(end - start for start, end in hub.sent()) < len(VGG_BYTES) - 300_000


# --- listing and verifying ----------------------------------------------------------------------


def test_listing_and_verify_report_files(store, hub, tmp_path):
    cached, _ = resolve(store, PART)
    embedded, fetched = store.listing()
    assert (embedded["source"], embedded["title"]) == ("embedded", "test encoder")
    assert embedded["trained_on"][0]["credit"] == "nobody"
    assert (fetched["source"], fetched["licence"]) == (cached.source, "BSD-3-Clause")
    assert fetched["sha256"] == cached.sha256 and fetched["present"]
    assert embedded.keys() >= fetched.keys()
    assert [row["ok"] for row in store.verify()] == [True, True]

    # Same size, same time: only reading anew can tell.
    status = cached.path.stat()
    with cached.path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    os.utime(cached.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "weights" / ENCODER.file).unlink()
    (tmp_path / "weights" / "stranger.safetensors").write_bytes(FEATURE_BYTES)
    rows = {Path(row["file"]).name: row for row in store.verify()}
    assert not any(row["ok"] for row in rows.values()) and len(rows) == 3
    assert rows["stranger.safetensors"]["why"].startswith("not listed in manifest.toml")
    assert "there is no weight file" in rows[ENCODER.file]["why"]
    assert rows[cached.path.name]["expected"] == cached.sha256


def test_fetched_file_loads_with_safetensors(store, hub):
    file, _ = resolve(store, PART)
    with safe_open(file.path, framework="numpy") as tensors:
        assert sorted(tensors.keys()) == sorted(FEATURES)


def test_lists_read_again_only_when_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run asks for them many times, and reading them takes longer than a small net."""
    path, entry = tmp_path / graphs.GRAPHS, '["{}"]\nsha256 = "' + "0" * 64 + '"\nweights = []\n'
    path.write_text(entry.format("one"))
    read: list[str] = []
    loads = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: read.append(text) or loads(text))
    for _ in range(3):
        known = graphs.read_graphs(tmp_path)
        assert [*known] == ["one"]
        known.clear()  # what a caller does to it is not remembered
    assert len(read) == 1
    path.write_text(entry.format("other"))
    assert [*graphs.read_graphs(tmp_path)] == ["other"] and len(read) == 2
    path.write_text("damaged")
    for _ in range(2):
        with pytest.raises(WeightError, match="install styleplug again"):
            graphs.read_graphs(tmp_path)


# --- training -----------------------------------------------------------------------------------


def test_training_teacher_vgg19_comes_from_hub(hub, monkeypatch, tmp_path):
    """It is downloaded once, and the embedded encoder never takes its place in silence."""
    (tmp_path / "pictures").mkdir()
    write(np.full((40, 40, 3), 0.5, np.float32), tmp_path / "pictures" / "a.png")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    task = SimpleNamespace(id="dcgan", needs_teacher=False, takes_styles=False)
    task.least, task.learns_classes, task.params = 1, False, Params
    setup = Setup.of(task, data=[tmp_path / "pictures"], out=tmp_path / "run", teacher=HUB_TEACHER)
    assert "--teacher vgg19 " in setup.command()
    with pytest.raises(WeightError, match=r"timm/vgg19\.tv_in1k"):
        list(load_datasets(setup, threading.Event()))
    monkeypatch.setattr(hub_module.failures, "_failed", {})
    hub.put(VGG19.repo, VGG19.file, save({name: numbers(2, 2) for name in VGG19.tensors}))
    for _ in range(2):
        loading = load_datasets(setup, threading.Event())
        while True:
            try:
                next(loading)
            except StopIteration as end:
                file = Path(end.value.datasets.teacher)
                break
        with safe_open(file, "np") as opened:
            assert set(opened.keys()) == set(VGG19.tensors)
        hub.down()
