"""What is this method? Its idea, a drawing of what it does, and what its parameters change.

It is made when a visitor opens it.  Everything follows from the declaration and from `<id>.md`, so
methods of plug-ins have it, too.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr
import numpy as np

from styleplug.core.errors import StyleplugError
from styleplug.core.method import Method
from styleplug.core.params import Params, bounds_of, hint_of
from styleplug.core.recipe import Recipe
from styleplug.imaging import Picture, encode, read
from styleplug.imaging.picture import reduce_pixels
from styleplug.locale import languages
from styleplug.ui.diagram import draw
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import Language, Texts, language, say
from styleplug.ui.offers import Offers

if TYPE_CHECKING:
    from styleplug.engine import Engine

SHOWN = 3  # parameters
SIDE, PAINTED = 132, 192  # of a thumbnail and of a result, in pixels
DEAR = 3.0  # a value that needs so many times the work of the default is not shown
SCHOLAR = "https://scholar.google.com/scholar?q="


class Explanation:
    """The explanation of a method.  Build it at its place on the tab.

    Args:
        method: the method.
        engine: makes the thumbnails.
        texts: collects its texts.
        offers: has the pictures for them.
    """

    def __init__(self, method: Method[Any], engine: Engine, texts: Texts, offers: Offers) -> None:
        self._method, self._engine, self._texts, self._offers = method, engine, texts, offers
        self._ideas = {to: _idea(method, texts, to) for to in languages()}
        self._drawn = {to: self._drawing(to) for to in languages()}
        self._making = threading.Lock()  # thumbnails are made once, for all visitors
        self._made: dict[tuple[str, Any], str] = {}  # parameter and value -> image
        element = f"{method.id}-explain"
        with gr.Accordion(texts.own("explain"), open=False, elem_id=element) as fold:
            self._about = gr.HTML(elem_id=f"{element}-about", padding=False)
            self._ends = gr.HTML(elem_id=f"{element}-ends", padding=False)
        fold.expand(
            self._show,
            None,
            [self._about, self._ends],
            concurrency_limit=1,
            concurrency_id="explain",
            **UNSEEN,
        )

    def _show(self, request: gr.Request) -> Iterator[tuple[str, Any]]:
        """The text and the drawing at once, then thumbnails as they are made."""
        to = language(request)
        about = f"<p>{escape(self._ideas[to])}</p>" + self._drawn[to] + self._papers(to)
        yield about, gr.skip()
        with self._making:
            for rows in self._rows():
                yield about, self._table(rows, to)

    # Drawing and papers -------------------------------------------------------------------

    def _drawing(self, to: Language) -> str:
        """What happens to the pictures, step by step."""
        method, place = self._method, f"method.{self._method.id}"
        text = self._texts.text
        given = {
            slot.id: text(f"{place}.input.{slot.id}.label", slot.label, to)
            for slot in method.inputs
        }
        given["seed"] = text("settings.parameter.seed.label", "Seed", to)
        given["result"] = say("result", to)
        title = text(f"{place}.title", method.title, to)
        known = {title: title}

        def word(one: str) -> str:
            return known.get(one) or text(f"{place}.step.{one}", one, to)

        steps = method.diagram or _usual(method, title)
        return draw(steps, given, say("explain_drawing", to, title=title), word)

    def _papers(self, to: Language) -> str:
        links = "; ".join(
            f'<a href="{SCHOLAR}{quote(one)}" target="_blank" rel="noopener noreferrer">'
            f"{escape(one)}</a>"
            for one in map(str.strip, self._method.paper.split(";"))
        )
        return f'<p class="sp-paper">{escape(say("explain_paper", to))}: {links}</p>'

    # Thumbnails -------------------------------------------------------------------------

    def _rows(self) -> Iterator[Mapping[str, Mapping[Any, str]]]:
        """For each main parameter, its values and what they give; more each time."""
        rows: dict[str, dict[Any, str]] = {}
        for name, values in main_parameters(self._method).items():
            rows[name] = {}
            for value in values:
                usual = value == self._method.params.model_fields[name].default
                key = ("", None) if usual else (name, value)
                rows[name][value] = self._made.get(key) or self._make(*key)
                yield rows

    def _make(self, name: str, value: Any) -> str:
        """A result with one changed parameter, or none, as a data URI; "" if it fails."""
        recipe = Recipe(
            method=self._method.id, parameters={name: value} if name else {}, size=PAINTED
        )
        try:
            *_, last = self._engine.run(recipe, self._pictures())
            picture = reduce_pixels(last.images[-1], SIDE)
            data = base64.b64encode(encode(np.clip(picture, 0, 1), "WEBP")).decode()
        except (StyleplugError, IndexError):
            return ""
        made = self._made[name, value] = f"data:image/webp;base64,{data}"
        return made

    def _pictures(self) -> dict[str, list[Picture]]:
        """A photograph for the first slot, styles for others, a disc for a mask."""
        given: dict[str, list[Picture]] = {}
        for slot in self._method.inputs:
            if slot.drawn_on:
                across, down = np.meshgrid(*[np.linspace(-1, 1, PAINTED)] * 2)
                disc = (across**2 + down**2 < 0.1).astype(np.float32)
                given[slot.id] = [Picture(np.repeat(disc[:, :, None], 3, axis=2))]
            elif slot.least:
                first = slot is self._method.inputs[0] and slot.id != "style"
                offer = self._offers.photographs[1] if first else self._offers.styles[2]
                given[slot.id] = [read(self._offers.copy(offer), longest=PAINTED)]
        return given

    def _table(self, rows: Mapping[str, Mapping[Any, str]], to: Language) -> str:
        """The thumbnails with their values, a row for each parameter."""
        told = []
        for name, made in rows.items():
            hint = hint_of(self._method.params.model_fields[name])
            place = f"method.{self._method.id}.parameter.{name}"
            label = self._texts.text(f"{place}.label", hint.label, to)
            figures = "".join(
                f'<figure><img src="{image}" alt="{escape(label)}: {value:g}" '
                f'width="{SIDE}"><figcaption>{value:g}</figcaption></figure>'
                for value, image in made.items()
                if image
            )
            if figures:
                told.append(f"<h3>{escape(label)}</h3><div>{figures}</div>")
        return f'<div class="sp-ends">{"".join(told)}</div>' if told else ""


def _idea(method: Method[Any], texts: Texts, to: Language) -> str:
    """The first part of `<id>.md`, or else the summary."""
    parts = re.split(r"^#+ .*$", method.explanation(), flags=re.MULTILINE)
    idea = " ".join(next((part for part in parts if part.strip()), "").replace("`", "").split())
    place = f"method.{method.id}"
    if not idea:
        return texts.text(f"{place}.summary", method.summary, to)
    return texts.text(f"{place}.idea", idea, to)


def main_parameters(method: Method[Any]) -> dict[str, tuple[float, ...]]:
    """The first visible numbers of a method, with their smallest value, default and largest.

    A value that takes much longer, or changes how many pictures there are, is left out.
    """
    usual = method.params()
    found: dict[str, tuple[float, ...]] = {}
    for name, info in method.params.model_fields.items():
        low, high = bounds_of(info)
        if info.annotation not in (int, float) or hint_of(info).advanced or len(found) == SHOWN:
            continue
        kind = info.annotation
        ends = [kind(end) for end in (low, high) if end is not None]
        values = sorted({kind(info.default), *ends})
        shown = tuple(value for value in values if _like(method, usual, name, value))
        if len(shown) > 1:
            found[name] = shown
    return found


def _like(method: Method[Any], usual: Params, name: str, value: Any) -> bool:
    """Whether a run with this value is like the usual one, in time and in what it gives."""
    try:
        params = method.params.of({**usual.model_dump(), name: value})
        pixels = PAINTED**2
        return (
            method.work(params, pixels) <= DEAR * method.work(usual, pixels)
            and method.count(params) == method.count(usual)
            and method.animated(params) == method.animated(usual)
        )
    except StyleplugError:
        return False


def _usual(method: Method[Any], title: str) -> list[str]:
    """The steps of a method that declares none: inputs and networks go in, a result comes out."""
    nets = dict.fromkeys(method.weights[key][0].arch for key in method.nets(method.params()))
    sources = [slot.id for slot in method.inputs] or ["seed"]
    return [
        f"{sources[0]} > {title} > result",
        *(f"{source} > {title}" for source in sources[1:]),
        *(f"[{net}] > {title}" for net in nets),
    ]
