"""Nothing leaves the machine, and nothing comes in that nobody put there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from fastapi import FastAPI
from serve import THIRD_PARTY, Site, free_port, served
from starlette.testclient import TestClient

from styleplug.hosts.embed import mount
from styleplug.ui.addresses import refusal

pytestmark = [pytest.mark.slow, *THIRD_PARTY]

HOUSE = Path(__file__).parents[1]
ADDRESS = "http://pictures.example.com/a.png"
META = {"_type": "gradio.FileData"}
NAMED = {"path": ADDRESS, "meta": META}
SHAPES = {
    "file": NAMED,
    "list": [NAMED],
    "deep": {"background": None, "layers": [{"x": {"y": NAMED}}]},
    "url": {"url": ADDRESS, "meta": META},
    "text": ADDRESS,
    "secure": NAMED | {"path": ADDRESS.replace("http", "https")},
}
ASKED: list[str] | None = None  # names and addresses outside that this process asked for


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if ASKED is None or event not in ("socket.getaddrinfo", "socket.connect"):
        return
    host = arguments[0] if event == "socket.getaddrinfo" else arguments[1][0]
    if host not in (None, "127.0.0.1", "localhost", "testserver"):
        ASKED.append(str(host))


sys.addaudithook(_hear)  # for good: there is no way to take it away


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """Names looked up and addresses connected to during a test, but for those of this machine."""
    global ASKED
    ASKED = []
    yield ASKED
    ASKED = None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module", params=["launched", "mounted"])
def visitor(request: pytest.FixtureRequest, site: Site) -> Iterator[httpx.Client]:
    """Somebody who talks to the page: served by itself, or as a part of another application."""
    if request.param == "launched":
        with httpx.Client(base_url=site.url, timeout=30) as client:
            yield client
        return
    app = mount(FastAPI(), "/styles", engine=site.engine)
    with TestClient(app, base_url="http://testserver/styles/") as client:
        yield client


def _answers(visitor: httpx.Client, calls: list[dict[str, Any]]) -> list[str]:
    """What is said to calls of the page's own functions, at once or by the queue."""
    session = {"session_hash": "silence"}
    joined = [visitor.post("gradio_api/queue/join", json=call | session) for call in calls]
    with visitor.stream("GET", "gradio_api/queue/data", params=session) as lines:
        told = [json.loads(line[5:]) for line in lines.iter_lines() if line.startswith("data:")]
    late = [str(one["output"]) for one in told if one["msg"] == "process_completed"]
    return [one.text for one in joined if one.is_error] + late


def test_address_refused_by_page_functions(visitor: httpx.Client, asked: list[str]) -> None:
    functions = visitor.get("config").json()["dependencies"]
    calls = [
        {"fn_index": one["id"], "data": [NAMED] * len(one["inputs"])}
        for one in functions
        if one["inputs"] and one["backend_fn"]
    ]
    answers = _answers(visitor, calls)
    assert not asked
    assert len(answers) == len(calls) > 20
    assert not [answer for answer in answers if "does not fetch" not in answer]


@pytest.mark.parametrize("shape", SHAPES)
def test_address_refused_by_slots(visitor: httpx.Client, asked: list[str], shape: str) -> None:
    for method, slot in (("blend", "content"), ("blend", "style_3"), ("fill", "mask")):
        called = f"gradio_api/call/v2/{method}"
        event = visitor.post(called, json={slot: SHAPES[shape]}).json()["event_id"]
        answer = visitor.get(f"{called}/{event}").text
        assert "event: error" in answer and "does not fetch" in answer, answer
    assert not asked


@pytest.mark.parametrize("way", ["file=", "file/", "proxy="])
@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.replace("/", "%2F")])
def test_address_refused_by_file_routes(
    visitor: httpx.Client, asked: list[str], way: str, address: str
) -> None:
    answer = visitor.get(f"gradio_api/{way}{address}")
    assert answer.status_code == 403 and "does not fetch" in answer.text
    assert not asked


def test_address_upload_is_none() -> None:
    upload = {"path": "/tmp/a.png", "url": "http://127.0.0.1:7860/file=/tmp/a.png", "meta": META}
    assert refusal([upload, [upload], {"layers": [upload]}, 1, None, "2, 1", "C:/a.png"]) is None
    assert len(refusal(ADDRESS + "x" * 10_000) or "") < 400


LIFE, REST = 30, 10  # seconds of a process and after its run: its libraries would report by then
OUTSIDE = re.compile(
    r'sin_port=htons\(53\)|inet_addr\("(?!127\.|0\.0\.0\.0")|AF_INET6, "(?!::1?")|[Rr]esolve"'
)  # in what strace tells: a name server, or an address that is not this machine's


@pytest.fixture(scope="session", autouse=True)
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IO[str], Path, float]]:
    """What a page prints that is visited once, its folder and its start, before other tests."""
    folder = tmp_path_factory.mktemp("lonely")
    (folder / "tmp").mkdir()
    script = [sys.executable, str(HOUSE / "tests" / "lonely.py"), str(free_port())]
    strace = ["strace", "--seccomp-bpf", "-f", "-qq", "-e", "%network", "-o", str(folder / "trace")]
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*(strace if shutil.which("strace") else ()), *script],
        env=kept | {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout, folder, time.monotonic()
        os.killpg(process.pid, signal.SIGKILL)


def test_telemetry_unstoppable_is_reported() -> None:
    """A program may import ONNX Runtime before styleplug."""
    painted = "styleplug.generate('dcgan', count=1, backend='onnx').report.notes"
    for imported, told in (("onnxruntime, styleplug", 1), ("styleplug, onnxruntime", 0)):
        code = f"import {imported}; print(sum('telemetry' in note for note in {painted}))"
        env = os.environ | {"ORT_DISABLE_TELEMETRY": "", "PYTHONPATH": str(HOUSE)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        assert done.stdout == f"{told}\n", done.stderr


def test_telemetry_of_hub_client_off() -> None:
    code = "import styleplug, huggingface_hub.constants as c; print(c.HF_HUB_DISABLE_TELEMETRY)"
    env = os.environ | {"HF_HUB_DISABLE_TELEMETRY": "", "PYTHONPATH": str(HOUSE)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.slow
def test_page_left_alone_opens_no_connection(
    lonely: tuple[IO[str], Path, float],
) -> None:
    """The last test of its process and kind, so that less is left to wait for (conftest.py)."""
    says, folder, start = lonely
    painted = next(says, "")
    assert painted == "painted\n", painted + says.read()
    time.sleep(max(REST, start + LIFE - time.monotonic()))
    written = {path.parts[-1] for path in (folder / "home").rglob("*") if path.is_file()}
    assert "calibration.json" in written, "the run happened here"
    assert not [name for name in written if "onnx" in name or "deviceid" in name]
    if shutil.which("strace"):
        told = (folder / "trace").read_text().splitlines()
        assert any("127.0.0.1" in line for line in told), "strace sees the visit"
        assert not [line for line in told if OUTSIDE.search(line)]
