"""Runs that go on while their page is reloaded, and that the page finds again.

A run is computed in a thread of its own; a page watches it.  A run that nobody watches is stopped
after some seconds.  Of a run that ended, only what the page shows is remembered: texts, and the
paths of files, which are deleted after an hour.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from copy import copy  # gradio takes the values out of updates
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import Cancelled
from styleplug.ui import marks, render
from styleplug.ui.errors import sentence, shown
from styleplug.ui.events import TO_RESULT, UNSEEN
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.sharing import Updates
from styleplug.ui.traffic import Traffic

GRACE = 20.0  # seconds that a run goes on while nobody watches it: a reload on a slow line
ORPHANS = 4  # most runs that nobody watches; further ones are stopped at once
REMEMBERED = 3600.0  # seconds that the end of a run is remembered, as long as its files
MOST = 256  # ends of runs that are remembered
STORE = "styleplug-run"  # name of the value in the browser's storage


class Run:
    """A run and its newest state.

    Args:
        updates: computes it; each is a change of components.
        cancel: stops it.
    """

    def __init__(self, updates: Iterator[Updates], cancel: threading.Event) -> None:
        self.cancel = cancel
        self.ended = 0.0  # when; 0 while it goes on
        self.watchers = 0
        self._updates = updates
        self._state: dict[Any, tuple[int, Any]] = {}  # component -> number and value of its change
        self._number = 0
        self._error: Exception | None = None
        self._changed = threading.Condition()
        within = copy_context()  # ZeroGPU finds the visitor of a run there
        threading.Thread(target=within.run, args=(self._work,), name="run", daemon=True).start()

    def _work(self) -> None:
        try:
            for changes in self._updates:
                self._add(changes)
        except Exception as error:
            self._error = error
        with self._changed:
            self.ended = time.monotonic()
            self._changed.notify_all()

    def _add(self, changes: Updates) -> None:
        with self._changed:
            self._number += 1
            for component, change in changes.items():
                _, before = self._state.get(component, (0, None))
                self._state[component] = (self._number, _merged(before, change))
            self._changed.notify_all()

    def watch(self) -> Iterator[Updates]:
        """The state so far, then the changes until the end.

        Raises:
            Exception: what `updates` raised.
        """
        seen = 0
        with self._changed:
            self.watchers += 1
        try:
            while True:
                with self._changed:
                    while not (self._number > seen or self.ended):
                        self._changed.wait()
                    news = {one: copy(new) for one, (n, new) in self._state.items() if n > seen}
                    seen, ended = self._number, self.ended
                if news:
                    yield news
                if ended:
                    break
            if self._error is not None:
                raise self._error
        finally:
            with self._changed:
                self.watchers -= 1


class Runs:
    """The runs of all visitors.  Build it outside the tabs.

    Args:
        traffic: lets them start.
        path: the path of the page; pages of one host share the storage of the browser.

    Attributes:
        kept: holds the token of the visitor's newest run in the browser.
    """

    def __init__(self, traffic: Traffic, path: str = "") -> None:
        self.traffic = traffic
        self.kept = gr.BrowserState("", storage_key=STORE + path, secret=STORE)
        self._known: dict[str, tuple[str, Run]] = {}

    def token(self) -> str:
        """A name for a run that cannot be guessed."""
        return secrets.token_hex(16)

    def follow(
        self, token: str, tab: str, updates: Iterator[Updates], cancel: threading.Event
    ) -> Iterator[Updates]:
        """Start a run and watch it.

        Args:
            token: its name.
            tab: the id of the tab that shows it.
            updates: computes it.
            cancel: stops it.
        """
        self._forget()
        run = Run(updates, cancel)
        self._known[token] = (tab, run)
        return self._watch(run)

    def find(self, token: object) -> tuple[str, Iterator[Updates], threading.Event] | None:
        """The tab of a run, its state and further changes, and what stops it."""
        if str(token) not in self._known:
            return None
        tab, run = self._known[str(token)]
        return tab, self._watch(run), run.cancel

    def _watch(self, run: Run) -> Iterator[Updates]:
        try:
            yield from run.watch()
        finally:
            if not (run.ended or run.watchers):
                self._leave(run)

    def _leave(self, run: Run) -> None:
        """Stop a run that nobody watches, unless somebody does soon."""
        alone = sum(not (one.ended or one.watchers) for _, one in self._known.values())
        if alone > ORPHANS:
            run.cancel.set()
            return

        def stop() -> None:
            if not run.watchers:
                run.cancel.set()

        timer = threading.Timer(GRACE, stop)
        timer.daemon = True
        timer.start()

    def _forget(self) -> None:
        """Forget runs that ended long ago, and the oldest ones if there are too many."""
        now = time.monotonic()
        ended = [token for token, (_, run) in self._known.items() if run.ended]
        old = [t for t in ended if now - self._known[t][1].ended > REMEMBERED]
        for token in dict.fromkeys([*old, *ended[: max(0, len(ended) - MOST)]]):
            self._known.pop(token, None)


def _merged(before: Any, change: Any) -> Any:
    """Two changes of one component as one."""
    both = all(
        isinstance(one, dict) and one.get("__type__") == "update" for one in (before, change)
    )
    return {**before, **change} if both else change


class RunButtons:
    """The buttons Run and Stop of a tab, of which one is visible, and the run that they start.

    Build it at its place on the page, then call `connect`.

    Args:
        tab: the id of the tab.
        texts: collects their texts.
        runs: the runs of the page.

    Attributes:
        changing: all that a run changes, once it is connected.
    """

    def __init__(self, tab: str, texts: Texts, runs: Runs) -> None:
        self._tab, self._runs = tab, runs
        own = texts.own
        self._run = gr.Button(own("run"), variant="primary", elem_id=f"{tab}-run")
        self._stop = gr.Button(own("stop"), variant="stop", visible=False, elem_id=f"{tab}-stop")
        self._cancel = gr.State(None)  # a threading.Event that stops the visitor's run

    def connect(
        self,
        show: Callable[[Sequence[Any], threading.Event, Language], Iterator[Updates]],
        sent: Sequence[Component],
        status: gr.HTML,
        changing: Sequence[Any],
        needed: Mapping[Component, gr.HTML] = {},
    ) -> Any:
        """Let the buttons work.

        Args:
            show: makes a run of the values of `sent`: its updates, the last with `rest`.
            sent: what is sent to it.
            status: shows how it goes.
            changing: all that it changes beside the buttons.
            needed: components that must not be empty, with their marks.

        Returns:
            The event of a run.
        """
        self._show, self._status = show, status
        self.changing = [*changing, self._run, self._stop, self._cancel]
        if needed:
            marks.connect(self._run, needed)
        token, both = self._runs.kept, [self._run, self._stop]
        ran = self._run.click(
            self._begin, [*needed], [self._cancel, token, *both, status], js=TO_RESULT, **UNSEEN
        ).success(
            self._follow,
            [token, self._cancel, *sent],
            self.changing,
            concurrency_limit=None,  # runs wait in the line of the engine
            **UNSEEN,
        )
        ran.failure(lambda: self.rest, None, both, queue=False, **UNSEEN)
        self._stop.click(_stopping, self._cancel, status, queue=False, **UNSEEN)
        return ran

    @property
    def rest(self) -> Updates:
        """The updates while nothing runs."""
        return {self._run: gr.update(visible=True), self._stop: gr.update(visible=False)}

    def again(self, updates: Iterator[Updates], cancel: threading.Event) -> Iterator[Updates]:
        """Show a run that was started before the page was loaded, with Stop in place of Run.

        Every update shows Stop until one shows Run: the first may come before the page is built.
        """
        ended = False
        begun = {self._run: gr.update(visible=False), self._stop: gr.update(visible=True)}
        for news in updates:
            ended = ended or self._run in news
            yield news if ended else {**begun, self._cancel: cancel, **news}

    def _begin(self, request: gr.Request, *pictures: Any) -> tuple[Any, ...]:
        """What changes at once after a click, while the run still waits in the queue."""
        if not all(pictures):  # the page marks which
            said = say("missing", language(request))
            raise gr.Error(said, visible=False, print_exception=False)
        return (
            threading.Event(),
            self._runs.token(),
            gr.update(visible=False),
            gr.update(visible=True, interactive=True),
            render.line(say("starting", language(request))),
        )

    def _follow(
        self, request: gr.Request, token: Any, cancel: threading.Event | None, *sent: Any
    ) -> Iterator[Updates]:
        """Run and show the result; after Stop, there is what was made so far."""
        cancel = cancel or threading.Event()
        updates = self._guarded(sent, cancel, language(request))
        yield from self._runs.follow(str(token), self._tab, updates, cancel)

    def _guarded(
        self, sent: Sequence[Any], cancel: threading.Event, to: Language
    ) -> Iterator[Updates]:
        """The updates of a run; an error is shown, too."""
        try:
            yield from self._show(sent, cancel, to)
        except Cancelled:
            early = render.line(say("stopped_early", to), "sp-warn")
            yield {self._status: early, **self.rest}
        except Exception as error:
            yield {self._status: render.line(sentence(error, to), "sp-error"), **self.rest}
            raise shown(error, to, said=True) from error


def _stopping(cancel: threading.Event | None, request: gr.Request) -> str:
    if cancel is not None:
        cancel.set()
    return render.line(say("stopping", language(request)))
