"""The interface of methods: what a method declares, and what the engine gives it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from styleplug.core.array import Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.params import Params
from styleplug.core.weight import WeightSource

P = TypeVar("P", bound=Params)
Images = Mapping[str, tuple[Pixels, ...]]
MASK, REGION = "mask", "region"
"""Ids of the slots for the part of a picture that is painted, and for the part of each style."""


@dataclass(frozen=True)
class Slot:
    """An input picture of a method.

    Args:
        id: its name in the command line, Python and HTTP.
        label: its name on the page.
        help: which picture belongs there.
        most: largest number of pictures.
        least: smallest number of pictures; 0 if it may stay empty.
        drawn_on: for masks, the id of the slot whose picture it belongs to; the page lets users
            draw it over that picture.  White marks what is to be filled, or opaque if the file has
            transparency.  The method gets 0 and 1, (h, w, 3), in the size of that picture.  If no
            mask is given, the transparent parts of that picture are the mask.
    """

    id: str
    label: str
    help: str
    most: int = 1
    least: int = 1
    drawn_on: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its pictures in HTTP: style, style_2 and so on."""
        return (self.id, *(f"{self.id}_{n}" for n in range(2, self.most + 1)))

    @property
    def single(self) -> bool:
        """Whether it takes exactly one picture, so that a mask can be drawn on it."""
        return self.most == self.least == 1 and not self.drawn_on


@dataclass(frozen=True)
class Before:
    """The result before (h w 3), moved like the video, and how far it is trusted (h w 1)."""

    picture: Pixels
    trust: Floats


class Context(Protocol):
    """What the engine provides to a method for one run."""

    size: int
    """Long side in pixels of the first slot's pictures, and of the result unless `shape` changes
    it.  For a method without pictures: the side of its square result."""
    rng: np.random.Generator
    """Seeded by the recipe; a method uses no other random numbers."""
    before: Before | None
    """In videos: what a method that `follows` continues; None for the first frame of a scene."""

    def net(self, key: str, function: str) -> Net:
        """A function of the net declared under `key` in `Method.weights`, cached between runs."""
        ...

    def check(self) -> None:
        """Call at least once a step.

        Raises:
            Cancelled: the user stopped the run.
        """
        ...


class Method(ABC, Generic[P]):
    """An image method.  From its declaration follow a tab, a command and an endpoint.

    `run` gets its pictures as (h, w, 3) float32 in [0, 1], sRGB; those of the first slot are
    already resized to `ctx.size`, or only reduced to it if the method `enlarges`.  It yields
    Frames; the last one is final.  An empty slot has ().  When the user stops the run, `ctx.check`
    raises `Cancelled`, and the engine keeps the last picture.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]  # the source of the method
    params: ClassVar[type[Params]]
    inputs: ClassVar[tuple[Slot, ...]]
    weights: ClassVar[Mapping[str, tuple[WeightSource, ...]]]
    catalogues: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # language -> texts, by place
    rank: ClassVar[int] = 100  # methods are shown in this order, then by id
    tiled: ClassVar[bool] = False  # works by `imaging.tiles`: memory hardly grows with the size
    bounded: ClassVar[bool] = False  # memory hardly grows with the size, for another reason
    enlarges: ClassVar[bool] = False  # it enlarges a small picture of the first slot by itself
    result_is_style: ClassVar[bool] = False  # the page offers the result as a style
    follows: ClassVar[bool] = False  # uses `ctx.before`; without it, the engine blends results
    # Name, such as "keep_faces" -> values of parameters and settings; all others have defaults.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    # How it works: paths such as "content > [Encoder] -features> Change > result".
    diagram: ClassVar[tuple[str, ...]] = ()
    first: ClassVar[Mapping[str, Any]] = {}  # what a new page shows in place of defaults

    @abstractmethod
    def run(self, images: Images, params: P, ctx: Context) -> Iterator[Frame]:
        """Make the picture."""

    @abstractmethod
    def work(self, params: P, pixels: int) -> float:
        """The amount of work of a run, in steps × megapixels.

        The engine estimates the time from it and from earlier runs on this machine.

        Args:
            params: the parameters of the run.
            pixels: number of pixels of one picture of the result.
        """

    def nets(self, params: P) -> tuple[str, ...]:
        """Keys of the `weights` that a run with these parameters uses (by default all)."""
        return tuple(self.weights)

    def shape(self, params: P, width: int, height: int) -> tuple[int, int]:
        """Width and height of the result (by default those of the first input).

        Args:
            params: of the run.
            width: of the first slot's picture, or `ctx.size` where there is none.
            height: the same.
        """
        return width, height

    def count(self, params: P) -> int:
        """Number of pictures in the final frame (by default one)."""
        return 1

    def animated(self, params: P) -> bool:
        """Whether the pictures are an animation; its final frame then has `fps`."""
        return False

    def supports_finish(self) -> bool:
        """Whether a result can be blended with its input, because it has the same shape."""
        return bool(self.inputs) and type(self).shape is Method.shape

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The pictures of a run: the inputs, and masks if the result can be blended.

        The engine itself uses these masks; a method does not get them.
        """
        taken = {*self.params.model_fields, *(slot.id for slot in self.inputs)}
        if MASK in taken or not self.supports_finish() or not self.inputs[0].single:
            return self.inputs
        help = "A mask: only this part is painted. Without a mask, the whole picture is painted."
        mask = Slot(MASK, "Where to paint", help, least=0, drawn_on=self.inputs[0].id)
        styles = next((slot.most for slot in self.inputs if slot.id == "style"), 1)
        help = "One mask for each style, in their order: each style is painted within its own mask."
        region = Slot(REGION, "Regions of styles", help, styles, 0, mask.drawn_on)
        return (*self.inputs, mask, *([region] if styles > 1 and REGION not in taken else []))

    def explanation(self) -> str:
        """An explanation of the method in Markdown, from the file `<id>.md` beside its module.

        It is empty if there is no such file.  Formulas are written between `$$`; links to pictures
        are relative to the file.
        """
        page = self._beside(f"{self.id}.md")
        return page.read_text(encoding="utf-8") if page else ""

    def preset_picture(self, name: str) -> Path | None:
        """A thumbnail of a preset, the file `presets/<id>-<name>.webp` beside the module."""
        return self._beside(f"presets/{self.id}-{name}.webp")

    def _beside(self, name: str) -> Path | None:
        """A file beside the module of the method, if it exists."""
        module = getattr(sys.modules.get(type(self).__module__), "__file__", None)
        path = Path(module).parent / name if module else None
        return path if path and path.is_file() else None
