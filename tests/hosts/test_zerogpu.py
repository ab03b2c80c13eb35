"""Runs on a ZeroGPU Space, with the real package `spaces` and a service of our own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spaces")
pytest.importorskip("torch")
pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the runs did, by name; "" for the Space itself."""
    script = [sys.executable, str(HERE / "zerogpu_space.py")]
    done = subprocess.run(script, cwd=HERE.parents[1], capture_output=True, text=True, timeout=110)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines and "main" in lines[-1], done.stdout + done.stderr
    return {line.get("run", ""): line for line in lines}


def test_two_runs_stream_from_one_worker(told: Any) -> None:
    first, second = told["first"], told["second"]
    assert "error" not in first, first
    assert first["workers"] == second["workers"] != []
    assert first["workers"] != [str(told[""]["main"])]
    assert first["frames"] >= 4 and not first["cancelled"] and first["steps"] == 3


def test_stop_reaches_worker(told: Any) -> None:
    assert told["stop"]["cancelled"] and 4 <= told["stop"]["steps"] < 60


def test_error_of_worker_keeps_its_sentence(told: Any) -> None:
    assert told["error"]["error"] == "MethodError" and "crash" in told["error"]["en"]


def test_quota_offers_processor(told: Any) -> None:
    quota = told["quota"]
    assert quota["error"] == "BackendError"
    assert "used up" in quota["en"] and "choose the processor" in quota["en"]
    assert "显卡时间已用完" in quota["zh"] and "处理器" in quota["zh"]


def test_processor_needs_no_card(told: Any) -> None:
    assert told["cpu"]["workers"] == [str(told[""]["main"])] and told["cpu"]["steps"] == 3


def test_duration_comes_from_plan(told: Any) -> None:
    asked = [path for path in told[""]["asked"] if path.startswith("/schedule")]
    assert len(asked) == 5, "the processor asks for none"
    assert all(10 < int(re.findall(r"durationSeconds=(\d+)", path)[0]) < 40 for path in asked)


def test_page_is_built(told: Any) -> None:
    assert told["page"]["threads"] > 0


def test_nothing_imported_elsewhere() -> None:
    code = (
        "import sys; from styleplug.cli.page import _engine; _engine(()); "
        "print('spaces' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], capture_output=True,
                          text=True)  # fmt: skip
    assert done.stdout == "False\n", done.stderr
