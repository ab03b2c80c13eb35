"""Regions: each style of a picture is painted within a mask of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from styleplug.core.array import Floats
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images
from styleplug.core.params import Params
from styleplug.core.recipe import Finish
from styleplug.engine.finish import blurred, marks_of
from styleplug.imaging import Picture, resize
from styleplug.methods.shared.transfer import STYLE
from styleplug.plugins.guard import Guarded


def shares(regions: Sequence[Picture], width: int, height: int, settings: Finish) -> list[Floats]:
    """How much of each style a pixel shows: (height, width, 1) each, which add up to 1.

    Where regions touch or overlap, the styles are mixed, over the width of the soft border.
    """
    soft = [blurred(marks_of(one, width, height), settings) for one in regions]
    total = np.sum(soft, axis=0)
    equal = np.float32(1 / len(regions))
    parts = [np.where(total > 1e-6, one / np.maximum(total, 1e-6), equal) for one in soft]
    return [one[:, :, None].astype(np.float32) for one in parts]


def union(regions: Sequence[Picture], width: int, height: int) -> Picture | None:
    """All regions as one mask; None if there are none."""
    if not regions:
        return None
    marks = np.max([marks_of(one, width, height) for one in regions], axis=0)
    return Picture(np.repeat(marks[:, :, None], 3, axis=2))


def painted(
    method: Guarded,
    images: Images,
    params: Params,
    context: Context,
    parts: Sequence[Floats],
    checked: Callable[[Frame], Frame],
) -> Generator[Frame, None, None]:
    """The frames of a method that is run once for each style.

    Args:
        method: repaints its first picture.
        images: its pictures, with a style for each part.
        params: of the method.
        context: of the run.
        parts: how much of each style a pixel shows, see `shares`.
        checked: checks a frame of the method.
    """
    if "style_blend" in type(params).model_fields:  # it is for styles that are mixed everywhere
        params = params.model_copy(update={"style_blend": ()})
    content = images[method.inputs[0].id][0]
    done, left = np.zeros_like(content), np.ones_like(parts[0])
    for number, (style, part) in enumerate(zip(images[STYLE], parts, strict=True)):
        left = left - part
        with closing(method.run({**images, STYLE: (style,)}, params, context)) as frames:
            for one in frames:
                frame = checked(one)
                seen = frame.images
                if seen:
                    picture = resize(seen[0], *content.shape[1::-1])
                    so_far = done + part * picture
                    done = so_far if frame.final else done
                    seen = (np.clip(so_far + np.maximum(left, 0) * content, 0, 1),)
                yield replace(
                    frame,
                    step=number * frame.steps + frame.step,
                    steps=len(parts) * frame.steps,
                    images=seen,
                    final=frame.final and number == len(parts) - 1,
                )
