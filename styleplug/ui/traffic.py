"""The runs of all visitors of a page: each is counted, waits in the line, and is written down.

Page, HTTP endpoints and tools for agents all pass here.  The log has no pictures, no names of
files, no addresses and nothing that a visitor wrote.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from logging.handlers import RotatingFileHandler

from gradio.context import LocalContext

from styleplug.core.errors import Cancelled, OutputError, UsageError
from styleplug.engine.line import UNKNOWN, Ahead, Line
from styleplug.system.files import at_home, reason
from styleplug.system.jsontext import to_json
from styleplug.ui.agents import CALLER
from styleplug.ui.rates import Meter, Rates

LARGEST, OLDER = 10 * 2**20, 4  # bytes of a log file, and the older ones that are kept


@dataclass(frozen=True)
class Visitors:
    """What the owner of a page decides about its visitors.

    Args:
        runs_per_minute: how many runs a visitor may start; 0 for any number.  The visitors of one
            address may start four times as many.  By default 12 on a public page, and any number
            elsewhere.
        seconds_per_minute: seconds of computing, the same; by default 60.
        concurrency: how many runs compute at once; by default as many as fit the machine.
        waiting: how many runs may wait; further ones are refused.
        log: a file that gets a line for each run.
        proxies: addresses and networks of proxies with commas between them; what these say of the
            address of a visitor (`X-Forwarded-For`) is believed.  By default
            `FORWARDED_ALLOW_IPS`.
    """

    runs_per_minute: float | None = None
    seconds_per_minute: float | None = None
    concurrency: int | None = None
    waiting: int | None = None
    log: str | os.PathLike[str] | None = None
    proxies: str | None = None

    def rates(self, usual: Rates) -> Rates:
        """The rates, where some may be `usual`."""
        runs, seconds = self.runs_per_minute, self.seconds_per_minute
        return Rates(usual.runs if runs is None else runs,
                     usual.seconds if seconds is None else seconds)  # fmt: skip


class Visit:
    """A run in the line: iterate to wait for its turn, with what is before it.

    Attributes:
        stopped: whether the visitor stopped it; the border of the run sets it.
    """

    def __init__(self, turn: Iterator[Ahead]) -> None:
        self.stopped = False
        self.began = 0.0  # when it was its turn; 0 until then
        self._turn = turn

    def __iter__(self) -> Iterator[Ahead]:
        yield from self._turn
        self.began = time.monotonic()


class Traffic:
    """Lets runs start.

    Args:
        line: where they wait.
        rates: what a visitor may use up in a minute.
        log: a file that gets a line for each run.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(
        self, line: Line, rates: Rates | None = None, log: str | os.PathLike[str] | None = None
    ) -> None:
        self._line, self._meter = line, Meter(rates or Rates())
        self._log = _file(log) if log else None
        self._salt = secrets.token_bytes(16)  # kept nowhere: names of visitors mean nothing later

    @contextmanager
    def run(
        self, method: str, size: str, seconds: float | None, cancel: threading.Event
    ) -> Iterator[Visit]:
        """A place in the line for a run of the visitor whose request is processed.

        Args:
            method: its method, for the log.
            size: its size, for the log.
            seconds: estimated time, if known.
            cancel: ends the waiting.

        Raises:
            UsageError: the visitor has to wait before the next run, or the line is full.
        """
        visitor, address = caller()
        planned = UNKNOWN if seconds is None else seconds
        came, visit, outcome = time.monotonic(), Visit(iter(())), "failed"
        try:
            self._meter.take(visitor, address, planned)
            try:
                with self._line.join(seconds, cancel) as turn:
                    visit = Visit(turn)
                    yield visit
            finally:
                took = time.monotonic() - visit.began if visit.began else 0.0
                self._meter.correct(visitor, address, took - planned)
            outcome = "stopped" if visit.stopped else "done"
        except (Cancelled, GeneratorExit):
            outcome = "stopped"
            raise
        except UsageError:
            outcome = "failed" if visit.began else "refused"
            raise
        finally:
            self._write(visitor, method, size, came, visit.began, outcome)

    def _write(
        self, visitor: str, method: str, size: str, came: float, began: float, outcome: str
    ) -> None:
        if self._log is None:
            return
        now = time.monotonic()
        row = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "visitor": blake2b(visitor.encode(), key=self._salt, digest_size=8).hexdigest(),
            "method": method,
            "size": size,
            "waited": round((began or now) - came, 2),
            "seconds": round(now - began if began else 0.0, 2),
            "outcome": outcome,
        }
        self._log.info(to_json(row))


def caller() -> tuple[str, str]:
    """Who asks, and the address: of the request that is processed in this thread.

    Who asks is the user who logged in, or else the session.  All agents share one session; there it
    is the address.
    """
    request = LocalContext.request.get(None)
    if request is None:  # called from Python
        return "", ""
    address = str(request.client.host) if request.client else ""
    session = None if CALLER in request.headers else request.session_hash
    return str(request.username or session or address), address


def _file(path: str | os.PathLike[str]) -> logging.Logger:
    """A logger that writes lines into a file.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        handler = RotatingFileHandler(
            at_home(path), maxBytes=LARGEST, backupCount=OLDER, encoding="utf-8"
        )
    except OSError as error:
        raise OutputError(f"the log {path} cannot be written: {reason(error)}") from error
    logger = logging.Logger("styleplug.runs")  # not in the tree of loggers: nobody adds handlers
    logger.addHandler(handler)
    return logger
