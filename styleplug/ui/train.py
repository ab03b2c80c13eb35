"""The tab Train: train nets on uploaded pictures, with the options of `styleplug train`.

Its controls come from the declarations of the loop and of the tasks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import Cancelled, StyleplugError, UsageError
from styleplug.core.params import Params, hint_of
from styleplug.system.machine import processors
from styleplug.training.loop.device import card_name
from styleplug.training.loop.setup import DEFAULT_MINUTES, Loop
from styleplug.training.loop.task import TaskSpec
from styleplug.ui import render
from styleplug.ui.access import heading, unseen_heading
from styleplug.ui.controls import control
from styleplug.ui.earlier import EarlierRuns, title
from styleplug.ui.errors import sentence, shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.form import Form
from styleplug.ui.i18n import Language, Texts, duration, language, message, say
from styleplug.ui.trainer import Run, Trainer, View
from styleplug.ui.uploads import uploads

Updates = dict[Any, Any]  # component -> its update
START = {"minutes": DEFAULT_MINUTES, "samples_every": 100}  # defaults here: more samples to watch
NOTES = 12  # notes shown in full


class TrainTab:
    """The tab.  Build it inside a `gr.Tab`.

    Args:
        tasks: the tasks that can be trained, by id; at least one.
        trainer: runs the training.
        texts: collects its texts.
        page: the page that it is built on.
        forms: the forms of other tabs, each with a function that gives the weights to offer there.
    """

    def __init__(
        self,
        tasks: Mapping[str, TaskSpec],
        trainer: Trainer,
        texts: Texts,
        page: gr.Blocks,
        forms: Mapping[Form, Callable[[], Mapping[str, str]]] = {},
    ) -> None:
        self.tasks = tasks
        self.trainer = trainer
        self._forms = forms
        self._texts = texts
        self._made: dict[tuple[str, str], Component] = {}  # by task ("" for the loop) and name
        self._shown: dict[gr.Column, str] = {}  # the task with which a column is visible
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self._inputs()
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                self._outputs()
        self._wire(page)

    # Layout -----------------------------------------------------------------------------

    def _inputs(self) -> None:
        own, first = self._texts.own, next(iter(self.tasks))
        heading(self._texts, own("train"), own("train_summary"), "train-start")
        self.task = gr.Dropdown(
            [(task.title, id) for id, task in self.tasks.items()],
            value=first,
            label=own("train_task"),
            elem_id="train-task",
        )
        for id, task in self.tasks.items():
            summary = self._texts.add(f"task.{id}.summary", task.summary)
            with self._only(id):
                gr.HTML(summary, elem_classes="sp-help", padding=False)
        gr.HTML(self._machine(), elem_classes="sp-help", padding=False)
        self.pictures = uploads(own("train_pictures"), "train-pictures", ".zip")
        for id, task in self.tasks.items():
            if task.learns_classes:
                with self._only(id):
                    gr.HTML(own("train_classes"), elem_classes="sp-help", padding=False)
        with gr.Column(visible=self.tasks[first].takes_styles) as self._styles:
            self.styles = uploads(own("train_styles"), "train-styles", ".zip")
        self._controls("", Loop, advanced=False)
        for id, task in self.tasks.items():
            with self._only(id):
                self._controls(id, task.params, advanced=False)
        with gr.Accordion(own("advanced"), open=False, elem_id="train-advanced"):
            self._controls("", Loop, advanced=True)
            for id, task in self.tasks.items():
                with self._only(id):
                    self._controls(id, task.params, advanced=True)
        with gr.Column(elem_classes="sp-go"):
            self.start = gr.Button(own("train_start"), variant="primary", elem_id="train-start")
            self.stop = gr.Button(own("stop"), variant="stop", visible=False, elem_id="train-stop")

    def _only(self, task: str) -> gr.Column:
        """A column that is visible while a task is chosen."""
        column = gr.Column(visible=task == next(iter(self.tasks)))
        self._shown[column] = task
        return column

    def _controls(self, task: str, params: type[Params], *, advanced: bool) -> None:
        """Make the controls of a task or of the loop, either the visible or the advanced ones."""
        place = f"task.{task}" if task else "loop"
        for name, info in params.model_fields.items():
            if hint_of(info).advanced is advanced:
                element = f"train-{task or 'loop'}"
                made = control(name, info, place, self._texts, element)
                if not task and name in START:
                    made.value = START[name]
                self._made[task, name] = made

    def _machine(self) -> str:
        """A sentence on the time of training on this machine."""
        if name := card_name():
            key, values = "train_card", {"name": name}
        else:
            key, values = "train_cpu", {"n": str(processors())}
        return self._texts.own(key, **values)

    def _outputs(self) -> None:
        own = self._texts.own
        unseen_heading(own("result"))
        self.status = gr.HTML(
            own("train_idle"), elem_id="train-status", elem_classes="sp-status", padding=False
        )
        gr.HTML(own("train_sample"), elem_classes="sp-help", padding=False)
        self.sample = gr.Image(
            show_label=False,
            format="png",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="train-sample",
            elem_classes=["sp-picture", "sp-sheet"],
        )
        self.scores = gr.HTML(elem_id="train-scores", padding=False)
        with gr.Accordion(own("train_curve"), open=True, visible=False) as self.curve:
            self.plot = gr.HTML(elem_id="train-plot", padding=False)
        self.download = gr.DownloadButton(
            own("train_download"), interactive=False, elem_id="train-download"
        )
        self.notes = gr.HTML(elem_id="train-notes", padding=False)
        self.earlier = EarlierRuns(self.trainer, self._texts)

    # Events -----------------------------------------------------------------------------

    def _wire(self, page: gr.Blocks) -> None:
        # Without a queue: a second start must be refused at once, not wait for hours.
        quiet: dict[str, Any] = {**UNSEEN, "concurrency_limit": None}
        seen = [
            self.start, self.stop, self.status, self.sample, self.scores,
            self.curve, self.plot, self.download, self.notes, *self._offered("en"),
            *self.earlier.changing,
        ]  # fmt: skip
        given = [self.task, self.pictures, self.styles, *self._made.values()]
        self.task.change(self._choose, self.task, [self._styles, *self._shown], **quiet)
        self.start.click(self._start, given, seen, **quiet)
        self.stop.click(self._stop, None, self.status, queue=False, **quiet)
        minutes = self._made["", "minutes"]
        self.earlier.wire(self._offered, quiet)
        self.earlier.resume.click(self._resume, [self.earlier.choice, minutes], seen, **quiet)
        page.load(self._look, None, [self.task, *seen], **quiet)

    # Handlers ---------------------------------------------------------------------------

    def _choose(self, chosen: str) -> Updates:
        """Show the controls of a task."""
        task = self._task(chosen)
        updates: Updates = {self._styles: gr.update(visible=task.takes_styles)}
        return updates | {
            column: gr.update(visible=id == task.id) for column, id in self._shown.items()
        }

    def _task(self, chosen: Any) -> TaskSpec:
        if not isinstance(chosen, str) or chosen not in self.tasks:
            raise UsageError(f"unknown task {chosen!r}; known are: {', '.join(self.tasks)}")
        return self.tasks[chosen]

    def _start(
        self, request: gr.Request, chosen: Any, pictures: Any, styles: Any, *values: Any
    ) -> Iterator[Updates]:
        """Start a run and show it; it continues if the visitor leaves."""

        def start() -> Run:
            task = self._task(chosen)
            options = {
                name: value
                for (of, name), value in zip(self._made, values, strict=True)
                if of in ("", task.id)
            }
            return self.trainer.start(task, pictures, styles, options)

        yield from self._begin(start, language(request))

    def _resume(self, request: gr.Request, name: Any, minutes: Any) -> Iterator[Updates]:
        """Continue an earlier run and show it."""

        def resume() -> Run:
            one = self.trainer.find(name)
            return self.trainer.resume(one, self._task(one.task), float(minutes or 0))

        yield from self._begin(resume, language(request))

    def _begin(self, start: Callable[[], Run], to: Language) -> Iterator[Updates]:
        """Show a new run until its end, or why it cannot start."""
        try:
            run = start()
        except Exception as error:
            yield {self.status: render.line(sentence(error, to), "sp-error")}
            raise shown(error, to) from error
        yield {
            self.sample: None,
            self.scores: "",
            self.curve: gr.update(visible=False),
            self.download: gr.update(interactive=False),
            self.notes: "",
        }
        yield from self._follow(run, to)
        if (failed := run.view.error) and not isinstance(failed, Cancelled):
            raise shown(_private(failed, run), to) from failed

    def _stop(self, request: gr.Request) -> str:
        if self.trainer.run is not None:
            self.trainer.run.stop()
        return render.line(say("train_stopping", language(request)))

    def _look(self, request: gr.Request) -> Iterator[Updates]:
        """Show a new visitor the tasks in their language, and the run if there is one."""
        to = language(request)
        titles = [(title(task, to), id) for id, task in self.tasks.items()]
        yield {self.task: gr.update(choices=titles), **self.earlier.listed(to)}
        if self.trainer.run is not None:
            yield from self._follow(self.trainer.run, to)

    def _follow(self, run: Run, to: Language) -> Iterator[Updates]:
        """Show a run until its end."""
        sheet: Path | None = None
        for view in run.views():
            changes: Updates = {
                self.start: gr.update(visible=view.ended),
                self.stop: gr.update(visible=not view.ended),
                self.status: status(run, view, to),
                self.scores: scores(view, to),
                self.notes: notes(view.notes, to),
            }
            if drawn := render.plot(view.history):
                changes |= {self.curve: gr.update(visible=True), self.plot: drawn}
            if view.progress.sample != sheet:
                sheet = view.progress.sample
                changes[self.sample] = run.sample()
            if view.ended and (pack := run.packed()):
                changes[self.download] = gr.update(value=str(pack), interactive=True)
                changes |= self._offered(to)
            if view.ended:
                changes |= self.earlier.listed(to)
            yield changes

    def _offered(self, to: Language) -> Updates:
        """The updates of the choices of weights in other tabs."""
        offers = (form.offer(known(), to) for form, known in self._forms.items())
        return {made: new for offer in offers for made, new in offer.items()}


def _private(error: Exception, run: Run) -> Exception:
    """The same error without the path of the folder for runs."""
    if not isinstance(error, StyleplugError):
        return error
    return type(error)(str(error).replace(f"{run.setup.out.parent}{os.sep}", ""))


def status(run: Run, view: View, to: Language) -> str:
    """The state of a run, or how it ended."""
    progress, report = view.progress, view.progress.report
    if isinstance(view.error, Cancelled):
        return render.line(say("train_stopped_early", to), "sp-warn")
    if view.error is not None:
        return render.line(sentence(_private(view.error, run), to), "sp-error")
    if report is not None:
        key, kind = ("train_stopped", "sp-warn") if report.stopped else ("train_done", "sp-done")
        time, kept = duration(report.seconds, to), say("train_kept", to, name=run.setup.out.name)
        how = say(key, to, step=report.step, time=time, best=report.best_step)
        return render.line(how, kind) + render.line(kept, "sp-small")
    doing = f"{title(run.setup.task, to)} · {_doing(run, view, to)}"
    return render.bar(progress.share) + render.line(doing)


def _doing(run: Run, view: View, to: Language) -> str:
    """What an active run is doing."""
    progress = view.progress
    if run.cancel.is_set():
        return say("train_stopping", to)
    if not progress.step:
        return say("train_preparing", to)
    if progress.share >= 1:
        return say("train_finishing", to)
    count = say("step" if progress.steps else "step_open", to, step=progress.step,
                steps=progress.steps)  # fmt: skip
    parts = [count]
    if progress.remaining is not None:
        parts.append(say("left", to, time=duration(progress.remaining, to)))
    parts.append(say("train_pace", to, time=duration(progress.seconds / progress.step, to)))
    return " · ".join(parts)


def scores(view: View, to: Language) -> str:
    """The newest scores on held-out pictures; those of the best weights at the end."""
    report = view.progress.report
    found = report.best if report else view.progress.scores
    if not found:
        return ""
    pills = "".join(f"<span>{escape(name)} {value:.4g}</span>" for name, value in found.items())
    return render.line(say("train_scores", to), "sp-small") + f'<div class="sp-pills">{pills}</div>'


def notes(sentences: Sequence[str], to: Language) -> str:
    """Notes on the pictures, for example on skipped files."""
    lines = [message(one, to) for one in sentences[:NOTES]]
    if more := len(sentences) - len(lines):
        lines.append(say("train_more", to, n=more))
    return "".join(render.line(one, "sp-warn") for one in lines)
