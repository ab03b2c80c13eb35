"""A method as a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from comfy_api.latest import io

from styleplug.core.array import Pixels
from styleplug.core.errors import UsageError
from styleplug.core.method import Method
from styleplug.core.recipe import Recipe
from styleplug.engine.request import pictures_of, recipe_of
from styleplug.imaging import resize

from . import host
from .inputs import RECIPE, inputs_of
from .trained import OWN

CATEGORY = "styleplug"
Pictures = dict[str, list[Pixels]]


def node_of(method: Method[Any]) -> type[io.ComfyNode]:
    """The node of a method."""

    class Node(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id=f"styleplug_{method.id}",
                display_name=f"{method.title} (styleplug)",
                category=CATEGORY,
                description=method.summary,
                inputs=inputs_of(method),
                outputs=[
                    io.Image.Output(display_name="images"),
                    io.String.Output(
                        display_name=RECIPE, tooltip="All values, to make the same again."
                    ),
                ],
            )

        @classmethod
        def execute(cls, **values: Any) -> io.NodeOutput:
            images, recipe = execute(method, values)
            return io.NodeOutput(images, recipe.to_json())

    Node.__name__ = Node.__qualname__ = f"Styleplug_{method.id}"
    Node.__doc__ = method.summary
    return Node


def execute(method: Method[Any], values: Mapping[str, Any]) -> tuple[torch.Tensor, Recipe]:
    """Run a method, once for each frame.

    Args:
        values: by name of the input.

    Returns:
        The results (b h w c) of all frames, one after the other, and their recipe.

    Raises:
        StyleplugError: a value or a picture is not as expected, or the run failed.
    """
    names = {name for slot in method.slots for name in slot.names}
    given = {name: value for name, value in values.items() if name not in names}
    recipe = _recipe(method, given)
    frames = _frames(method, values)
    progress = host.Progress(len(frames))
    results: list[Pixels] = []
    with host.memory():
        for number, pictures in enumerate(frames):
            read = pictures_of(method, recipe.size, pictures)
            frame = host.final(recipe, read, number, progress)
            results += frame.images
    assert frame.report is not None, "the engine's final frame carries its report"
    height, width = results[0].shape[:2]  # later ones are smaller if memory ran short
    stacked = np.stack([resize(image, width, height) for image in results])
    return torch.from_numpy(stacked), frame.report.recipe


def _recipe(method: Method[Any], values: dict[str, Any]) -> Recipe:
    """The recipe of a run on the device of the host.

    The recipe of an earlier result takes precedence, because widgets always have a value.
    """
    text = values.pop(RECIPE, None)
    if text:
        return recipe_of(method, {"device": host.device()}, Recipe.from_json(text))
    if values.get("trained") == OWN:
        values["trained"] = ""
    return recipe_of(method, {**values, "device": host.device()})


def _frames(method: Method[Any], values: Mapping[str, Any]) -> list[Pictures]:
    """The pictures of every run, by slot.

    A batch for a slot that takes several pictures is those pictures.  A batch for a slot that takes
    one is frames: there is a run for each, and what is no batch is used for all of them.

    Raises:
        UsageError: two batches of frames differ in length.
    """
    batches = {
        slot.id: [one for name in slot.names for one in _arrays(values.get(name))]
        for slot in method.slots
    }
    framed = {slot.id for slot in method.slots if slot.most == 1 and len(batches[slot.id]) > 1}
    lengths = {name: len(batches[name]) for name in sorted(framed)}
    if len(set(lengths.values())) > 1:
        said = " and ".join(f"{length} of {name!r}" for name, length in lengths.items())
        raise UsageError(f"got {said}; expected the same number of frames, or one for all")
    runs = []
    for number in range(max(lengths.values(), default=1)):
        pictures = {
            name: [many[number]] if name in framed else many for name, many in batches.items()
        }
        runs.append(_without_placeholders(method, pictures))
    return runs


def _without_placeholders(method: Method[Any], pictures: Pictures) -> Pictures:
    """Leave out the empty mask of another size that the host gives for an opaque picture."""
    for slot in method.slots:
        if slot.drawn_on and (masks := pictures[slot.id]):
            below = pictures[slot.drawn_on]
            if below and not masks[0].any() and masks[0].shape[:2] != below[0].shape[:2]:
                pictures[slot.id] = []
    return pictures


def _arrays(batch: torch.Tensor | None) -> list[Pixels]:
    """The pictures of an IMAGE (b h w c), or the masks of a MASK (b h w) or (h w)."""
    if batch is None:
        return []
    whole = batch.detach().to("cpu", torch.float32).clamp(0, 1).numpy()
    return list(whole if whole.ndim > 2 else whole[None])
