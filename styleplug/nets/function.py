"""What all functions of architectures declare, and callers learn through `NetSpec`."""

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
        multiple: height and width of a picture it takes are multiples of it.
        margin: positions of its input around one that count for that one; 0 where the net is not
            run by tiles.
        noises: those inputs that are standard normal noise.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    multiple: int = 1
    margin: int = 0
    noises: Mapping[str, Noise] = {}

    @abstractmethod
    def examples(self) -> tuple[Tensor, ...]:
        """Arguments to trace it with."""

    @abstractmethod
    def shapes(self) -> tuple[dict[int, Any] | None, ...]:
        """Their free axes, as `styleplug.nets.shapes.free` gives them."""
