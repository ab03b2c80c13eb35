"""The declaration of every function of an architecture; callers read it from `NetSpec`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from styleplug.core.backend import Noise


class Function(nn.Module, ABC):
    """A function of a net.  Its `forward` takes `inputs` and returns `outputs`, both in order.

    Attributes:
        inputs: names of the arguments.
        outputs: names of the results.
        multiple: height and width of an input picture must be multiples of it.
        margin: number of positions around one that affect its output; 0 if the net is not used by
            tiles.
        noises: the inputs that are standard normal noise.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    multiple: int = 1
    margin: int = 0
    noises: Mapping[str, Noise] = {}

    @abstractmethod
    def examples(self) -> tuple[Tensor, ...]:
        """Arguments for tracing."""

    @abstractmethod
    def shapes(self) -> tuple[dict[int, Any] | None, ...]:
        """The free axes of the arguments, as `styleplug.nets.shapes.free` gives them."""
