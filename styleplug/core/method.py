"""What a method declares, and what it gets from the engine."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.params import Params
from styleplug.core.weight import WeightSource

P = TypeVar("P", bound=Params)
Images = Mapping[str, tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Slot:
    """An input picture of a method.

    Args:
        id: its name in the command line, Python and HTTP.
        label: its name on the page.
        help: what to put there.
        most: how many pictures it takes at most.
        least: how many it needs; 0 where it may stay empty.
        drawn_on: id of another slot where this is a mask of that slot's picture, drawn over it
            on the page.  White, or opaque where the file has transparency, marks what is to be
            filled; the method gets 0 and 1, (h, w, 3), in the size of the picture it is drawn on.
            Where none came, what is transparent in that picture is the mask.
    """

    id: str
    label: str
    help: str
    most: int = 1
    least: int = 1
    drawn_on: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Under which HTTP takes its pictures, each by its own: style, style_2 and so on."""
        return (self.id, *(f"{self.id}_{n}" for n in range(2, self.most + 1)))


class Context(Protocol):
    """What the engine lends a method for one run."""

    size: int
    """Long side in pixels of the first slot's pictures, and so of the result unless the method's
    `shape` says another; side of the square that a method makes without any."""
    rng: np.random.Generator
    """Seeded by the recipe; the only source of chance."""

    def net(self, key: str, function: str) -> Net:
        """A function of the net declared under `key` in `Method.weights`, cached between runs."""
        ...

    def check(self) -> None:
        """Call at least once a step.

        Raises:
            Cancelled: the visitor stopped the run.
        """
        ...


class Method(ABC, Generic[P]):
    """An image method: declares itself once, and thereby is a tab, a command and an endpoint.

    `run` gets its pictures as (h, w, 3) float32 in [0, 1], sRGB, the first slot's already
    resized to `ctx.size`; it yields Frames, the last of them final.  A slot that was left empty
    has (), and a method without inputs gets no pictures at all.  Where it is stopped
    (`Cancelled` from `ctx.check`, raised at any time) the engine keeps its last picture.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]  # where the method comes from
    params: ClassVar[type[Params]]
    inputs: ClassVar[tuple[Slot, ...]]
    weights: ClassVar[Mapping[str, tuple[WeightSource, ...]]]
    catalogues: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # language -> texts, by place
    rank: ClassVar[int] = 100  # methods are shown in this order, then by id
    tiled: ClassVar[bool] = False  # paints by `core.tiles`: memory hardly grows with the picture
    bounded: ClassVar[bool] = False  # the same holds, though it does not paint by tiles
    result_is_style: ClassVar[bool] = False  # the page offers to paint other pictures with it

    @abstractmethod
    def run(self, images: Images, params: P, ctx: Context) -> Iterator[Frame]:
        """Make the picture."""

    @abstractmethod
    def work(self, params: P, pixels: int) -> float:
        """Work of a run of so many result pixels, in steps × megapixels.

        The engine's plan turns it into seconds by what earlier runs on this machine took.

        Args:
            params: of the run.
            pixels: of one picture of the result, however many there are (`count`).
        """

    def nets(self, params: P) -> tuple[str, ...]:
        """Keys of `weights` that a run with these parameters uses (all, unless overridden)."""
        return tuple(self.weights)

    def shape(self, params: P, width: int, height: int) -> tuple[int, int]:
        """Width and height of the result (those of the first input, unless overridden).

        Args:
            params: of the run.
            width: of the first slot's picture, or `ctx.size` where there is none.
            height: the same.
        """
        return width, height

    def count(self, params: P) -> int:
        """How many pictures the final frame holds (one, unless overridden)."""
        return 1

    def animated(self, params: P) -> bool:
        """Whether these are an animation: its final frame then has `fps`."""
        return False

    def supports_finish(self) -> bool:
        """Whether results can be blended with what they were made from: they have its shape."""
        return bool(self.inputs) and type(self).shape is Method.shape

    def explanation(self) -> str:
        """What explains the method to a reader: Markdown, from `<id>.md` beside its module.

        Empty where there is no such file.  Formulas stand between `$$`; links to pictures are
        relative to the file.
        """
        module = getattr(sys.modules.get(type(self).__module__), "__file__", None)
        page = Path(module).with_name(f"{self.id}.md") if module else None
        return page.read_text(encoding="utf-8") if page and page.is_file() else ""
