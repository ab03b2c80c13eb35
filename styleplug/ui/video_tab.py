"""The tab Video: a clip in, a painted clip out.

The parameters of a method are those of its own tab, where one picture shows what they do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import UsageError
from styleplug.core.params import hint_of
from styleplug.core.recipe import Part
from styleplug.engine.video import painters
from styleplug.methods.shared.transfer import SLOTS, STYLE
from styleplug.ui.access import heading, unseen_heading
from styleplug.ui.context import PageContext
from styleplug.ui.controls import control, shown
from styleplug.ui.events import TO_TOP, UNSEEN
from styleplug.ui.i18n import Language, language, say
from styleplug.ui.rack import Rack
from styleplug.ui.results import Folder
from styleplug.ui.runs import RunButtons, Runs
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.stage import preview
from styleplug.ui.tab import Tab
from styleplug.ui.uploads import picture_input, reveal, uploaded
from styleplug.ui.video_run import Asked, VideoRunner, outcome, pills, status

TAB = "video"
"""The id of the tab."""


class VideoTab:
    """The tab.  Build it inside a `gr.Tab`.

    Args:
        context: what the page is built with.
        runner: paints.
        tabs: the tabs of all methods.
        runs: the runs of the page.
    """

    id = TAB

    def __init__(
        self, context: PageContext, runner: VideoRunner, tabs: Sequence[Tab], runs: Runs
    ) -> None:
        known = {tab.method.id: tab for tab in tabs}
        self._forms = {id: known[id].form for id in painters(context.engine.catalogue)}
        self._runner, self._texts, self._runs = runner, context.texts, runs
        self._settings, self._offers = context.settings, context.offers
        self._made: dict[str, Component] = {}
        with gr.Row(elem_classes="sp-tab"):
            with gr.Column(scale=5, min_width=320, elem_classes="sp-left"):
                self._inputs()
            with gr.Column(scale=7, min_width=320, elem_classes="sp-right"):
                self._outputs()
        self.buttons.connect(
            self._run,
            [*self._made.values(), *self._parameters],
            self.status,
            [self._preview, self._player, self.status, self._download, self._badge],
        )

    def _id(self, name: str) -> str:
        return f"{TAB}-{name}"

    # Layout -----------------------------------------------------------------------------

    def _inputs(self) -> None:
        own, made = self._texts.own, self._made
        heading(self._texts, own("video"), own("video_summary"), self._id("run"))
        made["clip"] = gr.Video(
            label=own("video_clip"),
            sources=["upload"],
            height=230,
            buttons=[],
            elem_id=self._id("clip"),
            elem_classes="sp-clip",
        )
        slot = next(slot for slot in SLOTS if slot.id == STYLE)
        label = self._texts.add(f"input.{STYLE}.label", slot.label)
        self._pictures = slot.names
        made[STYLE] = picture_input(label, self._id(STYLE), 160)
        with gr.Row(elem_classes="sp-others"):
            for name in slot.names[1:]:
                made[name] = picture_input(own("another"), self._id(name), 92, extra=True)
        reveal([made[name] for name in slot.names])
        self._rack = Rack(self._id("rack"), self._offers, [STYLE])
        titles = [(self._texts.add(f"method.{id}.title", form.method.title), id)
                  for id, form in self._forms.items()]  # fmt: skip
        made["method"] = gr.Dropdown(
            titles, value=titles[0][1], label=own("grid_method"), elem_id=self._id("method")
        )
        with gr.Row(elem_classes="sp-passes"):
            self._set = gr.HTML(elem_id=self._id("set"), padding=False)
            self._open = gr.Button(own("video_open"), size="sm", elem_id=self._id("open"))
        size = self._settings.model_fields["size"]
        made["size"] = control("size", size, "settings", self._texts, self._id("settings"))
        for name in ("smooth", "fps"):
            self._declared(name)
        with gr.Row():
            for name in ("start", "end"):
                self._declared(name)
        with gr.Column(elem_classes="sp-go"):
            self.buttons = RunButtons(TAB, self._texts, self._runs)

    def _declared(self, name: str) -> None:
        info = Part.model_fields[name]
        self._made[name] = control(name, info, TAB, self._texts, TAB)

    def _outputs(self) -> None:
        own = self._texts.own
        unseen_heading(own("result"))
        self._preview = preview(self._texts, TAB)
        self._player = gr.Video(
            label=own("result"),
            interactive=False,
            visible=False,
            buttons=[],
            elem_id=self._id("player"),
            elem_classes="sp-picture",
        )
        self.status = gr.HTML(
            own("video_idle"), elem_id=self._id("status"), elem_classes="sp-status", padding=False
        )
        with gr.Row(elem_classes="sp-save"):
            self._download = gr.DownloadButton(
                own("download"), interactive=False, elem_id=self._id("download")
            )
        self._badge = gr.HTML(elem_id=self._id("badge"), padding=False)

    # Events -----------------------------------------------------------------------------

    @property
    def _parameters(self) -> list[Component]:
        """The controls of all methods on their own tabs."""
        return [one for form in self._forms.values() for one in form.parameter_components]

    def connect(self, tab: gr.Tab, shared: Shared, shelf: gr.Tabs) -> None:
        """Connect it to the pictures of the visitor and to the other tabs, once all are built."""
        self._rack.connect({STYLE: self._made[STYLE]}, shared)
        method = self._made["method"]
        gr.on(
            [tab.select, method.change],  # type: ignore[attr-defined]
            self._changed,
            [method, *self._parameters],
            self._set,
            concurrency_limit=None,
            **UNSEEN,
        )
        self._open.click(
            lambda method: gr.update(selected=method), method, shelf, js=TO_TOP, **UNSEEN
        )

    @property
    def shared_pictures(self) -> dict[str, Component]:
        """The inputs that show the visitor's pictures, by name."""
        return {name: self._made[name] for name in self._pictures}

    # Handlers ---------------------------------------------------------------------------

    def _own(self, method: Any, parameters: Sequence[Any]) -> dict[str, Any]:
        """The values of the tab of a method by name, from those of all tabs.

        Raises:
            UsageError: there is no such method.
        """
        if method not in self._forms:
            raise UsageError(f"unknown method {method!r}; known are: {', '.join(self._forms)}")
        at = 0
        for id, form in self._forms.items():
            if id == method:
                break
            at += len(form.parameter_names)
        return dict(zip(form.parameter_names, parameters[at:], strict=False))

    def _changed(self, request: gr.Request, method: Any, *parameters: Any) -> str:
        """The parameters that have other values on the tab of the method than their defaults."""
        to, values = language(request), self._own(method, parameters)
        form, words = self._forms[method], []
        for owner, group in form.groups.items():
            for name, info in group.model_fields.items():
                if name == "size" or values[name] in (shown(info.default), None):
                    continue
                place = f"{owner or f'method.{method}'}.parameter.{name}.label"
                label = self._texts.text(place, hint_of(info).label, to)
                yes = isinstance(values[name], bool)
                words.append(label if yes else f"{label} {values[name]}")
        title = self._texts.text(f"method.{method}.title", form.method.title, to)
        key = "video_changed" if words else "video_defaults"
        said = say(key, to, title=title, changed=" · ".join(words))
        return f'<p class="sp-help">{escape(said)}</p>'

    def _asked(self, given: Mapping[str, Any], parameters: Sequence[Any]) -> Asked:
        """What the controls of this tab, and those of the methods, ask for.

        Raises:
            StyleplugError: a value is wrong, or something is missing.
        """
        if not given["clip"]:
            raise UsageError("a video is missing: choose one")
        values = self._own(given["method"], parameters) | {"size": given["size"]}
        recipe = self._forms[given["method"]].recipe(values)
        styles = [uploaded(given[name]) for name in self._pictures if given[name]]
        part = {name: given[name] for name in Part.model_fields}
        return Asked(uploaded(given["clip"]), recipe, {STYLE: styles}, Part.of(part))

    def _run(self, sent: Sequence[Any], cancel: threading.Event, to: Language) -> Iterator[Updates]:
        """Paint the video and show it."""
        given = dict(zip(self._made, sent, strict=False))
        asked = self._asked(given, sent[len(self._made) :])
        previews = Folder(TAB)
        yield {self._badge: ""}
        for moment in self._runner.run(asked, cancel):
            changes: Updates = {self.status: status(moment, to)}
            if moment.picture is not None:
                seen = str(previews.preview(moment.picture))
                changes |= {
                    self._player: gr.update(visible=False),
                    self._preview: gr.update(visible=True, value=seen),
                }
            if report := moment.report:
                file = str(report.out)
                changes = {
                    self.status: outcome(report, moment.over, to),
                    self._badge: pills(report, to),
                    self._preview: gr.update(visible=False),
                    self._player: gr.update(visible=True, value=file),
                    self._download: gr.update(value=file, interactive=True),
                    **self.buttons.rest,
                }
            yield changes
