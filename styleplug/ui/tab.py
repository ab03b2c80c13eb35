"""A tab of the page: the form of one method, its run and its result."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from styleplug.core.errors import Cancelled, StyleplugError
from styleplug.core.frame import Report
from styleplug.core.method import Method
from styleplug.core.recipe import Recipe
from styleplug.ui import render, shares
from styleplug.ui.access import heading
from styleplug.ui.context import PageContext
from styleplug.ui.endpoint import publish
from styleplug.ui.events import UNSEEN
from styleplug.ui.explain import Explanation
from styleplug.ui.form import Form
from styleplug.ui.i18n import Language, language
from styleplug.ui.live import follow
from styleplug.ui.presets import Presets
from styleplug.ui.rack import Rack
from styleplug.ui.results import Folder
from styleplug.ui.runs import RunButtons, Runs
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.stage import Stage
from styleplug.ui.traffic import Visit
from styleplug.ui.undo import undo


class Tab:
    """One method on the page.  Build it inside a `gr.Tab`.

    Args:
        context: what the page is built with.
        page: the page that it is built on.
        runs: the runs of the page.
        strip: the strip of results.
    """

    def __init__(
        self, method: Method[Any], context: PageContext, page: gr.Blocks, runs: Runs, strip: gr.HTML
    ) -> None:
        self.id, self.method = method.id, method
        self._engine, self._texts, self._offers = context.engine, context.texts, context.offers
        trained = self._engine.trained_for(method)
        self.form = Form(method, self._texts, context.settings, trained)
        self._page, self._runs = page, runs
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self._inputs()
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                methods = list(self._engine.catalogue.methods.values())
                idle = "idle" if self.form.needed else "idle_free"
                self.stage = Stage(method, methods, self._texts, idle, strip, context.gallery)
        self._wire()
        publish(self.form, self._engine, context.traffic, self.scored)

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
        Explanation(method, self._engine, self._texts, self._offers)
        with gr.Column(elem_classes="sp-go"):
            self.plan = gr.HTML(elem_id=self._id("plan"), padding=False)
            self.buttons = RunButtons(method.id, self._texts, self._runs)

    # Events -----------------------------------------------------------------------------

    def _wire(self) -> None:
        form = self.form
        self._presets.connect()
        sent = [*form.sent, self.scored, self.stage.signed]
        self._ran = self.buttons.connect(
            self._run, sent, self.stage.status, self.stage.changing, form.needed
        )
        planned = {"fn": self._plan, "inputs": form.components, "outputs": self.plan, **UNSEEN}
        self._ran.success(concurrency_limit=None, **planned)  # the estimate uses this run
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

    def _run(
        self, values: Sequence[Any], cancel: threading.Event, to: Language
    ) -> Iterator[Updates]:
        """Wait, run and show the result; after Stop, the last frame has the picture so far."""
        *sent, scored, signed = values
        given = self.form.given(sent)
        recipe = self.form.recipe(given)
        planned = self._engine.plan(recipe, self.form.sizes(given))
        size = f"{planned.width}x{planned.height}"
        with self._runs.traffic.run(self.method.id, size, planned.seconds, cancel) as turn:
            for ahead in turn:
                yield {self.stage.status: render.ahead(ahead, to)}
            if cancel.is_set():
                raise Cancelled
            expected = planned.seconds if planned.runs else None
            yield from self._shown(
                turn, recipe, given, cancel, to, expected, scored=bool(scored), signed=bool(signed)
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
        frames = self._engine.run(recipe, pictures, cancel, scored=scored)
        title = self.form.title(given)
        previews = Folder(title)
        yield self.stage.cleared(to)
        first = self.method.inputs[:1]
        before = pictures[first[0].id][0] if any(slot.least for slot in first) else None
        for moment in follow(frames, cancel, expected):
            if moment.frame.final:
                turn.stopped = cancel.is_set()
                yield self.stage.finished(moment, before, signed, to, title) | self.buttons.rest
                return
            yield self.stage.moved(moment, previews, to)

    def _plan(self, request: gr.Request, *values: Any) -> Any:
        """The estimate for the run; empty while a control has a wrong value."""
        given = dict(zip(self.form.names, values, strict=True))
        try:
            expected = self._engine.plan(self.form.recipe(given), self.form.sizes(given))
        except StyleplugError:
            return ""
        return render.plan(expected, language(request))
