"""The declaration of every function of an architecture; callers read it from `NetSpec`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from styleplug.core.backend import Axes, Noise, factor

EXAMPLE = {"b": 2, "h": 6, "w": 10}  # of the free axes; different, so that they are not confused


class Function(nn.Module):
    """A function of a net.  Its `forward` takes `inputs` and returns `outputs`, both in order.

    Attributes:
        inputs: names and axes of the arguments.  Free axes are "b", "h" and "w".
        outputs: names of the results.
        multiple: height and width of an input picture must be multiples of it.
        margin: number of positions around one that affect its output; 0 if the net is not used by
            tiles.
        noises: the inputs that are standard normal noise.
    """

    inputs: Mapping[str, Axes]
    outputs: tuple[str, ...]
    multiple: int = 1
    margin: int = 0
    noises: Mapping[str, Noise] = {}

    def examples(self, lengths: Mapping[str, int] = EXAMPLE) -> tuple[Tensor, ...]:
        """Random arguments with these lengths of the free axes."""
        return tuple(
            (torch.randn if name in self.noises else torch.rand)(shape_of(axes, lengths))
            for name, axes in self.inputs.items()
        )


def axes(channels: int, unit: int = 0) -> Axes:
    """Axes of a batch (b channels), or with a unit (b channels unit*h unit*w)."""
    times = f"{unit}*" if unit > 1 else ""
    return ("b", channels, f"{times}h", f"{times}w") if unit else ("b", channels)


def shape_of(axes: Axes, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an array with these lengths of the free axes.

    >>> shape_of(("b", 3, "8*h", "8*w"), {"b": 1, "h": 2, "w": 3})
    (1, 3, 16, 24)
    """
    pairs = ((1, axis) if isinstance(axis, int) else factor(axis) for axis in axes)
    return tuple(times * (end if isinstance(end, int) else lengths[end]) for times, end in pairs)
