"""The interface of backends: a backend loads nets, and a net maps arrays to arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from styleplug.core.weight import WeightFile


@dataclass(frozen=True)
class NetSpec:
    """Which function of which architecture, and its named inputs and outputs.

    An architecture (`styleplug.nets`) offers one or several functions, such as an encoder's
    "describe" (features of a picture) and "gram" (style loss and its gradient).

    Args:
        arch: architecture id.
        function: function id.
        inputs: names of the arrays it takes.
        outputs: names of the arrays it returns.
        provider: the device or library that computes it ("cpu", "cuda …", "CPUExecutionProvider").
        weights: the file its weights were read from.
        multiple: height and width of a picture it takes must be multiples of this.
    """

    arch: str
    function: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    provider: str
    weights: WeightFile
    multiple: int = 1


class Net(ABC):
    """A loaded function: float32 arrays in, float32 arrays out, by name."""

    spec: NetSpec

    @abstractmethod
    def __call__(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Compute.

        Raises:
            BackendError: wrong names or shapes, or the backend failed.
            OutOfMemory: the device has not enough memory for these shapes.
        """

    @abstractmethod
    def close(self) -> None:
        """Free its memory; after this it cannot be called."""


class Backend(ABC):
    """Loads nets: torch, ONNX Runtime, or the fake.

    Attributes:
        device: where it computes, one of `devices()`.
    """

    name: ClassVar[str]
    needs_weights: ClassVar[bool] = True  # False: takes a WeightFile that names no real file
    device: str

    @classmethod
    @abstractmethod
    def devices(cls) -> tuple[str, ...]:
        """Devices it can use here, best first ("cuda", "mps", "cpu"); () where not installed."""

    @abstractmethod
    def __init__(self, device: str) -> None:
        """A backend for one of `devices()`."""

    @abstractmethod
    def load(self, file: WeightFile, function: str) -> Net:
        """Load a function of the architecture `file.arch`.

        Raises:
            BackendError: this backend has no such function, or the file does not fit it.
            OutOfMemory: the device has not enough memory for the weights.
        """

    def release(self) -> None:  # noqa: B027  most hold none
        """Free memory that is only cached for later calls."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """Warnings for the user, for example that the chosen graphics card is not used."""


Arrays = Mapping[str, np.ndarray]
