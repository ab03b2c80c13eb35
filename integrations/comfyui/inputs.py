"""The inputs of a node, derived from the declaration of its method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from comfy_api.latest import io
from pydantic.fields import FieldInfo

from styleplug.core.method import Method, Slot
from styleplug.core.params import bounds_of, choices_of, hint_of
from styleplug.core.recipe import Finish, Settings

from .trained import OWN, names

RECIPE = "recipe"


def inputs_of(method: Method[Any]) -> list[io.Input]:
    """Pictures first, then parameters, finish and settings, then the recipe."""
    fields = dict(method.params.model_fields)
    if method.supports_finish():
        fields |= Finish.model_fields
    # The host chooses the device.
    fields |= {name: info for name, info in Settings.model_fields.items() if name != "device"}
    return [
        *(one for slot in method.slots for one in _pictures(slot)),
        *(_widget(method, name, info) for name, info in fields.items()),
        io.String.Input(
            RECIPE,
            optional=True,
            force_input=True,
            tooltip="A recipe of an earlier result. All values of this node then come from it.",
        ),
    ]


def _pictures(slot: Slot) -> Iterator[io.Input]:
    """One input for each picture of a slot; only as many as it needs are required."""
    kind = io.Mask if slot.drawn_on else io.Image
    for number, name in enumerate(slot.names):
        yield kind.Input(name, optional=number >= slot.least, tooltip=slot.help)


def _widget(method: Method[Any], name: str, info: FieldInfo) -> io.Input:
    """The widget of a parameter or a setting."""
    widget = _of_kind(method, name, info)
    if hint_of(info).advanced:  # older ComfyUI has no argument for it
        widget.extra_dict = {"advanced": True}
    return widget


def _of_kind(method: Method[Any], name: str, info: FieldInfo) -> io.Input:
    """The same, without what is common to all kinds."""
    hint, kind = hint_of(info), info.annotation
    shown: dict[str, Any] = {
        "display_name": f"{hint.label} ({hint.unit})" if hint.unit else hint.label,
        "tooltip": hint.help,
    }
    if name == "trained":
        return io.Combo.Input(name, [OWN, *names(method)], default=OWN, **shown)
    if choices := choices_of(info):
        return io.Combo.Input(name, list(choices), default=info.default, **shown)
    if kind is bool:
        return io.Boolean.Input(name, default=info.default, **shown)
    if kind is int or kind is float:
        low, high = bounds_of(info)
        shown |= {"default": info.default, "min": low, "max": high, "step": hint.step}
        if kind is float:
            return io.Float.Input(name, **shown)
        whole = {key: int(shown[key]) for key in ("min", "max", "step") if shown[key] is not None}
        # The host then offers a new seed after each run.
        again = True if name == "seed" else None
        return io.Int.Input(name, control_after_generate=again, **{**shown, **whole})
    written = ", ".join(f"{one:g}" for one in info.default) if info.default else ""
    return io.String.Input(name, default=written, **shown)
