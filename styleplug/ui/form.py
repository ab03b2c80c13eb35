"""The controls of a method on the page, and their values: a recipe and its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component
from pydantic.fields import FieldInfo

from styleplug import imaging as image
from styleplug.core.errors import BadImage
from styleplug.core.method import REGION, Method, Slot
from styleplug.core.params import Params, bounds_of, choices_of, described, hint_of
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.engine.request import pictures_of, recipe_of
from styleplug.imaging import Picture
from styleplug.methods.shared.transfer import CONTENT, STYLE
from styleplug.ui.controls import control, shown
from styleplug.ui.drawing import Drawing
from styleplug.ui.i18n import Language, Texts, say
from styleplug.ui.marks import mark
from styleplug.ui.results import short_name
from styleplug.ui.shares import shares
from styleplug.ui.uploads import picture_input, reveal, uploaded

Values = Mapping[str, Any]
OWN = ""  # the group of the method's parameters
MASKING = ("mask_feather", "mask_invert")  # shown beside the mask that the engine uses


class Form:
    """The controls of one method.

    HTTP uses the same names as Python and the command line: slots, then the parameters of the
    method, then those of the engine.  A slot with several pictures has the names `style`,
    `style_2`, `style_3` …  On the page, visitors can also draw a mask.  A drawing is not a control;
    it is sent together with a run.

    Args:
        texts: collects the texts of the controls.
        settings: the settings that visitors may change.
        trained: titles, by name, of trained weights that visitors may choose.

    Attributes:
        needed: the inputs that must not be empty, with their marks; masks are not among them.
        shares: the sliders for the shares of several pictures, with the inputs of these by name.
    """

    def __init__(
        self,
        method: Method[Any],
        texts: Texts,
        settings: type[Settings] = Settings,
        trained: Mapping[str, str] | None = None,
    ) -> None:
        self.method = method
        self._trained = trained or {}
        self.slots = {slot: slot.names for slot in method.slots}
        self._settings = settings
        self.groups: dict[str, type[Params]] = {OWN: method.params, "settings": settings}
        if method.supports_finish():
            self.groups["finish"] = Finish
        self.drawings: dict[str, Drawing] = {}  # drawn masks by slot
        self.needed: dict[Component, gr.HTML] = {}
        self.shares: dict[gr.HTML, dict[str, Component]] = {}
        self._texts = texts
        self._made: dict[str, Component] = {}

    # Building ---------------------------------------------------------------------------

    def pictures(self) -> None:
        """Make the inputs: the first picture of a slot is large, the others appear if needed."""
        if not self.slots:
            return
        with gr.Row(elem_classes="sp-inputs"):
            for slot, (first, *_) in self.slots.items():
                if slot.drawn_on:
                    continue
                words = self._words(slot)
                with gr.Column(min_width=140, elem_classes="sp-slot"):
                    element = f"{self.method.id}-{first}"
                    self._made[first] = picture_input(words[0], element, 230)
                    if slot.least:
                        self.needed[self._made[first]] = mark(self._texts, element)
                    gr.HTML(words[1], elem_classes="sp-help", padding=False)
        for slot in self.slots:
            if slot in self.method.inputs and slot.drawn_on:
                self._mask(slot)
        for slot, (_, *others) in self.slots.items():
            if slot.most > 1 and not slot.drawn_on:
                with gr.Row(elem_classes="sp-others"):
                    for name in others:
                        label = self._texts.own("another")
                        extra = picture_input(label, f"{self.method.id}-{name}", 92, extra=True)
                        self._made[name] = extra
                reveal([self._made[name] for name in self.slots[slot]])
                self._divide(slot)
        for slot in self.slots:
            if slot not in self.method.inputs:
                kind = "sp-regions" if slot.most > 1 else None
                with gr.Accordion(self._words(slot)[0], open=False, elem_classes=kind) as folded:
                    if slot.most > 1:
                        self._regions(slot, folded)
                    else:
                        self._mask(slot, folded)
                        self._controls("finish", MASKING)

    def _divide(self, slot: Slot) -> None:
        """Make sliders for the shares of several pictures, if the method has this parameter."""
        name = f"{slot.id}_blend"
        info = self.method.params.model_fields.get(name)
        if info is None or info.annotation != tuple[float, ...]:
            return
        names, place = self.slots[slot], f"method.{self.method.id}"
        own, title = f"{place}.parameter.{name}.label", hint_of(info).label
        self._made[name] = control = shares(
            f"{self.method.id}-{name}",
            self._texts.add(own, title),
            shown(info.default),
            self._texts.texts(own, title),
            self._texts.texts(f"{place}.input.{slot.id}.label", slot.label),
            [f"{self.method.id}-{one}" for one in names],
        )
        self.shares[control] = {one: self._made[one] for one in names}

    def _mask(self, slot: Slot, folded: gr.Accordion | None = None) -> None:
        """Make a component to draw a mask, and one to upload it instead."""
        element, words = f"{self.method.id}-{slot.id}", self._words(slot)
        self.drawings[slot.id] = Drawing(f"{element}-drawn", self._texts.own("subject"))
        gr.HTML(words[1], elem_classes="sp-help", padding=False)
        with gr.Row(elem_classes="sp-others"):
            self._made[slot.id] = picture_input(words[0], element, 92, extra=True, visible=True)
        self.drawings[slot.id].follow(self._made[slot.drawn_on], self._made[slot.id], folded)

    def _regions(self, slot: Slot, folded: gr.Accordion) -> None:
        """Make a component to draw several masks, and those to upload them instead."""
        label, help = self._words(slot)
        for said in (help, self._texts.own("regions_help")):
            gr.HTML(said, elem_classes="sp-help", padding=False)
        drawing = Drawing(f"{self.method.id}-{slot.id}-drawn", masks=slot.most)
        self.drawings[slot.id] = drawing
        with gr.Row(elem_classes="sp-others"):
            for name in self.slots[slot]:
                words = label if name == slot.id else self._texts.own("another")
                element = f"{self.method.id}-{name}"
                self._made[name] = picture_input(
                    words, element, 92, extra=True, visible=name == slot.id
                )
        reveal([self._made[name] for name in self.slots[slot]])
        drawing.follow(self._made[slot.drawn_on], self._made[slot.id], folded)

    def parameters(self, *, advanced: bool) -> None:
        """Make the controls of the parameters, either the visible or the advanced ones.

        Parameters that a method declares itself come before those that it shares.  If a method
        needs no picture, the seed is visible, because it is its main input.
        """
        in_sight = () if any(slot.least for slot in self.method.inputs) else ("seed",)
        for owner, params in self.groups.items():
            own, fields = params.__annotations__, params.model_fields
            names = [
                name
                for name in sorted(fields, key=lambda one: one not in own)
                if (hint_of(fields[name]).advanced and name not in in_sight) is advanced
            ]
            self._controls(owner, [name for name in names if name not in self._made])

    def _controls(self, owner: str, names: Sequence[str]) -> None:
        """Make the controls of some parameters of a group."""
        prefix = f"{self.method.id}-{owner}" if owner else self.method.id
        place = owner or f"method.{self.method.id}"
        for name in names:
            info = self.groups[owner].model_fields[name]
            offered = self._offered if name == "trained" else None
            first = self._first(name, info)
            self._made[name] = control(name, info, place, self._texts, prefix, offered, first)

    def _first(self, name: str, info: FieldInfo) -> Any:
        """What a new page shows; None for the default, or if the page does not allow it."""
        first, (_, high) = self.method.first.get(name), bounds_of(info)
        too_large = high is not None and isinstance(first, int | float) and first > high
        return None if too_large else first

    def offer(self, trained: Mapping[str, str], to: Language) -> dict[Component, Any]:
        """The update of the choice of weights for these titles by name."""
        choices = _choices(say("own_weights", to), trained)
        return {self._made["trained"]: gr.update(choices=choices, visible=bool(trained))}

    @property
    def _offered(self) -> list[tuple[str, str]]:
        """Titles and names of the weights to choose from; () if there is no choice."""
        return _choices(self._texts.own("own_weights"), self._trained) if self._trained else []

    def _words(self, slot: Slot) -> tuple[str, str]:
        place = f"method.{self.method.id}.input.{slot.id}"
        return (
            self._texts.add(f"{place}.label", slot.label),
            self._texts.add(f"{place}.help", slot.help),
        )

    # Reading ----------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Names of all controls, in the order of `components`."""
        pictures = [name for names in self.slots.values() for name in names]
        return pictures + self.parameter_names

    @property
    def parameter_names(self) -> list[str]:
        """Names of `parameter_components`."""
        return [name for params in self.groups.values() for name in params.model_fields]

    @property
    def components(self) -> list[Component]:
        """All controls, after they are made."""
        return [self._made[name] for name in self.names]

    @property
    def first_pictures(self) -> dict[str, Component]:
        """The first input of every slot, by its id, without masks, which fit only one picture."""
        return {slot.id: self._made[slot.id] for slot in self.slots if not slot.drawn_on}

    @property
    def shared_pictures(self) -> dict[str, Component]:
        """The inputs that show the visitor's pictures, by name.

        A slot that may be empty is not among them: with a picture, the method does another thing.
        """
        return {
            name: self._made[name]
            for slot, names in self.slots.items()
            if slot.least and not slot.drawn_on
            for name in names
        }

    def needed_words(self, to: Language) -> list[str]:
        """The labels of the pictures that a run needs."""
        place = f"method.{self.method.id}.input"
        return [
            self._texts.text(f"{place}.{slot.id}.label", slot.label, to)
            for slot in self.slots
            if slot.least
        ]

    @property
    def sent(self) -> list[Component]:
        """The components that are sent to a run: the controls and the drawings."""
        return [*self.components, *(drawing.editor for drawing in self.drawings.values())]

    def given(self, sent: Sequence[Any]) -> dict[str, Any]:
        """The values of `sent` by name; drawings have the name `_drawn(slot)`."""
        return dict(zip((*self.names, *map(_drawn, self.drawings)), sent, strict=True))

    @property
    def judged(self) -> bool:
        """Whether results can have scores, because there are a content and a style."""
        return {CONTENT, STYLE} <= {slot.id for slot in self.slots}

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults of the inputs of the HTTP endpoint, by name and in order."""
        return {name: self._default(name) for name in self.names}

    @property
    def described(self) -> dict[str, str]:
        """What each input of the HTTP endpoint means, in English, with bounds and default."""
        told = {name: slot.help for slot, names in self.slots.items() for name in names}
        for params in self.groups.values():
            for name, info in params.model_fields.items():
                choices = " | ".join(choices_of(info))
                told[name] = described(info) + (choices and f" One of: {choices}.")
        return told

    def _default(self, name: str) -> Any:
        for params in self.groups.values():
            if name in params.model_fields:
                return shown(params.model_fields[name].default)
        return None

    def recipe(self, values: Values) -> Recipe:
        """The recipe that the controls describe.

        Raises:
            BadParameter: a value is out of bounds or of the wrong type.
        """
        named = {
            name: values[name] for group in self.groups.values() for name in group.model_fields
        }
        return recipe_of(self.method, named, settings=self._settings)

    def fill(self, recipe: Recipe) -> list[Any]:
        """Values for the controls of `groups`, in order, from a recipe.

        Raises:
            BadParameter: a parameter of the recipe is unknown or out of bounds.
        """
        holders = {
            OWN: self.method.params.of(recipe.parameters),
            "settings": recipe,
            "finish": recipe.finish,
        }
        return [
            shown(getattr(holders[owner], name))
            for owner, params in self.groups.items()
            for name in params.model_fields
        ]

    @property
    def parameter_components(self) -> list[Component]:
        """The controls that `fill` fills."""
        return self.components[sum(len(names) for names in self.slots.values()) :]

    def paths(self, values: Values) -> dict[str, list[Path]]:
        """The uploaded files of every slot; empty slots are left out.

        Raises:
            BadImage: a value is not an upload.
        """
        found = {
            slot.id: [uploaded(values[name]) for name in names if values[name]]
            for slot, names in self.slots.items()
        }
        return {slot: paths for slot, paths in found.items() if paths}

    def title(self, values: Values) -> str:
        """The start of the names of result files: pictures and method, "lion-waves-gatys".

        Raises:
            BadImage: a value is not an upload.
        """
        masks = [slot.id for slot in self.slots if slot.drawn_on]
        firsts = [paths[0] for id, paths in self.paths(values).items() if id not in masks]
        return "-".join([*filter(None, map(short_name, firsts)), self.method.id])

    def read(self, values: Values) -> dict[str, list[Picture]]:
        """The pictures of every slot, decoded, no larger than a run of these values needs.

        Uploaded masks are used instead of drawn ones.  Where regions are drawn, a style without one
        gets an empty one.

        Raises:
            BadImage: a file cannot be used as a picture.
            BadParameter: as of `recipe`.
        """
        found = pictures_of(self.method, self.recipe(values).size, self.paths(values))
        for id, drawing in self.drawings.items():
            drawn = drawing.masks(values.get(_drawn(id)))
            if drawn:
                empty = Picture(np.zeros_like(drawn[0].pixels))
                more = len(found.get(STYLE, ())) - len(drawn) if id == REGION else 0
                found.setdefault(id, drawn + more * [empty])
        return found

    def sizes(self, values: Values) -> dict[str, list[tuple[int, int]]]:
        """Width and height of every picture, from the headers; unreadable files are left out."""
        return {slot: list(_sizes(paths)) for slot, paths in self.paths(values).items()}


def _drawn(slot: str) -> str:
    """The name of the drawing of a slot; no control has such a name."""
    return f"{slot}-drawn"


def _choices(own: str, trained: Mapping[str, str]) -> list[tuple[str, str]]:
    """The weights of the method, then trained ones; a title may occur several times."""
    return [(own, ""), *((f"{title} ({name})", name) for name, title in trained.items())]


def _sizes(paths: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Width and height from the header of a file, if it can be read; errors appear in the run."""
    for path in paths:
        with suppress(BadImage):
            yield image.measure(path)
