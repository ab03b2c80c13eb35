"""The tabs Compare, Sweep and Batch: one component, with one kind of grid each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from styleplug.engine.axes import Grid
from styleplug.ui.access import unseen_heading
from styleplug.ui.context import PageContext
from styleplug.ui.events import TO_TOP, UNSEEN
from styleplug.ui.grid_form import GridForm, Kind
from styleplug.ui.grid_run import (
    GridRunner,
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
from styleplug.ui.i18n import Language, language
from styleplug.ui.results import Folder
from styleplug.ui.runs import RunButtons, Runs
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.tab import Tab


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
        kind: which one, and the id of the tab.
        context: what the page is built with.
        runs: the runs of the page.
    """

    def __init__(self, kind: Kind, context: PageContext, runs: Runs) -> None:
        self.id, self._texts = kind, context.texts
        self._batch = kind == "batch"
        self._runner = GridRunner(context, judged=not self._batch, gallery=context.gallery)
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self.form = GridForm(kind, context)
                with gr.Column(elem_classes="sp-go"):
                    self.buttons = RunButtons(kind, self._texts, runs)
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                self._outputs()
        self._session = gr.State(None)
        self.buttons.connect(
            self._run,
            [self._session, *self.form.made.values()],
            self.status,
            [self.status, self.gallery, self.table, self.sheet, self.zip, self._session],
        )

    def _id(self, name: str) -> str:
        return f"{self.id}-{name}"

    # Layout -----------------------------------------------------------------------------

    def _outputs(self) -> None:
        own = self._texts.own
        unseen_heading(own("result"))
        self.status = gr.HTML(
            own(f"{self.id}_idle"),
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
            visible=not self._batch,
            elem_id=self._id("gallery"),
            elem_classes="sp-gallery",
        )
        if not self._batch:
            gr.HTML(own("grid_open_help"), elem_classes="sp-help", padding=False)
        self.table = gr.HTML(elem_id=self._id("table"), padding=False)
        with gr.Row(elem_classes="sp-save"):
            self.sheet = gr.DownloadButton(
                own("grid_sheet"),
                interactive=False,
                visible=not self._batch,
                elem_id=self._id("sheet"),
            )
            self.zip = gr.DownloadButton(
                own("grid_zip"), interactive=False, elem_id=self._id("zip")
            )

    # Events -----------------------------------------------------------------------------

    def connect(self, tabs: Sequence[Tab], shared: Shared, shelf: gr.Tabs) -> None:
        """Connect the rack, and the gallery, where a click opens a result in its tab."""
        self.form.connect(shared)
        if not self._batch:
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

    def _run(self, sent: Sequence[Any], cancel: threading.Event, to: Language) -> Iterator[Updates]:
        """Run the grid and show it."""
        before, *values = sent
        given = dict(zip(self.form.made, values, strict=True))
        grid = self.form.grid(given)
        # A batch resumes in the folder of the last one; results of the others are new.
        folder = before.folder if before and self._batch else Folder(self.id)
        session, progress = Session(folder, grid, []), Progress(grid.count)
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
            **self.buttons.rest,
        }

    def _shown(
        self, progress: Progress, session: Session, labels: Mapping[int, str], to: Language
    ) -> Updates:
        """The updates of a moment."""
        updates: Updates = {self.status: status(progress, to)}
        if self._batch:
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
