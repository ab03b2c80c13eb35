"""A tab: the form of one method, its run, and what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from styleplug.core import image
from styleplug.core.errors import BadRecipe, Cancelled, StyleplugError
from styleplug.core.frame import Report
from styleplug.core.image import Picture, fitted
from styleplug.core.method import Method
from styleplug.core.recipe import Recipe, Settings
from styleplug.core.sheet import columns
from styleplug.ui import examples, render
from styleplug.ui.endpoint import publish
from styleplug.ui.form import Form
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.live import Moment, follow
from styleplug.ui.refusal import sentence, shown
from styleplug.ui.results import Folder
from styleplug.ui.uploads import uploaded

if TYPE_CHECKING:
    from styleplug.engine import Engine

Updates = dict[Any, Any]  # component -> what becomes of it
QUEUE = "engine"  # all runs of all tabs wait in one line
TO_RESULT = """(...values) => {
  const result = [...document.querySelectorAll('.sp-right')].find(one => one.offsetParent);
  if (result && innerWidth < 800) result.scrollIntoView({behavior: 'smooth'});
  return values;
}"""  # on a phone the result lies below the controls
TO_TOP = "(...values) => { scrollTo({top: 0, behavior: 'smooth'}); return values; }"


class Tab:
    """One method on the page.  Build it inside a `gr.Tab`.

    Args:
        method: what to show.
        engine: what runs it.
        texts: collects its words.
        page: what it stands on.
        concurrency: how many runs there may be at once, over all tabs.
        settings: what visitors may ask of the engine.
    """

    def __init__(
        self,
        method: Method[Any],
        engine: Engine,
        texts: Texts,
        page: gr.Blocks,
        concurrency: int,
        settings: type[Settings],
    ) -> None:
        self.method = method
        self.engine = engine
        self.form = Form(method, texts, settings, engine.trained_for(method))
        self._texts = texts
        self._page = page
        self._line: dict[str, Any] = {"concurrency_limit": concurrency, "concurrency_id": QUEUE}
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self._inputs()
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                self._outputs()
        self._wire()
        publish(self.form, engine, self._line)

    def _id(self, name: str) -> str:
        return f"{self.method.id}-{name}"

    # Layout -----------------------------------------------------------------------------

    def _inputs(self) -> None:
        own, method = self._texts.own, self.method
        summary = self._texts.add(self._id("summary"), method.summary, method.zh[1])
        gr.Markdown(summary, elem_classes="sp-summary")
        self.form.pictures()
        self._examples()
        self.form.parameters(advanced=False)
        with gr.Accordion(own("advanced"), open=False, elem_id=self._id("advanced")):
            self.form.parameters(advanced=True)
            gr.Markdown(method.paper, elem_classes="sp-paper")
        with gr.Column(elem_classes="sp-go"):
            self.plan = gr.HTML(elem_id=self._id("plan"), padding=False)
            self.run = gr.Button(own("run"), variant="primary", elem_id=self._id("run"))
            self.stop = gr.Button(
                own("stop"), variant="stop", visible=False, elem_id=self._id("stop")
            )

    def _examples(self) -> None:
        """Pairs to start from: thumbnails that put their pictures into the slots."""
        pairs = examples.pairs(list(self.form.first_pictures))
        if not pairs:
            return
        chooser = gr.Dataset(
            components=[gr.Image(render=False, format="png")],
            samples=[[str(pair.card(plain=True))] for pair in pairs],
            type="index",
            layout="gallery",
            samples_per_page=len(pairs),
            label=self._texts.own("examples"),
            elem_id=self._id("examples"),
            elem_classes="sp-examples",
        )
        chooser.click(
            lambda index: pairs[index].files(),
            chooser,
            list(self.form.first_pictures.values()),
            concurrency_limit=None,
            api_visibility="private",
        )

        def painted() -> Iterator[Any]:
            for samples in examples.cards(pairs):
                yield gr.Dataset(samples=samples)

        self._page.load(
            painted,
            None,
            chooser,
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
        )

    def _outputs(self) -> None:
        own = self._texts.own
        self.preview = gr.Image(
            label=own("result"),
            format="png",
            interactive=False,
            buttons=["fullscreen"],
            elem_id=self._id("preview"),
            elem_classes="sp-picture",
        )
        self.slider = gr.ImageSlider(
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
        self.gallery = gr.Gallery(
            label=own("result"),
            format="png",
            object_fit="contain",
            interactive=False,
            buttons=["fullscreen"],
            visible=False,
            elem_id=self._id("gallery"),
            elem_classes="sp-gallery",
        )
        self.waiting = gr.HTML(elem_id=self._id("waiting"), elem_classes="sp-waiting")
        idle = own("idle" if self.form.needed else "idle_free")
        self.status = gr.HTML(idle, elem_id=self._id("status"), padding=False)
        self.badge = gr.HTML(elem_id=self._id("badge"), padding=False)
        with gr.Row(elem_classes="sp-save"):
            self.download = gr.DownloadButton(
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
        self.passes = self._passes()
        with gr.Accordion(own("losses"), open=True, visible=False) as self.losses:
            self.plot = gr.HTML(elem_id=self._id("plot"), padding=False)
        with gr.Accordion(own("recipe"), open=False):
            self.recipe = gr.JSON(
                label=own("recipe"), elem_id=self._id("recipe"), buttons=["copy"], show_label=False
            )
            self.reload = gr.File(
                label=own("reload"),
                file_types=[".png", ".json"],
                height=110,
                elem_id=self._id("reload"),
            )
            gr.HTML(own("reload_help"), elem_classes="sp-help", padding=False)

    def _passes(self) -> dict[str, gr.Button]:
        """Buttons that make the result a style, by the id of the method that takes it."""
        takers = [
            other
            for other in self.engine.catalogue.methods.values()
            if other is not self.method and {"content", "style"} <= {s.id for s in other.inputs}
        ]
        if not self.method.result_is_style or not takers:
            return {}
        with gr.Row(elem_classes="sp-passes"):
            gr.HTML(self._texts.own("as_style"), padding=False)
            return {
                other.id: gr.Button(
                    self._texts.add(f"{other.id}-title", other.title, other.zh[0]),
                    size="sm",
                    interactive=False,
                    min_width=80,
                    elem_id=self._id(f"to-{other.id}"),
                )
                for other in takers
            }

    # Events -----------------------------------------------------------------------------

    def _wire(self) -> None:
        form = self.form
        cancel = gr.State(None)  # of this visitor's run: a threading.Event
        self._folder = folder = gr.State(None)  # of this visitor's result
        self._picked = gr.State(0)  # which of its pictures was looked at last
        quiet: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
        unseen: dict[str, Any] = {**quiet, "show_progress": "hidden"}

        (
            self.run.click(
                self._start,
                form.needed,
                [cancel, self.run, self.stop, self.status],
                validator=self._validate if form.needed else None,
                js=TO_RESULT,
                **unseen,
            )
            .success(
                self._run,
                [*form.sent, self.signed, cancel],
                [
                    self.preview,
                    self.slider,
                    self.gallery,
                    self.status,
                    self.badge,
                    self.losses,
                    self.plot,
                    self.recipe,
                    self.download,
                    folder,
                    self._picked,
                    *self.passes.values(),
                    self.run,
                    self.stop,
                ],
                show_progress="minimal",
                show_progress_on=[self.waiting],
                **self._line,
                **quiet,
            )
            .failure(self._rest, None, [self.run, self.stop], queue=False, **unseen)
        )
        self.stop.click(self._stop, cancel, self.status, queue=False, **unseen)
        self.gallery.select(self._pick, None, self._picked, queue=False, **unseen)
        self.signed.change(self._sign, [self.signed, folder], self.download, **unseen)
        self.reload.upload(
            self._restore, self.reload, [*form.parameter_components, self.reload], **unseen
        )
        gr.on(
            [component.change for component in form.components],  # type: ignore[attr-defined]
            self._plan,
            form.components,
            self.plan,
            trigger_mode="always_last",
            concurrency_limit=None,
            **unseen,
        )

    def pass_on(self, tabs: Sequence[Tab], shelf: gr.Tabs) -> None:
        """Let the result be the style of other tabs, once all are built.

        Args:
            tabs: all of the page.
            shelf: what they stand in.
        """
        for other in tabs:
            if other.method.id in self.passes:
                self.passes[other.method.id].click(
                    partial(self._pass, other.method.id),
                    [self._folder, self._picked],
                    [other.form.first_pictures["style"], shelf],
                    js=TO_TOP,
                    api_visibility="private",
                    queue=False,
                    show_progress="hidden",
                )

    # Handlers ---------------------------------------------------------------------------

    def _validate(self, request: gr.Request, *pictures: Any) -> Any:
        """Mark every slot that is empty."""
        to = language(request)
        marks = [gr.validate(bool(one), say("missing", to)) for one in pictures]
        return marks if len(marks) > 1 else marks[0]

    def _start(self, request: gr.Request, *_: Any) -> tuple[Any, ...]:
        """What a click changes at once, before the run's turn in the queue has come."""
        return (
            threading.Event(),
            gr.update(visible=False),
            gr.update(visible=True, interactive=True),
            render.line(say("starting", language(request))),
        )

    def _rest(self) -> Updates:
        """Run and Stop as they are while nothing runs."""
        return {self.run: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def _stop(self, cancel: threading.Event | None, request: gr.Request) -> str:
        if cancel is not None:
            cancel.set()
        return render.line(say("stopping", language(request)))

    def _run(self, request: gr.Request, *values: Any) -> Iterator[Updates]:
        """Run and show; on Stop the engine's last frame holds the picture so far."""
        *sent, signed, cancel = values
        cancel = cancel or threading.Event()
        given = self.form.given(sent)
        to = language(request)
        try:
            yield from self._show(given, bool(signed), cancel, to)
        except Cancelled:
            yield {self.status: render.line(say("stopped_early", to), "sp-warn"), **self._rest()}
        except Exception as error:
            yield {self.status: render.line(sentence(error, to), "sp-error"), **self._rest()}
            raise shown(error, to) from error

    def _show(
        self, given: dict[str, Any], signed: bool, cancel: threading.Event, to: Language
    ) -> Iterator[Updates]:
        recipe = self.form.recipe(given)
        pictures = self.form.read(given)
        previews = Folder(self.method.id)
        yield {
            self.slider: gr.update(visible=False),
            self.gallery: gr.update(visible=False, value=None),
            self.preview: gr.update(visible=True, value=None),
            self.status: render.line(say("starting", to)),
            self.badge: "",
            self.losses: gr.update(visible=False),
            self.download: gr.update(interactive=False),
        }
        first = self.method.inputs[:1]
        before = pictures[first[0].id][0] if any(slot.least for slot in first) else None
        for moment in follow(self.engine.run(recipe, pictures, cancel), cancel):
            if moment.frame.final:
                yield self._finished(moment, before, signed, to)
                return
            changes: Updates = {self.status: render.progress(moment, to)}
            if moment.picture is not None:
                changes[self.preview] = str(previews.preview(moment.picture))
            if drawn := render.plot(moment.history):
                changes |= {self.losses: gr.update(visible=True), self.plot: drawn}
            yield changes

    def _finished(
        self, moment: Moment, before: Picture | None, signed: bool, to: Language
    ) -> Updates:
        """The result, or what there is of it after Stop."""
        frame, report = moment.frame, moment.frame.report
        assert report is not None, "the engine's final frame carries a report"
        folder = Folder(self.method.id)
        result = folder.keep(frame)
        if frame.fps:
            shown_at: Updates = {self.preview: str(result)}
        elif len(frame.images) > 1:
            singles = [str(path) for path in folder.singles(frame)]
            shown_at = {
                self.preview: gr.update(visible=False),
                self.gallery: gr.update(
                    visible=True, value=singles, columns=columns(frame.images), selected_index=None
                ),
            }
        elif before is None or not _alike(before, report):
            shown_at = {self.preview: str(result)}
        else:
            compared = (str(folder.before(before, frame.images[0])), str(result))
            shown_at = {
                self.preview: gr.update(visible=False),
                self.slider: gr.update(visible=True, value=compared),
            }
        return shown_at | {
            **{button: gr.update(interactive=not frame.fps) for button in self.passes.values()},
            self._picked: 0,
            self.status: render.outcome(frame.step, report, to),
            self.badge: render.badge(report, to),
            self.plot: render.plot(moment.history),
            self.recipe: report.recipe.model_dump(mode="json"),
            self.download: gr.update(value=str(folder.file(signed)), interactive=True),
            self._folder: folder,
            **self._rest(),
        }

    def _pick(self, event: gr.SelectData) -> int:
        """Remember which picture is looked at."""
        return int(event.index)

    def _pass(self, other: str, folder: Folder | None, picked: int) -> Any:
        """The picture for the style of another tab, and that tab to the front."""
        if folder is None:
            return gr.skip(), gr.skip()
        return str(folder.single(picked)), gr.update(selected=other)

    def _sign(self, signed: bool, folder: Folder | None) -> Any:
        """Offer the file with or without its recipe."""
        return gr.skip() if folder is None else gr.update(value=str(folder.file(signed)))

    def _restore(self, request: gr.Request, file: Any) -> list[Any]:
        """Set every control as a recipe says; the file is let go."""
        to = language(request)
        try:
            text = image.read_recipe(uploaded(file))
            if text is None:
                raise BadRecipe(say("no_recipe", to))
            recipe = Recipe.from_json(text)
            if recipe.method != self.method.id:
                raise BadRecipe(say("other_method", to, title=recipe.method))
            values = self.form.fill(recipe)
        except Exception as error:
            raise shown(error, to) from error
        gr.Info(say("restored", to))
        return [*values, None]

    def _plan(self, request: gr.Request, *values: Any) -> Any:
        """What the run would take; nothing is said while a control holds nonsense."""
        given = dict(zip(self.form.names, values, strict=True))
        try:
            expected = self.engine.plan(self.form.recipe(given), self.form.sizes(given))
        except StyleplugError:
            return ""
        return render.plan(expected, language(request))


def _alike(before: Picture, report: Report) -> bool:
    """Whether the result has the shape of what it was made from, and can be laid over it."""
    side = max(report.width, report.height)
    return fitted(before.width, before.height, side) == (report.width, report.height)
