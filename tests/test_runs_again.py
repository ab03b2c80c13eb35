"""Runs that outlive the connection of their page."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import gradio as gr
import pytest
from serve import wait

from styleplug.core.errors import BadImage
from styleplug.engine.line import Line
from styleplug.ui import runs
from styleplug.ui.runs import Runs, _merged
from styleplug.ui.traffic import Traffic


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setattr(runs, "GRACE", 0.2)
    with gr.Blocks():
        return Runs(Traffic(Line()))


class Work:
    """Updates that come when told to, until cancelled."""

    def __init__(self) -> None:
        self.cancel, self.go = threading.Event(), threading.Semaphore(0)

    def updates(self) -> Iterator[dict[str, object]]:
        for number in range(1000):
            self.go.acquire(timeout=0.02)
            if self.cancel.is_set():
                return
            yield {"picture": gr.update(value=number), f"part-{number}": number}


def test_run_found_with_all_it_showed(known: Runs) -> None:
    work = Work()
    page = known.follow("token", "blend", work.updates(), work.cancel)
    assert next(page)["part-0"] == 0
    page.close()
    found = known.find("token")
    assert found is not None and found[0] == "blend" and found[2] is work.cancel
    first = next(found[1])
    first["picture"].clear()  # as gradio does
    assert "part-0" in first
    again = known.find("token")
    assert again is not None and next(again[1])["picture"]["value"] >= 0


def test_run_unwatched_is_stopped(known: Runs) -> None:
    work = Work()
    page = known.follow("token", "blend", work.updates(), work.cancel)
    next(page)
    page.close()
    assert not work.cancel.is_set()
    assert wait(work.cancel.is_set, 3)


def test_run_watched_again_goes_on(known: Runs) -> None:
    work = Work()
    page = known.follow("token", "blend", work.updates(), work.cancel)
    next(page)
    page.close()
    found = known.find("token")
    assert found is not None
    next(found[1])
    assert not wait(work.cancel.is_set, 0.5)
    work.cancel.set()
    assert len(list(found[1])) < 1000


def test_runs_unwatched_are_few(known: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "GRACE", 60)
    monkeypatch.setattr(runs, "ORPHANS", 1)
    works = [Work(), Work()]
    for number, work in enumerate(works):
        page = known.follow(str(number), "blend", work.updates(), work.cancel)
        next(page)
        page.close()
    assert [work.cancel.is_set() for work in works] == [False, True]
    works[0].cancel.set()


def test_run_failed_raises_and_is_forgotten(known: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Iterator[dict[str, str]]:
        yield {"status": "no"}
        raise BadImage("no picture")

    page = known.follow("token", "blend", fails(), threading.Event())
    with pytest.raises(BadImage):
        list(page)
    assert known.find("token") and known.find("other") is None and known.find({}) is None
    monkeypatch.setattr(runs, "REMEMBERED", -1.0)
    known.follow("next", "blend", iter(()), threading.Event())
    assert known.find("token") is None


def test_changes_merge() -> None:
    seen, valued = gr.update(visible=True), gr.update(value=1)
    assert _merged(seen, valued) == {"__type__": "update", "visible": True, "value": 1}
    assert _merged(seen, "text") == "text" and _merged("text", seen) == seen
