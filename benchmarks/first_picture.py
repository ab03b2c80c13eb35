"""Seconds from a command to its first picture: `python benchmarks/first_picture.py [-k WAY]`.

Runs test_first_picture.py and test_container.py of tests/hosts, where each way in begins
in a fresh environment, and prints how long each took.  Words after the command go to pytest.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

HOSTS = Path(__file__).parents[1] / "tests" / "hosts"
TESTS = [str(HOSTS / f"test_{name}.py") for name in ("first_picture", "container")]


def main(arguments: Sequence[str]) -> int:
    """Run the tests one after another and print a table; 0 if all of them passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        written = ["--junit-xml", str(report), "--override-ini", "junit_duration_report=call"]
        status = pytest.main([*TESTS, "-m", "", "-n", "0", *written, *arguments])
        print("| way | seconds |\n| --- | --- |")
        for case in ElementTree.parse(report).iter("testcase"):
            if not len(case):  # it neither failed nor was skipped
                name = case.attrib["name"].removeprefix("test_")
                print(f"| {name} | {float(case.attrib['time']):.1f} |")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
