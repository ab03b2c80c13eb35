"""The interface of backends: a backend loads nets, and a net maps arrays to arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from styleplug.core.array import Arrays, Floats
from styleplug.core.errors import BackendError
from styleplug.core.weight import WeightFile

Axes = tuple[int | str, ...]
"""The axes of an array: a length, or for a free one its name, in multiples ("8*h")."""
MOST_CLASSES = 16
"""Classes that a net can know at most: an array of shares has a place for each."""


@dataclass(frozen=True)
class Noise:
    """The shape of an array of independent standard normal numbers that a net takes.

    Args:
        channels: numbers at each position.
        stride: pixels of the picture to one position; 0 for an array without height and width.
    """

    channels: int
    stride: int = 0

    def draw(self, rng: np.random.Generator, height: int = 0, width: int = 0) -> Floats:
        """Noise (1 channels) or (1 channels height/stride width/stride), float32, for one picture.

        >>> Noise(2, stride=8).draw(np.random.default_rng(0), 16, 24).shape
        (1, 2, 2, 3)
        """
        sides = (height // self.stride, width // self.stride) if self.stride else ()
        return rng.standard_normal((1, self.channels, *sides), np.float32)


@dataclass(frozen=True)
class NetSpec:
    """Which function of which architecture, and all that a caller must know of it.

    An architecture (`styleplug.nets`) offers one or several functions, such as an encoder's
    "describe" (features of a picture) and "gram" (style loss and its gradient).

    Args:
        inputs: the arrays it takes: names and axes.
        outputs: names of the arrays it returns.
        provider: the device or library that computes it ("cpu", "cuda …", "CPUExecutionProvider").
        weights: the file its weights were read from.
        multiple: height and width of a picture it takes must be multiples of this.
        margin: positions of its input around one that count for that one: tiles overlap by as
            much.  0 for a net that is not run by tiles.
        noises: those inputs that are noise.
        classes: names of the classes that the weights know, in the order of their numbers.
    """

    arch: str
    function: str
    inputs: Mapping[str, Axes]
    outputs: tuple[str, ...]
    provider: str
    weights: WeightFile
    multiple: int = 1
    margin: int = 0
    noises: Mapping[str, Noise] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def check(self, arrays: Arrays) -> None:
        """Check the arguments of a call.

        Raises:
            BackendError: a name, a type or a shape is not as expected.
        """
        if set(arrays) != set(self.inputs):
            raise BackendError(
                f"{self.arch}.{self.function} got the arrays {sorted(arrays)}, expected "
                f"{sorted(self.inputs)}"
            )
        known: dict[str, int] = {}  # lengths of the free axes
        for name, axes in self.inputs.items():
            array, expected = arrays[name], tuple(_resolved(axis, known) for axis in axes)
            if array.dtype != np.float32 or not _fits(array.shape, expected, known):
                shape = f"({', '.join(map(str, expected))})"
                raise BackendError(
                    f"{self.arch}.{self.function} got {name} as {array.dtype} of shape "
                    f"{array.shape}, expected float32 of shape {shape}"
                )


def factor(axis: str) -> tuple[int, str]:
    """The factor and the name of a free axis.

    >>> factor("8*h"), factor("b")
    ((8, 'h'), (1, 'b'))
    """
    times, _, name = axis.rpartition("*")
    return int(times or 1), name


def _resolved(axis: int | str, known: Mapping[str, int]) -> int | str:
    """The length of an axis; the axis itself if it is still free."""
    times, name = factor(str(axis))
    return times * known[name] if name in known else axis


def _fits(shape: tuple[int, ...], axes: Axes, known: dict[str, int]) -> bool:
    """Whether a shape has these axes; adds the lengths of those that are free."""
    if len(shape) != len(axes):
        return False
    for length, axis in zip(shape, axes, strict=True):
        times, name = factor(axis) if isinstance(axis, str) else (axis, "")
        if name:
            known[name] = length // times
        if length != times * known.get(name, 1):
            return False
    return True


class Net(ABC):
    """A loaded function: float32 arrays in, float32 arrays out, by name."""

    spec: NetSpec

    def __call__(self, **arrays: Floats) -> dict[str, Floats]:
        """Check the arguments, and compute.

        Raises:
            BackendError: a name, a type or a shape is not as expected, or the backend failed.
            OutOfMemory: the device has not enough memory for these shapes.
        """
        self.spec.check(arrays)
        return self.compute(arrays)

    @abstractmethod
    def compute(self, arrays: Arrays) -> dict[str, Floats]:
        """What each backend does with checked arguments; see `__call__`."""

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
            WeightError: the names of classes in the file cannot be used.
            OutOfMemory: the device has not enough memory for the weights.
        """

    def release(self) -> None:  # noqa: B027  most hold none
        """Free memory that is only cached for later calls."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """Warnings for the user, for example that the chosen graphics card is not used."""
