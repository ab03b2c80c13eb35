"""The tabs Compare, Sweep and Batch: one component, with one kind of grid each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from styleplug.core.recipe import Settings
from styleplug.engine import Engine
from styleplug.engine.axes import Grid
from styleplug.ui import render
from styleplug.ui.access import unseen_heading
from styleplug.ui.errors import sentence, shown
from styleplug.ui.events import TO_RESULT, TO_TOP, UNSEEN
from styleplug.ui.grid_form import GridForm, Kind
from styleplug.ui.grid_run import (
    GridRunner,
    Limits,
    Made,
    Progress,
    called,
    failures,
    outcome,
    packed,
    status,
    table,
)
from styleplug.ui.handover import check_kept
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.kept import Gallery
from styleplug.ui.offers import Offers
from styleplug.ui.results import Folder
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.tab import Tab
from styleplug.ui.traffic import Traffic


@dataclass
class Session:
    """The data that the page keeps of a visitor's grid.

    Args:
        folder: its files.
        grid: the grid.
        order: finished cells, in the order of the gallery.
    """

    folder: Folder
    grid: Grid
    order: list[Made]


class GridTab:
    """One of the tabs.  Build it inside a `gr.Tab`.

    Args:
        kind: which one.
        engine: runs the cells.
        texts: collects its texts.
        settings: the settings that visitors may change.
        limits: what one grid may take.
        traffic: lets grids start.
        offers: the pictures that the page offers.
        gallery: keeps all results, if there is one.
    """

    def __init__(
        self,
        kind: Kind,
        engine: Engine,
        texts: Texts,
        settings: type[Settings],
        limits: Limits,
        traffic: Traffic,
        offers: Offers,
        gallery: Gallery | None = None,
    ) -> None:
        self.kind, self.engine = kind, engine
        self._texts = texts
        judged = kind != "batch"
        self._runner = GridRunner(
            engine, settings, limits, traffic, scored=judged, sheet=judged, gallery=gallery
        )
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self.form = GridForm(kind, engine, texts, settings, offers)
                self._buttons()
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                self._outputs()
        self._wire()

    def _id(self, name: str) -> str:
        return f"{self.kind}-{name}"

    # Layout -----------------------------------------------------------------------------

    def _buttons(self) -> None:
        own = self._texts.own
        with gr.Column(elem_classes="sp-go"):
            self.run = gr.Button(own("run"), variant="primary", elem_id=self._id("run"))
            self.stop = gr.Button(
                own("stop"), variant="stop", visible=False, elem_id=self._id("stop")
            )

    def _outputs(self) -> None:
        own = self._texts.own
        unseen_heading(own("result"))
        self.status = gr.HTML(
            own(f"{self.kind}_idle"),
            elem_id=self._id("status"),
            elem_classes="sp-status",
            padding=False,
        )
        self.gallery = gr.Gallery(
            label=own("result"),
            show_label=False,
            format="png",
            object_fit="contain",
            columns=3,
            height="auto",
            interactive=False,
            allow_preview=False,
            buttons=[],
            visible=self.kind != "batch",
            elem_id=self._id("gallery"),
            elem_classes="sp-gallery",
        )
        if self.kind != "batch":
            gr.HTML(own("grid_open_help"), elem_classes="sp-help", padding=False)
        self.table = gr.HTML(elem_id=self._id("table"), padding=False)
        with gr.Row(elem_classes="sp-save"):
            self.sheet = gr.DownloadButton(
                own("grid_sheet"),
                interactive=False,
                visible=self.kind != "batch",
                elem_id=self._id("sheet"),
            )
            self.zip = gr.DownloadButton(
                own("grid_zip"), interactive=False, elem_id=self._id("zip")
            )

    # Events -----------------------------------------------------------------------------

    def _wire(self) -> None:
        self._cancel, self._session = gr.State(None), gr.State(None)
        seen = [self.status, self.gallery, self.table, self.sheet, self.zip, self._session,
                self.run, self.stop]  # fmt: skip
        self.run.click(
            self._start,
            None,
            [self._cancel, self.run, self.stop, self.status],
            queue=False,
            js=TO_RESULT,
            **UNSEEN,
        ).then(
            self._run,
            [self._cancel, self._session, *self.form.made.values()],
            seen,
            concurrency_limit=None,  # runs wait in the line of the engine
            **UNSEEN,
        )
        self.stop.click(self._stop, self._cancel, self.stop, queue=False, **UNSEEN)

    def connect(self, tabs: Sequence[Tab], shared: Shared, shelf: gr.Tabs) -> None:
        """Connect the rack, and the gallery, where a click opens a result in its tab."""
        self.form.connect(shared)
        if self.kind != "batch":
            shared.join({"content": self.form.made["content"]})
        known = {tab.method.id: tab for tab in tabs if tab.method.id in self.form.methods}
        places = list(dict.fromkeys(part for tab in known.values() for part in tab.opening))

        def open_(request: gr.Request, event: gr.SelectData, session: Session | None) -> Any:
            order = session.order if session else []
            number = int(event.index)
            made = order[number] if number < len(order) else None
            report = made.report if made else None
            if made is None or report is None:
                return gr.skip()
            to = language(request)
            check_kept(made.path, to)
            tab = known[report.method]
            updates = tab.opened(made.pictures, made.path, report, to)
            return {**updates, shelf: gr.update(selected=report.method)}

        self.gallery.select(
            open_, self._session, [*places, shelf], js=TO_TOP, concurrency_limit=None, **UNSEEN
        )

    # Handlers ---------------------------------------------------------------------------

    def _start(self, request: gr.Request) -> tuple[Any, ...]:
        """The updates at once after a click."""
        return (
            threading.Event(),
            gr.update(visible=False),
            gr.update(visible=True, interactive=True),
            render.line(say("starting", language(request))),
        )

    def _stop(self, cancel: threading.Event | None) -> Any:
        """Stop the run; the run itself shows that it has stopped."""
        if cancel is not None:
            cancel.set()
        return gr.update(interactive=False)

    def _run(
        self, request: gr.Request, cancel: Any, session: Session | None, *sent: Any
    ) -> Iterator[Updates]:
        """Run the grid and show it."""
        to = language(request)
        given = dict(zip(self.form.made, sent, strict=True))
        rest: Updates = {self.run: gr.update(visible=True), self.stop: gr.update(visible=False)}
        cancel = cancel or threading.Event()
        try:
            grid = self.form.grid(given)
            # A batch resumes in the folder of the last one; results of the others are new.
            folder = session.folder if session and self.kind == "batch" else Folder(self.kind)
            yield from self._follow(Session(folder, grid, []), cancel, given, to)
            yield rest
        except Exception as error:
            yield {self.status: render.line(sentence(error, to), "sp-error"), **rest}
            raise shown(error, to, said=True) from error
        finally:
            cancel.set()

    def _follow(
        self, session: Session, cancel: threading.Event, given: Mapping[str, Any], to: Language
    ) -> Iterator[Updates]:
        grid, progress = session.grid, Progress(session.grid.count)
        self._runner.check(grid)
        words = self.form.words(grid.base.method, to)
        labels = {number: called(grid, number, words) for number in range(grid.count)}
        best = str(given.get("best") or "")
        for progress in self._runner.run(grid, labels, session.folder, cancel, best, to):
            yield self._shown(progress, session, labels, to)
        pack = packed(session.folder, progress.sheet)
        sheet = str(progress.sheet) if progress.sheet else None
        yield {
            **self._shown(progress, session, labels, to),
            self.status: outcome(progress, to),
            self.sheet: gr.update(value=sheet, interactive=bool(sheet)),
            self.zip: gr.update(value=pack and str(pack), interactive=bool(pack)),
            self._session: session,
        }

    def _shown(
        self, progress: Progress, session: Session, labels: Mapping[int, str], to: Language
    ) -> Updates:
        """The updates of a moment."""
        updates: Updates = {self.status: status(progress, to)}
        if self.kind == "batch":
            return updates | {self.table: table(progress, labels, to)}
        order = sorted(progress.made)
        session.order[:] = [progress.made[number] for number in order]
        best = progress.made.get(-1 if progress.best is None else progress.best)
        tiles = [(str(made.path), f"{'★ ' * (made is best)}{made.label}\n{made.caption}")
                 for made in session.order]  # fmt: skip
        label, seen = progress.running
        if seen is not None:
            tiles.append((str(seen), label))
        axis = next((a for a in reversed(session.grid.axes) if len(a.values) > 1), None)
        across = min(4, len(axis.values)) if axis else 1
        return updates | {
            self.gallery: gr.update(value=tiles, columns=max(2, across)),
            self.table: failures(progress, labels),
        }
