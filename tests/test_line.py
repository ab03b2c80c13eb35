"""The line in which runs wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from styleplug.core.errors import UsageError
from styleplug.engine import line as lines
from styleplug.engine.line import Ahead, Line
from styleplug.system import machine


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "EVERY", 0.0)
    monkeypatch.setattr(lines, "TICK", 0.01)


class Guests:
    """Runs in a line, in the order in which they came."""

    def __init__(self, line: Line, *seconds: float | None) -> None:
        self.stacks = [ExitStack() for _ in seconds]
        self.cancels = [threading.Event() for _ in seconds]
        self.turns: list[Iterator[Ahead]] = [
            stack.enter_context(line.join(one, cancel))
            for one, stack, cancel in zip(seconds, self.stacks, self.cancels, strict=True)
        ]

    def ahead(self, number: int) -> Ahead | None:
        return next(self.turns[number], None)


def test_runs_begin_in_order_and_hear_how_long_they_wait() -> None:
    guests = Guests(Line(2), 40.0, 60.0, 20.0, None, 10.0)
    assert guests.ahead(0) is None and guests.ahead(1) is None
    told = [guests.ahead(number) for number in (2, 3, 4)]
    assert [one.runs for one in told if one] == [2, 3, 4]
    assert [round(one.seconds) for one in told if one] == [40, 60, 60]
    guests.stacks[0].close()
    last = guests.ahead(4)
    assert last is not None and last.runs == 3, "it came last, although it asked first"
    assert guests.ahead(2) is None


def test_run_leaves_line_at_once_when_stopped() -> None:
    guests = Guests(Line(1), 5.0, 5.0, 5.0)
    assert guests.ahead(0) is None and guests.ahead(1) is not None
    guests.cancels[1].set()
    began = time.monotonic()
    assert guests.ahead(1) is None and time.monotonic() - began < 1
    guests.stacks[1].close()
    last = guests.ahead(2)
    assert last is not None and last.runs == 1
    guests.stacks[0].close()
    assert guests.ahead(2) is None


def test_run_refused_when_too_many_wait() -> None:
    with pytest.raises(UsageError, match="2 runs wait already"):
        Guests(Line(1, 2), 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("processors", "megabytes", "most"),
    [(1, 16_000, 2), (2, 3_000, 1), (2, 500, 1), (16, 64_000, 4), (64, 16_000, 8)],
)
def test_as_many_at_once_as_fit_the_machine(
    processors: int, megabytes: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "processors", lambda: processors)
    monkeypatch.setattr(machine, "limit_mb", lambda: megabytes)
    assert Line().most == most and Line(5).most == 5
