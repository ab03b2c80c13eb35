"""The controls of a tab that runs a grid; they give the grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

from styleplug.core.errors import UsageError
from styleplug.core.params import Params, bounds_of, choices_of, hint_of
from styleplug.engine.axes import Grid
from styleplug.engine.grid_request import grid_of, transfers
from styleplug.engine.overview import SCORES
from styleplug.methods.shared.transfer import CONTENT, STYLE
from styleplug.ui.access import heading
from styleplug.ui.context import PageContext
from styleplug.ui.controls import control
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import Language, language
from styleplug.ui.rack import Rack, chosen_of
from styleplug.ui.sharing import Shared
from styleplug.ui.uploads import uploaded, uploads

Kind = Literal["compare", "sweep", "batch"]
KINDS: tuple[Kind, ...] = ("compare", "sweep", "batch")
QUICK = 256  # initial size in the tabs that compare many results
FIRST = "night"


class GridForm:
    """The controls.  Build it at its place on the page.

    Args:
        kind: of the tab.
        context: what the page is built with.

    Attributes:
        made: the controls by name.
    """

    def __init__(self, kind: Kind, context: PageContext) -> None:
        self.kind, self._catalogue = kind, context.engine.catalogue
        self._texts, self._settings, self._offers = context.texts, context.settings, context.offers
        self.methods = {id: self._catalogue.methods[id] for id in transfers(self._catalogue)}
        self.made: dict[str, Component] = {}
        self._inputs()
        self._wire()

    def _id(self, name: str) -> str:
        return f"{self.kind}-{name}"

    # Layout -----------------------------------------------------------------------------

    def _inputs(self) -> None:
        own = self._texts.own
        title, summary = own(f"grid_{self.kind}"), own(f"{self.kind}_summary")
        heading(self._texts, title, summary, self._id("run"))
        if self.kind == "batch":
            self.made["content"] = uploads(own("grid_photos"), self._id("content"))
        else:
            self.made["content"] = gr.Image(
                label=own("grid_content"),
                type="filepath",
                format="png",
                sources=["upload", "clipboard"],
                height=230,
                elem_id=self._id("content"),
                elem_classes="sp-upload",
                buttons=[],
            )
        self._styles()
        titles = [(self._texts.add(f"method.{id}.title", one.title), id)
                  for id, one in self.methods.items()]  # fmt: skip
        ids = list(self.methods)
        if self.kind == "compare":
            self.made["method"] = gr.CheckboxGroup(
                titles, value=ids, label=own("grid_methods"), elem_id=self._id("method")
            )
        else:
            self.made["method"] = gr.Dropdown(
                titles, value=ids[0], label=own("grid_method"), elem_id=self._id("method")
            )
        if self.kind == "sweep":
            self._axes(ids[0])
        for name in ("size", "seed"):
            info = self._settings.model_fields[name]
            self.made[name] = control(name, info, "settings", self._texts, self._id("settings"))
            if name == "size" and self.kind != "batch":
                self.made[name].value = min(QUICK, int(info.default))
        if self.kind == "sweep":
            self.made["best"] = gr.Radio(
                [(own(f"grid_{word}_score"), score) for score, word in SCORES.items()],
                value=next(iter(SCORES)),
                label=own("grid_best_by"),
                elem_id=self._id("best"),
            )

    def _styles(self) -> None:
        """Styles to click on, and a component to upload others."""
        first = self._offers.style(FIRST).path
        self._rack = Rack(self._id("rack"), self._offers, [STYLE], several=[first])
        self.made["chosen"] = self._rack.part
        self.made["style"] = uploads(self._texts.own("grid_own_styles"), self._id("style"))

    def _axes(self, method: str) -> None:
        """Parameters to sweep, and their values."""
        own = self._texts.own
        names = self._names(method)
        labels = {name: self._texts.add(*where) for name, where in self._declared(method).items()}
        for number in (1, 2):
            first = names[0] if number == 1 else ""
            with gr.Row():
                self.made[f"axis_{number}"] = gr.Dropdown(
                    self._choices(labels, empty=number == 2),
                    value=first,
                    label=own(f"grid_axis_{number}"),
                    elem_id=self._id(f"axis-{number}"),
                )
                self.made[f"values_{number}"] = gr.Textbox(
                    self._suggested(method, first),
                    label=own("grid_values"),
                    info=own("grid_values_help"),
                    max_lines=1,
                    elem_id=self._id(f"values-{number}"),
                )

    # Parameters to sweep ----------------------------------------------------------------

    def _names(self, method: str) -> list[str]:
        """Parameters of a method that have bounds or choices."""
        params: type[Params] = self.methods[method].params
        fields = {**params.model_fields, "size": self._settings.model_fields["size"]}
        return [name for name, info in fields.items() if self._spread(info)]

    def _declared(self, method: str) -> dict[str, tuple[str, str]]:
        """Place in a catalogue, and English label, of each parameter that can be swept."""
        params, settings = self.methods[method].params.model_fields, self._settings.model_fields
        return {
            name: (f"method.{method}.parameter.{name}.label", hint_of(params[name]).label)
            if name in params
            else (f"settings.parameter.{name}.label", hint_of(settings[name]).label)
            for name in self._names(method)
        }

    def _choices(self, labels: Mapping[str, str], *, empty: bool) -> list[tuple[str, str]]:
        choices = [(label, name) for name, label in labels.items()]
        return [("–", ""), *choices] if empty else choices

    def connect(self, shared: Shared) -> None:
        """Connect the rack to the visitor's styles."""
        self._rack.choose_several(shared)

    def words(self, method: str, to: Language) -> dict[str, str]:
        """Titles of methods, and labels of the parameters of one, by id and name."""
        titles = {
            id: self._texts.text(f"method.{id}.title", one.title, to)
            for id, one in self.methods.items()
        }
        return titles | self._labels(method, to)

    def _labels(self, method: str, to: Language) -> dict[str, str]:
        """Labels of the parameters that can be swept."""
        return {
            name: self._texts.text(*where, to) for name, where in self._declared(method).items()
        }

    def _suggested(self, method: str, name: str) -> str:
        """Suggested values for the sweep of a parameter."""
        info = self.methods[method].params.model_fields.get(name)
        return "" if not name else "128, 256, 512" if info is None else self._spread(info)

    @staticmethod
    def _spread(info: Any) -> str:
        """Values over the range of a declaration; "" if it has none."""
        if choices := choices_of(info):
            return ", ".join(choices)
        if info.annotation is bool:
            return "no, yes"
        low, high = bounds_of(info)
        if low is None or high is None or info.annotation not in (int, float):
            return ""
        least, most = max(low, info.default / 4), min(high, info.default * 2 or high)
        some = [least + (most - least) * i / 3 for i in range(4)]
        whole = info.annotation is int
        texts = [f"{round(one):d}" if whole else f"{one:.3g}" for one in some]
        return ", ".join(dict.fromkeys(texts))

    # Events -----------------------------------------------------------------------------

    def _wire(self) -> None:
        quiet: dict[str, Any] = {**UNSEEN, "concurrency_limit": None}
        if self.kind == "sweep":
            method, axes = self.made["method"], [self.made["axis_1"], self.made["axis_2"]]
            values = [self.made["values_1"], self.made["values_2"]]
            method.change(self._choose, method, [*axes, *values], **quiet)  # type: ignore[attr-defined]
            for axis, box in zip(axes, values, strict=True):
                axis.input(self._suggest, [method, axis], box, **quiet)  # type: ignore[attr-defined]

    def _choose(self, request: gr.Request, method: str) -> list[Any]:
        """Offer the parameters of the chosen method."""
        labels = self._labels(self._method(method), language(request))
        first = self._names(self._method(method))[0]
        boxes = [gr.update(choices=self._choices(labels, empty=empty), value=value)
                 for empty, value in ((False, first), (True, ""))]  # fmt: skip
        return [*boxes, self._suggested(method, first), ""]

    def _suggest(self, method: str, name: str) -> str:
        return self._suggested(self._method(method), name)

    def _method(self, id: Any) -> str:
        if id not in self.methods:
            raise UsageError(f"unknown method {id!r}; known are: {', '.join(self.methods)}")
        return str(id)

    def grid(self, given: Mapping[str, Any]) -> Grid:
        """The grid of these values of the controls."""
        found = [self._offers.find({"path": one}) for one in chosen_of(given["chosen"])]
        chosen = [{"path": str(one)} for one in found]
        styles = labelled([*chosen, *(given["style"] or [])])
        pictures = {CONTENT: labelled(given["content"]), STYLE: styles}
        for slot, some in pictures.items():
            if not some:
                raise UsageError(f"a picture is missing: choose at least one {slot}")
        over: dict[str, Any] = {}
        method = given["method"]
        if self.kind == "compare":
            over["method"] = tuple(self._method(id) for id in method or ())
            method = next(iter(self.methods))
        for number in (1, 2):
            if name := given.get(f"axis_{number}"):
                over[str(name)] = str(given[f"values_{number}"] or "")
        values = {name: given[name] for name in ("size", "seed") if name not in over}
        return grid_of(self._catalogue, self._method(method), pictures, over, values)


def labelled(files: Any) -> dict[str, Path]:
    """Uploads by name, with a number if two have the same name.

    Args:
        files: the value of a component: one upload, a list of them, or nothing.

    Raises:
        BadImage: a value is not an upload.
    """
    found: dict[str, Path] = {}
    for one in files if isinstance(files, list) else [files] if files else []:
        path = uploaded(one)
        label, number = path.stem, 1
        while label in found:
            number += 1
            label = f"{path.stem} ({number})"
        found[label] = path
    return found
