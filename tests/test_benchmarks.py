"""The check for a graphics card, tried on the processor."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import devices

pytestmark = pytest.mark.slow


def test_device_check_compares_backends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    devices.main(["cnn"], device="cpu", size=128, large=160, minutes=0)
    agreement, seconds = capsys.readouterr().out.split("\n\n")
    name, largest, _, providers = agreement.splitlines()[2].strip("| ").split(" | ")
    assert name == "`cnn`" and 0 < float(largest) < 0.01
    assert providers == "cpu / CPUExecutionProvider"
    assert seconds.strip().endswith("| `cnn` | - | - | - | - |")
