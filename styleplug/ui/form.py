"""A method's controls on the page, and what stands in them: a recipe and its pictures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.utils import get_upload_folder
from PIL import Image

from styleplug.core import image
from styleplug.core.errors import BadImage, UsageError
from styleplug.core.image import Picture
from styleplug.core.method import Method, Slot
from styleplug.core.params import Params, hint_of
from styleplug.core.recipe import Finish, Recipe, Settings
from styleplug.engine import longest
from styleplug.ui.controls import control, shown
from styleplug.ui.i18n import Language, Texts, say

Values = Mapping[str, Any]
ROTATED = range(5, 9)  # EXIF orientations that lay a picture on its side
ORIENTATION = 0x0112


class Form:
    """The controls of one method.

    The names under which HTTP takes their values are those of Python and the command line:
    slots, then the method's parameters, then the engine's.  A slot of several pictures takes
    them as `style`, `style_2`, `style_3` …

    Args:
        method: whose controls.
        texts: collects their words.
        settings: what visitors may ask of the engine.
        trained: titles, by name, of trained weights that they may choose.
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
        self.slots = {
            slot: [slot.id] + [f"{slot.id}_{n}" for n in range(2, slot.most + 1)]
            for slot in method.inputs
        }
        self.groups: dict[str, type[Params]] = {
            method.id: method.params,
            "settings": settings,
            "finish": Finish,
        }
        self._texts = texts
        self._made: dict[str, Component] = {}

    # Building ---------------------------------------------------------------------------

    def pictures(self) -> None:
        """Make the inputs: the first picture of every slot large, the others when wanted."""
        with gr.Row(elem_classes="sp-inputs"):
            for slot, (first, *_) in self.slots.items():
                words = self._words(slot)
                with gr.Column(min_width=140, elem_classes="sp-slot"):
                    self._made[first] = _upload(words[0], f"{self.method.id}-{first}", 230)
                    gr.HTML(words[1], elem_classes="sp-help", padding=False)
        for slot, (_, *others) in self.slots.items():
            with gr.Row(elem_classes="sp-others"):
                for name in others:
                    label = self._texts.own("another")
                    extra = _upload(label, f"{self.method.id}-{name}", 92, extra=True)
                    self._made[name] = extra
            self._reveal(slot)

    def parameters(self, *, advanced: bool) -> None:
        """Make the controls of the parameters, either those in sight or the others."""
        for owner, params in self.groups.items():
            prefix = owner if owner == self.method.id else f"{self.method.id}-{owner}"
            for name, info in params.model_fields.items():
                if hint_of(info).advanced is advanced:
                    offered = self._offered if name == "trained" else None
                    self._made[name] = control(name, info, prefix, self._texts, offered)

    def offer(self, trained: Mapping[str, str], to: Language) -> dict[Component, Any]:
        """What the choice of weights becomes when others are known: titles by name."""
        choices = _choices(say("own_weights", to), trained)
        return {self._made["trained"]: gr.update(choices=choices, visible=bool(trained))}

    @property
    def _offered(self) -> list[tuple[str, str]]:
        """Titles and names of the weights to choose from; none where there is no choice."""
        return _choices(self._texts.own("own_weights"), self._trained) if self._trained else []

    def _words(self, slot: Slot) -> tuple[str, str]:
        key = f"{self.method.id}-slot-{slot.id}"
        return (
            self._texts.add(f"{key}-label", slot.label, slot.zh[0]),
            self._texts.add(f"{key}-help", slot.help, slot.zh[1]),
        )

    def _reveal(self, slot: Slot) -> None:
        """Offer the next picture of a slot once the one before it is there."""
        places = [self._made[name] for name in self.slots[slot]]
        if len(places) == 1:
            return

        def offer(*filled: Any) -> list[Any]:
            wanted = [
                bool(here or before) for before, here in zip(filled, filled[1:], strict=False)
            ]
            return [gr.update(visible=show) for show in wanted]

        gr.on(
            [place.change for place in places],  # type: ignore[attr-defined]
            offer,
            places,
            places[1:],
            preprocess=False,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    # Reading ----------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Of all controls, in the order of `components`."""
        pictures = [name for names in self.slots.values() for name in names]
        return pictures + [name for params in self.groups.values() for name in params.model_fields]

    @property
    def components(self) -> list[Component]:
        """All controls, once they are made."""
        return [self._made[name] for name in self.names]

    @property
    def first_pictures(self) -> list[Component]:
        """The input of every slot that must not stay empty."""
        return [self._made[names[0]] for names in self.slots.values()]

    @property
    def signature(self) -> inspect.Signature:
        """Of the HTTP endpoint: real names and defaults; an absent picture is refused in words."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [inspect.Parameter(name, kind, default=self._default(name)) for name in self.names]
        )

    def _default(self, name: str) -> Any:
        for params in self.groups.values():
            if name in params.model_fields:
                return shown(params.model_fields[name].default)
        return None

    def recipe(self, values: Values) -> Recipe:
        """The recipe that the controls describe.

        Raises:
            BadParameter: a value is out of bounds or of the wrong kind.
        """
        own, settings, finish = (
            {name: values[name] for name in params.model_fields} for params in self.groups.values()
        )
        return Recipe(
            method=self.method.id,
            parameters=self.method.params.of(own).model_dump(mode="json"),
            finish=Finish.of(finish),
            **self.groups["settings"].of(settings).model_dump(),
        )

    def fill(self, recipe: Recipe) -> list[Any]:
        """Values for the controls of `groups`, in order, from a recipe.

        Raises:
            BadParameter: a parameter of the recipe is unknown or out of bounds.
        """
        own = self.method.params.of(recipe.parameters)
        return [
            shown(getattr(holder, name))
            for holder, params in zip(
                (own, recipe, recipe.finish), self.groups.values(), strict=True
            )
            for name in params.model_fields
        ]

    @property
    def parameter_components(self) -> list[Component]:
        """The controls that `fill` fills."""
        return self.components[sum(len(names) for names in self.slots.values()) :]

    def paths(self, values: Values) -> dict[str, list[Path]]:
        """The uploaded files of every slot; empty slots are left out.

        Raises:
            BadImage: a value is no upload.
        """
        found = {
            slot.id: [uploaded(values[name]) for name in names if values[name]]
            for slot, names in self.slots.items()
        }
        return {slot: paths for slot, paths in found.items() if paths}

    def read(self, values: Values) -> dict[str, list[Picture]]:
        """The pictures of every slot, decoded, no larger than a run of these values needs.

        Raises:
            UsageError: a slot is empty.
            BadImage: a file is no usable picture.
            BadParameter: as of `recipe`.
        """
        paths = self.paths(values)
        for slot in self.method.inputs:
            if slot.id not in paths:
                raise UsageError(
                    f"no picture came for {slot.id!r}: {self.method.title} needs one there "
                    f"({slot.help})"
                )
        most = longest(self.method, self.recipe(values).size)
        return {
            slot: [image.read(path, longest=most[slot]) for path in some]
            for slot, some in paths.items()
        }

    def sizes(self, values: Values) -> dict[str, list[tuple[int, int]]]:
        """Width and height of every picture, from the files' heads alone; unreadable left out."""
        return {slot: list(_sizes(paths)) for slot, paths in self.paths(values).items()}


def _choices(own: str, trained: Mapping[str, str]) -> list[tuple[str, str]]:
    """The method's own weights, then trained ones; runs on the same folders share their title."""
    return [(own, ""), *((f"{title} ({name})", name) for name, title in trained.items())]


def _upload(label: str, element: str, height: int, extra: bool = False) -> gr.Image:
    """A place to drop a picture; an extra one is small, and hidden until it is offered."""
    return gr.Image(
        label=label,
        type="filepath",
        format="png",
        sources=["upload"] if extra else ["upload", "clipboard"],
        height=height,
        min_width=100,
        visible=not extra,
        elem_id=element,
        elem_classes="sp-upload",
        buttons=[],
    )


def uploaded(payload: Any) -> Path:
    """The file of an upload.

    A request may name any path; only what was uploaded (or painted by us as an example) is
    touched.  Those files lie in folders whose names cannot be guessed.

    Args:
        payload: what a component sends: a mapping with a "path".

    Raises:
        BadImage: the path is not that of an upload.
    """
    path = payload.get("path") if isinstance(payload, Mapping) else None
    folder = Path(get_upload_folder()).resolve()
    if not isinstance(path, str) or not Path(path).resolve().is_relative_to(folder):
        raise BadImage("this is no uploaded picture; expected a file uploaded to this page")
    return Path(path).resolve()


def _sizes(paths: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Width and height as seen, where the file's head tells."""
    for path in paths:
        try:
            with Image.open(path, formats=image.FORMATS) as head:
                width, height = head.size
                turned = head.getexif().get(ORIENTATION) in ROTATED
        except Exception:  # whatever a hostile file provokes: the run will say it in words
            continue
        yield (height, width) if turned else (width, height)
