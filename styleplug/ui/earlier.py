"""The earlier runs on the tab Train: their samples; resume, download and delete them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from styleplug.core.errors import StyleplugError
from styleplug.locale import catalogue, languages
from styleplug.system.jsontext import to_json
from styleplug.training import load_task
from styleplug.training.loop.task import TaskSpec
from styleplug.ui.errors import shown
from styleplug.ui.i18n import Language, Texts, catalogued, duration, language, say
from styleplug.ui.sharing import Updates
from styleplug.ui.trainer import Earlier, Trainer
from styleplug.ui.training_files import packed, served


class EarlierRuns:
    """A choice of earlier runs, and what can be done with them.  Build it on the tab Train.

    Args:
        trainer: knows the runs.
        texts: collects its texts.

    Attributes:
        choice: the chosen run, by name.
        resume: a button; the tab connects it.
    """

    def __init__(self, trainer: Trainer, texts: Texts) -> None:
        own = texts.own
        self._trainer = trainer
        with gr.Accordion(
            own("train_earlier"), open=False, visible=False, elem_id="train-earlier"
        ) as self._all:
            self.choice = gr.Dropdown(
                [],
                label=own("train_earlier"),
                info=own("train_earlier_help"),
                elem_id="train-earlier-choice",
            )
            self._sample = gr.Image(
                label=own("result"),
                format="png",
                interactive=False,
                buttons=["fullscreen"],
                elem_id="train-earlier-sample",
                elem_classes=["sp-picture", "sp-sheet"],
            )
            with gr.Row():
                self.resume = gr.Button(own("train_resume"), elem_id="train-resume")
                self._pack = gr.DownloadButton(own("train_download"), elem_id="train-earlier-zip")
                self._delete = gr.Button(
                    own("train_delete"), variant="stop", elem_id="train-delete"
                )

    @property
    def changing(self) -> list[Any]:
        """All components that a new list of runs changes."""
        return [self._all, self.choice, self._sample, self._pack]

    def wire(self, offered: Callable[[Language], Updates], quiet: Mapping[str, Any]) -> None:
        """Connect it.

        Args:
            offered: the updates of the weights that other tabs offer.
            quiet: options of events.
        """
        sure = to_json({to: catalogued("train_delete_sure", to) for to in languages()})
        ask = f"""(name) => {{
          const known = {sure}, to = navigator.language;
          return confirm(known[to] ?? known[to.split("-")[0]] ?? known.en) ? name : null;
        }}"""

        def delete(request: gr.Request, name: Any) -> Any:
            to = language(request)
            if name is None:  # not sure
                return gr.skip()
            try:
                self._trainer.delete(self._trainer.find(name))
            except Exception as error:
                raise shown(error, to) from error
            gr.Info(say("train_deleted", to, name=name))
            return {**self.listed(to), **offered(to)}

        outputs = [*self.changing, *offered("en")]
        self._delete.click(delete, self.choice, outputs, js=ask, **quiet)
        self.choice.change(self._chosen, self.choice, [self._sample, self._pack], **quiet)

    def listed(self, to: Language) -> Updates:
        """The updates that list all runs, and show the newest."""
        runs = self._trainer.earlier()
        choices = [(_label(one, to), one.name) for one in runs]
        newest = runs[0] if runs else None
        return {
            self._all: gr.update(visible=bool(runs)),
            self.choice: gr.update(choices=choices, value=newest and newest.name),
            **self._shown(newest),
        }

    def _chosen(self, request: gr.Request, name: Any) -> Updates:
        """Show the samples of a run, and offer its ZIP."""
        try:
            return self._shown(self._trainer.find(name) if name else None)
        except Exception as error:
            raise shown(error, language(request)) from error

    def _shown(self, one: Earlier | None) -> Updates:
        sample = Path(shutil.copy(one.sample, served())) if one and one.sample else None
        pack = packed(self._trainer.folder(one)) if one else None
        return {
            self._sample: str(sample) if sample else None,
            self._pack: gr.update(value=str(pack) if pack else None, interactive=bool(pack)),
        }


def _label(one: Earlier, to: Language) -> str:
    """What the choice calls a run."""
    try:
        named = title(load_task(one.task), to)
    except StyleplugError:
        named = one.task
    time = duration(60 * one.minutes, to)
    return say("train_run", to, title=named, name=one.name, step=one.step, time=time)


def title(task: TaskSpec, to: Language) -> str:
    """The title of a task."""
    return catalogue(to).text(f"task.{task.id}.title", task.title)
