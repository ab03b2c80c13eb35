"""A tab of the page: the form of one method, its run and its result."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from styleplug.core.errors import Cancelled, StyleplugError
from styleplug.core.frame import Report
from styleplug.core.method import Method
from styleplug.core.recipe import Recipe, Settings
from styleplug.ui import marks, render, shares
from styleplug.ui.access import heading
from styleplug.ui.endpoint import publish
from styleplug.ui.errors import sentence, shown
from styleplug.ui.events import TO_RESULT, UNSEEN
from styleplug.ui.explain import Explanation
from styleplug.ui.form import Form
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.kept import Gallery
from styleplug.ui.live import follow
from styleplug.ui.offers import Offers
from styleplug.ui.presets import Presets
from styleplug.ui.rack import Rack
from styleplug.ui.results import Folder
from styleplug.ui.runs import Runs, with_stop
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.stage import Stage
from styleplug.ui.traffic import Visit
from styleplug.ui.undo import undo

if TYPE_CHECKING:
    from styleplug.engine import Engine


class Tab:
    """One method on the page.  Build it inside a `gr.Tab`.

    Args:
        texts: collects its texts.
        page: the page that it is built on.
        settings: the settings that visitors may change.
        runs: the runs of the page.
        strip: the strip of results.
        offers: the pictures that the page offers.
        gallery: keeps all results, if there is one.
    """

    def __init__(
        self,
        method: Method[Any],
        engine: Engine,
        texts: Texts,
        page: gr.Blocks,
        settings: type[Settings],
        runs: Runs,
        strip: gr.HTML,
        offers: Offers,
        gallery: Gallery | None = None,
    ) -> None:
        self.id, self.method = method.id, method
        self.engine = engine
        self.form = Form(method, texts, settings, engine.trained_for(method))
        self._texts = texts
        self._page = page
        self._runs = runs
        self._offers = offers
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self._inputs()
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                methods = list(engine.catalogue.methods.values())
                idle = "idle" if self.form.needed else "idle_free"
                self.stage = Stage(method, methods, texts, idle, strip, gallery)
        self._wire()
        publish(self.form, engine, runs.traffic, self.scored)

    def _id(self, name: str) -> str:
        return f"{self.method.id}-{name}"

    # Layout -----------------------------------------------------------------------------

    def _inputs(self) -> None:
        own, method = self._texts.own, self.method
        place = f"method.{method.id}"
        title = self._texts.add(f"{place}.title", method.title)
        summary = self._texts.add(f"{place}.summary", method.summary)
        heading(self._texts, title, summary, self._id("run"))
        self.form.pictures()
        self._rack = Rack(self._id("rack"), self._offers, list(self.form.first_pictures))
        self._presets = Presets(self.form, self._texts, self._offers)
        self.form.parameters(advanced=False)
        with gr.Accordion(own("advanced"), open=False, elem_id=self._id("advanced")):
            self.form.parameters(advanced=True)
            self.scored = gr.Checkbox(
                False,
                label=own("scored"),
                info=own("scored_help"),
                visible=self.form.judged,
                elem_id=self._id("scored"),
            )
        undo(self.form, self._texts)
        Explanation(method, self.engine, self._texts, self._offers)
        with gr.Column(elem_classes="sp-go"):
            self.plan = gr.HTML(elem_id=self._id("plan"), padding=False)
            self.run = gr.Button(own("run"), variant="primary", elem_id=self._id("run"))
            self.stop = gr.Button(
                own("stop"), variant="stop", visible=False, elem_id=self._id("stop")
            )

    # Events -----------------------------------------------------------------------------

    def _wire(self) -> None:
        form = self.form
        self._presets.connect()
        self._cancel = cancel = gr.State(None)  # a threading.Event that stops the visitor's run
        token = self._runs.kept

        if form.needed:
            marks.connect(self.run, form.needed)
        self._ran = run = self.run.click(
            self._start,
            list(form.needed),
            [cancel, token, self.run, self.stop, self.stage.status],
            js=TO_RESULT,
            **UNSEEN,
        ).success(
            self._run,
            [*form.sent, self.scored, self.stage.signed, token, cancel],
            self.changing,
            concurrency_limit=None,  # runs wait in the line of the engine
            **UNSEEN,
        )
        run.failure(self._rest, None, [self.run, self.stop], queue=False, **UNSEEN)
        planned = {"fn": self._plan, "inputs": form.components, "outputs": self.plan, **UNSEEN}
        run.success(concurrency_limit=None, **planned)  # the estimate uses this run
        self.stop.click(self._stop, cancel, self.stage.status, queue=False, **UNSEEN)
        changes = [component.change for component in form.components]  # type: ignore[attr-defined]
        gr.on(
            changes if form.needed else [*changes, self._page.load],
            trigger_mode="always_last",
            concurrency_limit=None,
            **planned,
        )

    def connect(self, shared: Shared, shelf: gr.Tabs) -> None:
        """Connect this tab to the visitor's pictures and to the other tabs, once all are built.

        Args:
            shared: the pictures of the visitor.
            shelf: the component that contains the tabs.
        """
        self._rack.connect(self.form.first_pictures, shared)
        for control, places in self.form.shares.items():
            shares.connect(control, places, shared)
        self.stage.pass_on(shared, shelf)
        if self.method.result_is_style:
            self.stage.remember(self._ran, shared)

    @property
    def changing(self) -> list[Any]:
        """All components that a run changes."""
        return [*self.stage.changing, self.run, self.stop, self._cancel]

    @property
    def opening(self) -> list[Any]:
        """All components that `opened` changes."""
        return [
            *self.form.first_pictures.values(),
            *self.form.parameter_components,
            *self.stage.changing,
        ]

    def opened(
        self, pictures: Mapping[str, Path], result: Path, report: Report, to: Language
    ) -> Updates:
        """The updates that show a result made elsewhere on the page, with its settings.

        Args:
            pictures: its pictures, one for each slot.
            result: its file, with its recipe.
            report: of its run.
            to: language.
        """
        values = self.form.fill(report.recipe)
        places = self.form.first_pictures
        return {
            **{places[slot]: str(path) for slot, path in pictures.items() if slot in places},
            **dict(zip(self.form.parameter_components, values, strict=True)),
            **self.stage.reopened(result, report, to),
        }

    # Handlers ---------------------------------------------------------------------------

    def _start(self, request: gr.Request, *pictures: Any) -> tuple[Any, ...]:
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

    def _rest(self) -> Updates:
        """The buttons Run and Stop while nothing runs."""
        return {self.run: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def _stop(self, cancel: threading.Event | None, request: gr.Request) -> str:
        if cancel is not None:
            cancel.set()
        return render.line(say("stopping", language(request)))

    def _run(self, request: gr.Request, *values: Any) -> Iterator[Updates]:
        """Run and show the result; after Stop, the last frame has the picture so far."""
        *sent, scored, signed, token, cancel = values
        cancel = cancel or threading.Event()
        asked = {"scored": bool(scored), "signed": bool(signed)}
        shown = self._guarded(self.form.given(sent), cancel, language(request), **asked)
        yield from self._runs.follow(str(token), self.method.id, shown, cancel)

    def again(self, updates: Iterator[Updates], cancel: threading.Event) -> Iterator[Updates]:
        """Show a run of this tab that was started before the page was loaded."""
        return with_stop(updates, self.run, self.stop, {self._cancel: cancel})

    def _guarded(
        self, given: dict[str, Any], cancel: threading.Event, to: Language, **asked: bool
    ) -> Iterator[Updates]:
        """The updates of a run; an error is shown, too."""
        try:
            yield from self._show(given, cancel, to, **asked)
        except Cancelled:
            yield {
                self.stage.status: render.line(say("stopped_early", to), "sp-warn"),
                **self._rest(),
            }
        except Exception as error:
            yield {self.stage.status: render.line(sentence(error, to), "sp-error"), **self._rest()}
            raise shown(error, to, said=True) from error

    def _show(
        self,
        given: dict[str, Any],
        cancel: threading.Event,
        to: Language,
        *,
        scored: bool,
        signed: bool,
    ) -> Iterator[Updates]:
        recipe = self.form.recipe(given)
        planned = self.engine.plan(recipe, self.form.sizes(given))
        size = f"{planned.width}x{planned.height}"
        with self._runs.traffic.run(self.method.id, size, planned.seconds, cancel) as turn:
            for ahead in turn:
                yield {self.stage.status: render.ahead(ahead, to)}
            if cancel.is_set():
                raise Cancelled
            expected = planned.seconds if planned.runs else None
            yield from self._shown(
                turn, recipe, given, cancel, to, expected, scored=scored, signed=signed
            )

    def _shown(
        self,
        turn: Visit,
        recipe: Recipe,
        given: dict[str, Any],
        cancel: threading.Event,
        to: Language,
        expected: float | None,
        *,
        scored: bool,
        signed: bool,
    ) -> Iterator[Updates]:
        """The updates of a run whose turn it is."""
        pictures = self.form.read(given)
        frames = self.engine.run(recipe, pictures, cancel, scored=scored)
        title = self.form.title(given)
        previews = Folder(title)
        yield self.stage.cleared(to)
        first = self.method.inputs[:1]
        before = pictures[first[0].id][0] if any(slot.least for slot in first) else None
        for moment in follow(frames, cancel, expected):
            if moment.frame.final:
                turn.stopped = cancel.is_set()
                yield self.stage.finished(moment, before, signed, to, title) | self._rest()
                return
            yield self.stage.moved(moment, previews, to)

    def _plan(self, request: gr.Request, *values: Any) -> Any:
        """The estimate for the run; empty while a control has a wrong value."""
        given = dict(zip(self.form.names, values, strict=True))
        try:
            expected = self.engine.plan(self.form.recipe(given), self.form.sizes(given))
        except StyleplugError:
            return ""
        return render.plan(expected, language(request))
