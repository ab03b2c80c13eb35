"""A public page: rates by visitor and by address, whose address is believed, the log of runs."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio import networking
from serve import THIRD_PARTY, Site, served

from styleplug.core.errors import OutputError, UsageError
from styleplug.engine.line import Line
from styleplug.ui import page, rates
from styleplug.ui.agents import CALLER
from styleplug.ui.errors import sentence
from styleplug.ui.rates import MOST, SHARED, Meter, Rates, network
from styleplug.ui.traffic import Traffic, Visitors

pytestmark = THIRD_PARTY
RUNS = 2
A, B, C, PROXY = "192.0.2.1", "192.0.2.2", "2001:db8:1:2::3", "127.0.0.1"


class Clock:
    """Time that passes when a test says so."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    return clock


def refused(meter: Meter, visitor: str, address: str, seconds: float = 1.0) -> str:
    """Why a run may not start; "" if it may."""
    try:
        meter.take(visitor, address, seconds)
    except UsageError as error:
        return str(error)
    return ""


def test_visitor_waits_until_time_restores_runs(clock: Clock) -> None:
    meter = Meter(Rates(runs=6))
    assert not any(refused(meter, "ann", A) for _ in range(6))
    why = refused(meter, "ann", A)
    assert why == "at most 6 runs a minute are allowed for one visitor: try again in 10 seconds"
    assert sentence(UsageError(why), "zh") == "每位访客每分钟最多可运行 6 次：请在 10 秒后再试"
    assert not refused(meter, "bob", A), "others are not touched"
    clock.now = 10.0
    assert not refused(meter, "ann", A) and refused(meter, "ann", A)
    clock.now = 9999.0
    assert [bool(refused(meter, "ann", A)) for _ in range(7)] == [False] * 6 + [True]


def test_rate_below_one_run_a_minute(clock: Clock) -> None:
    meter = Meter(Rates(runs=0.5))
    assert not refused(meter, "ann", A) and refused(meter, "ann", A).endswith("in 120 seconds")
    clock.now = 120.0
    assert not refused(meter, "ann", A)


def test_address_has_the_rates_of_some_visitors(clock: Clock) -> None:
    meter = Meter(Rates(runs=3))
    many = [refused(meter, f"visitor {number}", A) for number in range(3 * SHARED + 1)]
    assert not any(many[:-1]) and "12 runs a minute are allowed from one address" in many[-1]
    assert "同一地址每分钟最多" in sentence(UsageError(many[-1]), "zh")
    assert not refused(meter, "visitor 1", B)


def test_seconds_owed_by_long_run(clock: Clock) -> None:
    meter = Meter(Rates(seconds=60))
    assert not refused(meter, "ann", A, 50.0) and not refused(meter, "ann", A, 400.0)
    why = refused(meter, "ann", A)
    assert why.startswith("at most 60 s of computing a minute") and why.endswith("in 7 minutes")
    meter.correct("ann", A, -395.0)  # it was stopped
    assert not refused(meter, "ann", A), "seconds are left"
    meter.correct("ann", A, 10.0)
    assert refused(meter, "ann", A).endswith("in 6 seconds")
    clock.now = 6.0
    assert not refused(meter, "ann", A)


def test_memory_bounded_whatever_number_of_addresses(clock: Clock) -> None:
    meter = Meter(Rates(runs=1))
    for number in range(3 * MOST):
        clock.now = number * 1e-3
        meter.take(f"visitor {number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0)
    assert len(meter._accounts) == MOST
    assert refused(meter, f"visitor {3 * MOST - 1}", A), "the newest are known"


@pytest.mark.parametrize(("address", "expected"), [
    (A, A), (C, "2001:db8:1:2::/64"), ("::ffff:192.0.2.1", A), ("unix", "unix"), ("", ""),
])  # fmt: skip
def test_network_of_address(address: str, expected: str) -> None:
    assert network(address) == expected


def test_rates_as_public_as_the_page(
    monkeypatch: pytest.MonkeyPatch, calibration: Any, catalogue: Any
) -> None:
    from styleplug.engine import Engine

    engine = Engine(catalogue, calibration=calibration)
    assert page.watch(engine, Visitors())._meter._own == Rates(0, 0)
    assert page.watch(engine, Visitors(), True)._meter._own == page.PUBLIC_RATES
    assert page.watch(engine, Visitors(0, 5), True)._meter._own == Rates(0, 5)
    monkeypatch.setenv("SPACE_ID", "ann/space")
    assert page.watch(engine, Visitors())._meter._own == page.PUBLIC_RATES


# Over HTTP ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "runs.log"


@pytest.fixture(scope="module")
def pages() -> list[gr.Blocks]:
    """The page as it is served."""
    return []


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, log: Path, pages: list[gr.Blocks]
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    visitors = Visitors(RUNS, log=log, proxies=PROXY)

    def begin(served: Any, engine: Any, begin: Any = page.begin) -> None:
        begin(served, engine)
        pages.append(served)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "begin", begin)
        patch.setattr(networking, "url_ok", lambda url: False)  # visitors come while it starts
        yield from _served(folder, visitors, patch)


