"""The part of a tab that shows the result: previews, the finished result, and the download."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from styleplug.core.errors import OutputError
from styleplug.core.frame import Frame, Report
from styleplug.core.method import Method
from styleplug.imaging import ENDINGS, Picture, fitted
from styleplug.imaging.sheet import columns
from styleplug.system.extras import missing
from styleplug.ui import render
from styleplug.ui.access import unseen_heading
from styleplug.ui.errors import sentence
from styleplug.ui.events import UNSEEN
from styleplug.ui.handover import Handover
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.kept import Gallery
from styleplug.ui.live import Moment
from styleplug.ui.rack import CHANGED
from styleplug.ui.results import Folder
from styleplug.ui.sharing import Shared, Updates

CURVE = 4  # with fewer steps, metrics are shown as numbers, not as a curve


class Stage:
    """The right half of a tab.  Build it at its place on the page.

    Args:
        methods: all methods of the page.
        texts: collects its texts.
        idle: key of the text before the first run.
        strip: gets each result, for the strip of results.
        gallery: keeps each result, if there is one.
    """

    def __init__(
        self,
        method: Method[Any],
        methods: Sequence[Method[Any]],
        texts: Texts,
        idle: str,
        strip: gr.HTML,
        gallery: Gallery | None,
    ) -> None:
        self._method = method
        self._texts = texts
        self._strip, self._kept_in = strip, gallery
        self._folder = gr.State(None)  # the folder of the visitor's result
        self._picked = gr.State(0)  # the picture that the visitor selected last
        own = texts.own
        unseen_heading(own("result"))
        self._pictures()
        self.status = gr.HTML(
            own(idle), elem_id=self._id("status"), elem_classes="sp-status", padding=False
        )
        self._files()
        self._badge = gr.HTML(elem_id=self._id("badge"), padding=False)
        self._handover = Handover(method, methods, texts)
        self._passes = self._handover.buttons
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
        self._gallery.select(
            self._pick,
            self._folder,
            [self._picked, self._single, self._slider],
            queue=False,
            **UNSEEN,
        )
        self.signed.change(self._sign, [self.signed, self._folder], self._download, **UNSEEN)

    def _files(self) -> None:
        """Make the buttons to download the result."""
        own = self._texts.own
        with gr.Row(elem_classes="sp-save"):
            self._download = gr.DownloadButton(
                own("download"), interactive=False, elem_id=self._id("download"), scale=1
            )
            self._single = gr.DownloadButton(
                own("download"), visible=False, elem_id=self._id("single"), scale=1
            )
            self._zip = gr.DownloadButton(
                own("strip_zip"), visible=False, elem_id=self._id("zip"), scale=1
            )
            self._film = gr.DownloadButton(
                own("download_video"), visible=False, elem_id=self._id("film"), scale=1
            )
            self.signed = gr.Checkbox(
                True,
                label=own("signed"),
                info=own("signed_help"),
                elem_id=self._id("signed"),
                container=False,
                scale=2,
            )

    def _id(self, name: str) -> str:
        return f"{self._method.id}-{name}"

    def _pictures(self) -> None:
        """The components for pictures: preview, comparison, gallery; one is visible at a time."""
        own = self._texts.own
        self._preview = preview(self._texts, self._method.id)
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

    def pass_on(self, shared: Shared, shelf: gr.Tabs) -> None:
        """Connect the buttons that hand the result over to other tabs, once all are built."""
        self._handover.connect(self._folder, self._picked, shared, shelf)

    def remember(self, run: Any, shared: Shared) -> None:
        """After a run, add the pictures of the result to the visitor's styles."""

        def add(folder: Folder | None, kept: object) -> Updates:
            return shared.with_styles(kept, folder.pictures if folder else [])

        run.success(
            add, [self._folder, shared.kept], shared.news, concurrency_limit=None, **UNSEEN
        ).then(None, None, None, js=CHANGED, api_visibility="private")

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
            self._strip,
            self._single,
            self._zip,
            self._film,
            *self._passes.values(),
        ]

    def cleared(self, to: Language) -> Updates:
        """The updates at the start of a run; the last result stays until there is a picture."""
        return {self.status: render.line(say("starting", to)), self._badge: ""}

    def moved(self, moment: Moment, previews: Folder, to: Language) -> Updates:
        """The updates during a run."""
        changes: Updates = {self.status: render.progress(moment, to)}
        if moment.picture is not None:
            changes |= {
                self._slider: gr.update(visible=False),
                self._gallery: gr.update(visible=False),
                self._preview: gr.update(visible=True, value=str(previews.preview(moment.picture))),
            }
        if drawn := _curves(moment):
            changes |= {self._losses: gr.update(visible=True), self._plot: drawn}
        return changes

    def finished(
        self, moment: Moment, before: Picture | None, signed: bool, to: Language, title: str
    ) -> Updates:
        """The updates for the result, or for the picture so far after Stop.

        Args:
            moment: the last moment of the run.
            before: the input picture for the comparison; None if there is none.
            signed: whether the file contains its recipe.
            to: language.
            title: the start of the names of its files.
        """
        frame, report = moment.frame, moment.frame.report
        assert report is not None, "the engine's final frame carries a report"
        folder = Folder(title)
        kept = folder.keep(frame)
        drawn = _curves(moment)
        told = report.scores | ({} if drawn else report.metrics)
        changes = {
            **dict.fromkeys((self._single, self._zip, self._film), gr.update(visible=False)),
            **self._at_rest(folder, frame, report, before, to),
        }
        changes |= dict.fromkeys(self._passes.values(), gr.update(interactive=not frame.fps))
        return changes | {
            self.status: render.outcome(frame.step, report, to) + self._keep(kept, to),
            self._badge: render.badge(report, to, told),
            self._losses: gr.update(visible=bool(drawn)),
            self._plot: drawn,
            self._recipe: report.recipe.model_dump(mode="json"),
            self._download: gr.update(value=str(folder.file(signed)), interactive=True),
            self._folder: folder,
            self._picked: 0,
            self._strip: _kept(folder, report),
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
            self._strip: _kept(folder, report),
            **dict.fromkeys((self._single, self._zip, self._film), gr.update(visible=False)),
            **dict.fromkeys(self._passes.values(), gr.update(interactive=not report.fps)),
        }

    def _keep(self, result: Path, to: Language) -> str:
        """Keep a result in the gallery; if it cannot be kept, the reason as HTML."""
        try:
            if self._kept_in is not None:
                self._kept_in.keep(result, self._method.id)
        except OutputError as error:
            return render.line(sentence(error, to), "sp-warn")
        return ""

    def _at_rest(
        self, folder: Folder, frame: Frame, report: Report, before: Picture | None, to: Language
    ) -> Updates:
        """Show the picture or animation alone, a comparison, or a gallery with comparisons."""
        if before is not None and not frame.fps and _same_shape(before, report):
            folder.put_before(before, frame.images[0])
        if len(frame.images) > 1 and not frame.fps:
            singles = [str(path) for path in folder.singles(frame)]
            return {
                self._preview: gr.update(visible=False),
                self._gallery: gr.update(
                    visible=True,
                    value=singles,
                    columns=columns(frame.images),
                    allow_preview=folder.before is None,
                ),
                self._zip: gr.update(visible=True, value=str(folder.pack())),
                **self._selected(folder, 0, to),
            }
        result, alone = folder.file(signed=True), folder.before is None
        return {
            **self._filmed(folder, frame),
            self._gallery: gr.update(visible=False),
            self._preview: gr.update(visible=alone, **({"value": str(result)} if alone else {})),
            self._slider: self._compared(folder, result),
        }

    def _filmed(self, folder: Folder, frame: Frame) -> Updates:
        """Offer an animation as a video, too, if there is an encoder."""
        if not frame.fps or missing("video", "video"):
            return {}
        return {self._film: gr.update(visible=True, value=str(folder.film(frame)))}

    def _selected(self, folder: Folder, number: int, to: Language) -> Updates:
        """Offer one picture of several, and compare it with the input."""
        path, name = folder.single(number), say("download_single", to, n=number + 1)
        return {
            self._single: gr.update(visible=True, value=str(path), label=name),
            self._slider: self._compared(folder, path),
        }

    def _compared(self, folder: Folder, result: Path) -> Any:
        """The comparison of the input with a result of the same shape."""
        if folder.before is None:
            return gr.update(visible=False)
        return gr.update(visible=True, value=(str(folder.before), str(result)))

    # Handlers ---------------------------------------------------------------------------

    def _sign(self, signed: bool, folder: Folder | None) -> Any:
        """Offer the file with or without its recipe."""
        return gr.skip() if folder is None else gr.update(value=str(folder.file(signed)))

    def _pick(self, request: gr.Request, event: gr.SelectData, folder: Folder | None) -> Updates:
        """Store which picture is selected, and offer it."""
        number = int(event.index)
        if folder is None:
            return {self._picked: number}
        return {self._picked: number, **self._selected(folder, number, language(request))}


def preview(texts: Texts, tab: str) -> gr.Image:
    """The component for the pictures of a run, at its place on a tab."""
    return gr.Image(
        label=texts.own("result"),
        format="png",
        interactive=False,
        buttons=["fullscreen"],
        elem_id=f"{tab}-preview",
        elem_classes="sp-picture",
    )


def _kept(folder: Folder, report: Report) -> dict[str, Any]:
    """What the strip of results needs to keep a result."""
    file = folder.file(signed=True)
    recipe = report.recipe.model_dump(mode="json")
    return {"id": secrets.token_hex(8), "name": file.name, "path": str(file), "recipe": recipe}


def _curves(moment: Moment) -> str:
    """The metrics as curves, if there are enough steps and only one picture."""
    steps = max(map(len, moment.history.values()), default=0)
    single = len(moment.frame.images) <= 1
    return render.plot(moment.history) if single and steps >= CURVE else ""


def _same_shape(before: Picture, report: Report) -> bool:
    """Whether the result has the shape of its input, so that they can be compared."""
    side = max(report.width, report.height)
    return fitted(before.width, before.height, side) == (report.width, report.height)
