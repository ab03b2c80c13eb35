"""Dynamic axes of the arguments of a function in its ONNX graph."""

from __future__ import annotations

from typing import Any

import torch

EXAMPLE = (
    96,
    160,
)  # height and width of the traced picture; different, so that axes are not confused
_LARGEST = 8192  # sides in pixels; an assumption of the tracer only


def free(stride: int = 0, *, multiple: int = 1, batch: bool = True) -> dict[int, Any] | None:
    """The dynamic axes of one argument, for `torch.onnx.export`.

    Args:
        stride: pixels per position of the argument (b c h/stride w/stride); 1 for a picture, 0 for
            an argument without height and width.
        multiple: of the function; divisible by `stride`.
        batch: whether the first axis is a dynamic batch.

    Returns:
        Axis -> dimension; None without dynamic axes.
    """
    axes: dict[int, Any] = {}
    if batch:
        axes[0] = torch.export.Dim("b", min=1, max=64)
    if stride:
        for axis, name in ((2, "h"), (3, "w")):
            unit = torch.export.Dim(name, min=2, max=_LARGEST // multiple)
            factor = multiple // stride
            axes[axis] = factor * unit if factor > 1 else unit
    return axes or None
