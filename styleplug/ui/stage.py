"""The part of a tab that shows the result: previews, the finished result, and the download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import UsageError
from styleplug.core.frame import Frame, Report
from styleplug.core.method import Method
from styleplug.imaging import ENDINGS, Picture, fitted
from styleplug.imaging.sheet import columns
from styleplug.ui import render
from styleplug.ui.errors import shown
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.live import Moment
from styleplug.ui.results import Folder

CURVE = 4  # with fewer steps, metrics are shown as numbers, not as a curve
Updates = dict[Any, Any]  # component -> its update
UNSEEN: dict[str, Any] = {
    "api_visibility": "private",
    "preprocess": False,
    "show_progress": "hidden",
}
TO_TOP = "(...values) => { scrollTo({top: 0, behavior: 'smooth'}); return values; }"


class Stage:
    """The right half of a tab.  Build it at its place on the page.

    Args:
        takers: the methods that can use the result as a style.
        texts: collects its texts.
        idle: key of the text before the first run.
    """

    def __init__(
        self, method: Method[Any], takers: Sequence[Method[Any]], texts: Texts, idle: str
    ) -> None:
        self._method = method
        self._texts = texts
        self._folder = gr.State(None)  # the folder of the visitor's result
        self._picked = gr.State(0)  # the picture that the visitor selected last
        self._pictures()
        own = texts.own
        self.waiting = gr.HTML(elem_id=self._id("waiting"), elem_classes="sp-waiting")
        self.status = gr.HTML(own(idle), elem_id=self._id("status"), padding=False)
        with gr.Row(elem_classes="sp-save"):
            self._download = gr.DownloadButton(
                own("download"), interactive=False, elem_id=self._id("download"), scale=1
            )
            self.signed = gr.Checkbox(
                True,
                label=own("signed"),
                info=own("signed_help"),
                elem_id=self._id("signed"),
                container=False,
                scale=2,
            )
        self._badge = gr.HTML(elem_id=self._id("badge"), padding=False)
        self._passes = self._offer(takers) if method.result_is_style and takers else {}
        with gr.Accordion(own("losses"), open=True, visible=False) as self._losses:
            self._plot = gr.HTML(elem_id=self._id("plot"), padding=False)
        with gr.Accordion(own("recipe"), open=False):
            self.reload = gr.File(
                label=own("reload"),
                file_types=[*ENDINGS, ".json"],
                height=110,
                elem_id=self._id("reload"),
            )
            gr.HTML(own("reload_help"), elem_classes="sp-help", padding=False)
            self._recipe = gr.JSON(
                label=own("recipe"),
                elem_id=self._id("recipe"),
                buttons=["copy"],
                show_label=False,
                max_height=320,
            )
        self._gallery.select(self._pick, None, self._picked, queue=False, **UNSEEN)
        self.signed.change(self._sign, [self.signed, self._folder], self._download, **UNSEEN)

    def _id(self, name: str) -> str:
        return f"{self._method.id}-{name}"

    def _pictures(self) -> None:
        """The components for pictures: preview, comparison, gallery; one is visible at a time."""
        own = self._texts.own
        self._preview = gr.Image(
            label=own("result"),
            format="png",
            interactive=False,
            buttons=["fullscreen"],
            elem_id=self._id("preview"),
            elem_classes="sp-picture",
        )
        self._slider = gr.ImageSlider(
            label=own("compare"),
            format="png",
            type="filepath",
            interactive=False,
            buttons=["fullscreen"],
            visible=False,
            max_height=720,
            elem_id=self._id("slider"),
            elem_classes="sp-picture",
        )
        self._gallery = gr.Gallery(
            label=own("result"),
            show_label=False,
            format="png",
            object_fit="contain",
            interactive=False,
            buttons=["fullscreen"],
            visible=False,
            elem_id=self._id("gallery"),
            elem_classes="sp-gallery",
        )

    def _offer(self, takers: Sequence[Method[Any]]) -> dict[str, gr.Button]:
        """Buttons that use the result as a style, by the id of the other method."""
        with gr.Row(elem_classes="sp-passes"):
            gr.HTML(self._texts.own("as_style"), padding=False)
            return {
                taker.id: gr.Button(
                    self._texts.add(f"method.{taker.id}.title", taker.title),
                    size="sm",
                    interactive=False,
                    min_width=80,
                    elem_id=self._id(f"to-{taker.id}"),
                )
                for taker in takers
            }

    def pass_on(self, styles: Callable[[str], Component], shelf: gr.Tabs) -> None:
        """Connect the buttons that use the result as a style in other tabs, once all are built.

        Args:
            styles: gives the style component on the tab of a method, by its id.
            shelf: the component that contains the tabs.
        """
        for id, button in self._passes.items():
            button.click(
                self._passing(id),
                [self._folder, self._picked],
                [styles(id), shelf],
                js=TO_TOP,
                concurrency_limit=None,
                **UNSEEN,
            )

    # Updates ----------------------------------------------------------------------------

    @property
    def changing(self) -> list[Any]:
        """All components that a run changes."""
        return [
            self._preview,
            self._slider,
            self._gallery,
            self.status,
            self._badge,
            self._losses,
            self._plot,
            self._recipe,
            self._download,
            self._folder,
            self._picked,
            *self._passes.values(),
        ]

    def cleared(self, to: Language) -> Updates:
        """The updates at the start of a run."""
        return {
            self._slider: gr.update(visible=False),
            self._gallery: gr.update(visible=False, value=None),
            self._preview: gr.update(visible=True, value=None),
            self.status: render.line(say("starting", to)),
            self._badge: "",
            self._losses: gr.update(visible=False),
            self._download: gr.update(interactive=False),
        }

    def moved(self, moment: Moment, previews: Folder, to: Language) -> Updates:
        """The updates during a run."""
        changes: Updates = {self.status: render.progress(moment, to)}
        if moment.picture is not None:
            changes[self._preview] = str(previews.preview(moment.picture))
        if drawn := _curves(moment):
            changes |= {self._losses: gr.update(visible=True), self._plot: drawn}
        return changes

    def finished(
        self, moment: Moment, before: Picture | None, signed: bool, to: Language
    ) -> Updates:
        """The updates for the result, or for the picture so far after Stop.

        Args:
            moment: the last moment of the run.
            before: the input picture for the comparison; None if there is none.
            signed: whether the file contains its recipe.
            to: language.
        """
        frame, report = moment.frame, moment.frame.report
        assert report is not None, "the engine's final frame carries a report"
        folder = Folder(self._method.id)
        folder.keep(frame)
        drawn = _curves(moment)
        told = report.scores | ({} if drawn else report.metrics)
        changes = self._at_rest(folder, frame, report, before)
        changes |= dict.fromkeys(self._passes.values(), gr.update(interactive=not frame.fps))
        return changes | {
            self.status: render.outcome(frame.step, report, to),
            self._badge: render.badge(report, to, told),
            self._losses: gr.update(visible=bool(drawn)),
            self._plot: drawn,
            self._recipe: report.recipe.model_dump(mode="json"),
            self._download: gr.update(value=str(folder.file(signed)), interactive=True),
            self._folder: folder,
            self._picked: 0,
        }

    def reopened(self, result: Path, report: Report, to: Language) -> Updates:
        """The updates that show a result made elsewhere on the page.

        Args:
            result: the file, with its recipe.
            report: of its run.
            to: language.
        """
        folder = Folder(self._method.id)
        folder.adopt(result)
        return {
            self._slider: gr.update(visible=False),
            self._gallery: gr.update(visible=False, value=None),
            self._preview: gr.update(visible=True, value=str(result)),
            self.status: render.outcome(report.steps, report, to),
            self._badge: render.badge(report, to, report.metrics | report.scores),
            self._losses: gr.update(visible=False),
            self._recipe: report.recipe.model_dump(mode="json"),
            self._download: gr.update(value=str(result), interactive=True),
            self._folder: folder,
            self._picked: 0,
            **dict.fromkeys(self._passes.values(), gr.update(interactive=not report.fps)),
        }

    def _at_rest(
        self, folder: Folder, frame: Frame, report: Report, before: Picture | None
    ) -> Updates:
        """Show a gallery, a comparison, or the picture or animation alone."""
        if len(frame.images) > 1 and not frame.fps:
            singles = [str(path) for path in folder.singles(frame)]
            several = gr.update(visible=True, value=singles, columns=columns(frame.images))
            return {self._preview: gr.update(visible=False), self._gallery: several}
        result = str(folder.file(signed=True))
        if frame.fps or before is None or not _same_shape(before, report):
            return {self._preview: result}
        compared = (str(folder.before(before, frame.images[0])), result)
        return {
            self._preview: gr.update(visible=False),
            self._slider: gr.update(visible=True, value=compared),
        }

    # Handlers ---------------------------------------------------------------------------

    def _sign(self, signed: bool, folder: Folder | None) -> Any:
        """Offer the file with or without its recipe."""
        return gr.skip() if folder is None else gr.update(value=str(folder.file(signed)))

    def _pick(self, event: gr.SelectData) -> int:
        """Store which picture is selected."""
        return int(event.index)

    def _passing(self, other: str) -> Callable[..., Any]:
        """A handler that uses the selected picture as style of another tab, and opens that tab."""

        def give(request: gr.Request, folder: Folder | None, picked: int) -> Any:
            if folder is None:
                return gr.skip(), gr.skip()
            path = folder.single(picked)
            if not path.is_file():
                to = language(request)
                raise shown(
                    UsageError(
                        "This result is no longer kept: files are deleted after an hour. Run again."
                    ),
                    to,
                )
            return str(path), gr.update(selected=other)

        return give


def _curves(moment: Moment) -> str:
    """The metrics as curves, if there are enough steps and only one picture."""
    steps = max(map(len, moment.history.values()), default=0)
    single = len(moment.frame.images) <= 1
    return render.plot(moment.history) if single and steps >= CURVE else ""


def _same_shape(before: Picture, report: Report) -> bool:
    """Whether the result has the shape of its input, so that they can be compared."""
    side = max(report.width, report.height)
    return fitted(before.width, before.height, side) == (report.width, report.height)
