"""Make the control of a declared parameter; only here, types are mapped to components."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic.fields import FieldInfo

from styleplug.core.params import bounds_of, choices_of, hint_of
from styleplug.ui.i18n import Texts

FEW = 4  # choices shown side by side; more become a drop-down list
LONG = 10_000  # a range with more steps gets a number box instead of a slider
SEEDS = 2**31 - 1  # the largest seed
WIDE = 1_000  # a range with a larger ratio of its ends, too
CURVED = 0.25  # a slider whose default is in this first part of its range gets a curved scale


def control(
    name: str,
    info: FieldInfo,
    place: str,
    texts: Texts,
    element: str,
    offered: list[tuple[str, str]] | None = None,
    first: Any = None,
) -> Component:
    """The component of a parameter: label, help, default and bounds from its declaration.

    Args:
        name: the parameter.
        info: its declaration, made by `core.params.field`.
        place: its place in a catalogue ("method.gatys", "settings").
        texts: collects its texts.
        element: prefix of its element id.
        offered: labels and values to choose from, if the declaration does not have them; [] hides
            the control.
        first: what a new page shows in place of the default.
    """
    hint = hint_of(info)
    own = f"{place}.parameter.{name}"
    common: dict[str, Any] = {
        "label": texts.add(f"{own}.label", hint.label, hint.unit),
        "info": texts.add(f"{own}.help", hint.help),
        "elem_id": f"{element}-{name}",
        "value": shown(info.default if first is None else first),
        "elem_classes": _classes(name, info, place),
    }
    if offered is not None:
        return gr.Dropdown(offered or [("", "")], visible=bool(offered), **common)
    if choices := choices_of(info):
        kind = gr.Radio if len(choices) <= FEW else gr.Dropdown
        named = [
            (texts.add(f"{own}.choice.{one}", hint.words[one]) if hint.words else one, one)
            for one in choices
        ]
        return kind(named, **common)
    if info.annotation is bool:
        return gr.Checkbox(**common)
    if info.annotation in (int, float):
        return _number(info, hint.step, common)
    return gr.Textbox(max_lines=1, **common)


def _classes(name: str, info: FieldInfo, place: str) -> list[str]:
    """Classes by which `browser/controls.js` knows what it adds to a control."""
    low, high = bounds_of(info)
    found = []
    if (name, place) == ("size", "settings"):
        found.append("sp-sizes")
    if info.annotation is int and low == 0 and high == SEEDS:
        found.append("sp-seed")
    return found


def _number(info: FieldInfo, step: float | None, common: dict[str, Any]) -> Component:
    """A slider, or a number box if the range is too long or too wide."""
    low, high = bounds_of(info)
    whole = info.annotation is int
    if low is not None and high is not None:
        fine = 1 if whole else 10 ** math.floor(math.log10((high - low) / 100))
        steps = (info.default - low) / (step or fine)
        # A slider snaps to low + n × step; if it would miss the default, its step is finer.
        step = step if step and math.isclose(steps, round(steps), abs_tol=1e-6) else fine
        wide = not whole and low > 0 and high / low > WIDE
        if (high - low) / step <= LONG and not wide:
            if (middle := _middle(info)) is not None:
                common["elem_classes"].append(f"sp-curved-{middle}")
            return gr.Slider(low, high, step=step, **common)
    return gr.Number(minimum=low, maximum=high, precision=0 if whole else None, **common)


def _middle(info: FieldInfo) -> float | None:
    """The value in the middle of the slider of a parameter with a curved scale; else None.

    The useful range of a parameter is around its default.  If the default is near the lower end of
    a long range, a straight slider leaves a few pixels for the useful values.  A curved one has the
    default in the middle, and grows exponentially to the right.  Values stay plain numbers.
    """
    low, high = bounds_of(info)
    if low is None or high is None or info.annotation not in (int, float):
        return None
    return info.default if low < info.default < low + CURVED * (high - low) else None


def shown(value: Any) -> Any:
    """The value of a parameter for its control: lists of numbers become "1, 0.5"."""
    if isinstance(value, list | tuple):
        return ", ".join(f"{number:g}" for number in value)
    return value