def _served(folder: Path, visitors: Visitors, patch: pytest.MonkeyPatch) -> Iterator[Site]:
    with served(folder, visitors=visitors) as site:
        patch.setattr(rates, "time", Clock())  # a slow machine restores nothing meanwhile
        yield site


def call(site: Site, method: str = "dream", address: str = "", **values: Any) -> tuple[str, Any]:
    """The last event of a call, and its data."""
    headers = {"x-forwarded-for": address} if address else {}
    headers[CALLER] = f"guess 192.0.2.{secrets.randbelow(255)}"  # what only gradio may say
    url = f"{site.url}gradio_api/call/v2/{method}"
    queued = httpx.post(url, json={"size": 64, **values}, headers=headers).json()["event_id"]
    told = httpx.get(f"{url}/{queued}", timeout=60).text
    *_, event, data, _, _ = told.split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@pytest.mark.slow
def test_api_refuses_with_json_by_forwarded_address(site: Site) -> None:
    spoofed = ["203.0.113.9, " * (number % 2) + A for number in range(RUNS * SHARED)]
    assert {call(site, address=one)[0] for one in spoofed} == {"complete"}
    event, data = call(site, address=f"203.0.113.1, {A}")
    assert event == "error" and "8 runs a minute are allowed from one address" in data["error"]
    assert call(site, address=B)[0] == "complete"


@pytest.mark.slow
def test_session_refused_before_its_address(site: Site) -> None:
    client = site.visitor()
    for _ in range(RUNS):
        client.predict(size=64, api_name="/dream")
    with pytest.raises(Exception, match=r"for one visitor: try again in \d+ seconds"):
        client.predict(size=64, api_name="/dream")
    site.visitor().predict(size=64, api_name="/dream")


def test_sessions_kept_small_and_few(site: Site, pages: list[gr.Blocks]) -> None:
    """Each call over HTTP is a session; gradio would copy the settings of the page for each."""
    assert call(site, address="192.0.2.3")[0] == "complete"
    kept = pages[0].state_holder
    newest = next(reversed(kept.session_data.values()))
    assert 10 * len(newest.config_values) < len(newest.blocks_config.blocks)
    assert kept.capacity == page.SESSIONS


def test_connections_outlast_those_of_clients(site: Site, pages: list[gr.Blocks]) -> None:
    """A request that meets the end of its connection is lost."""
    assert pages[0].server.config.timeout_keep_alive > 2 * (httpx.Limits().keepalive_expiry or 0)


def test_log_has_a_line_for_each_run_and_nothing_private(site: Site, log: Path) -> None:
    log.write_text("")
    ends = [call(site, address=C)[0] for _ in range(RUNS * SHARED + 1)]
    assert call(site, "crash", B)[0] == "error", "it has no picture"
    text = log.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["outcome"] for row in rows] == [*["done"] * RUNS * SHARED, "refused", "failed"]
    assert ends[-1] == "error"
    assert set(rows[0]) == {"time", "visitor", "method", "size", "waited", "seconds", "outcome"}
    assert rows[0]["method"] == "dream" and rows[0]["size"] == "64x64"
    assert rows[0]["seconds"] > 0 == rows[-2]["seconds"]
    assert "2001:db8" not in text and "styleplug-tests" not in text


def test_log_rotates_and_says_when_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from styleplug.ui import traffic

    monkeypatch.setattr(traffic, "LARGEST", 300)
    watched = Traffic(Line(), log=tmp_path / "runs.log")
    for _ in range(20):
        watched._write("ann", "cnn", "64x64", 0.0, 0.0, "done")
    assert len(list(tmp_path.iterdir())) == 1 + traffic.OLDER
    with pytest.raises(OutputError, match="log .* cannot be written"):
        Traffic(Line(), log=tmp_path)


@pytest.mark.slow
def test_address_forwarded_by_nobody_known_ignored(tmp_path: Path) -> None:
    """The last test: at its end, all pages are closed."""
    assert "FORWARDED_ALLOW_IPS" not in os.environ
    with served(tmp_path, visitors=Visitors(1)) as site, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "time", Clock())
        told = [call(site, address=f"192.0.2.{number}")[0] for number in range(SHARED + 1)]
    assert told == ["complete"] * SHARED + ["error"]
