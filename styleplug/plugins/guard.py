"""A wrapper that guards every call to a method; only here, code of a plug-in is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import MethodError, StyleplugError
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Method
from styleplug.core.params import Params, shortened

_SLACK = 1e-3  # rounding error by which a pixel may be outside [0, 1]; it is clipped
_FASTEST = 100.0  # most pictures per second of an animation
_END = object()
_T = TypeVar("_T")


class Guarded(Method[Any]):
    """A method wrapped so that its errors and wrong results become a MethodError with its name.

    Errors of styleplug pass unchanged, and so does MemoryError, which the engine handles.
    """

    def __init__(self, method: Method[Any]) -> None:
        self.method = method
        self._who = f"the method {method.id!r}"
        for name in vars(Method).keys() & Method.__annotations__.keys():  # defaults of the class
            vars(self)[name] = getattr(method, name)

    def __getattr__(self, name: str) -> Any:
        """Other attributes of the method."""
        return getattr(vars(self)["method"], name)

    def run(self, images: Images, params: Params, ctx: Context) -> Generator[Frame, None, None]:
        """The frames; the values of their pixels are not checked here, see `picture`."""
        frames: Iterator[Any] = iter(())
        step = 0
        try:
            with self._blamed("failed at the start"):
                frames = iter(self.method.run(images, params, ctx))
            while True:
                with self._blamed(f"failed after step {step}"):
                    frame = next(frames, _END)
                if frame is _END:
                    return
                checked = self._frame(frame)
                step = checked.step
                yield checked
        finally:
            with suppress(Exception):  # errors while closing have no effect
                getattr(frames, "close", lambda: None)()

    def work(self, params: Params, pixels: int) -> float:
        """Work of a run."""
        return self._ask(
            "work", _positive, "a number of steps × megapixels above 0", params, pixels
        )

    def nets(self, params: Params) -> tuple[str, ...]:
        """Keys of the `weights` that a run uses."""
        known = ", ".join(self.weights) or "none"
        return self._ask("nets", self._keys, f"a tuple of keys of weights ({known})", params)

    def shape(self, params: Params, width: int, height: int) -> tuple[int, int]:
        """Width and height of the result."""
        expected = "width and height, whole numbers of 1 or more"
        return self._ask("shape", _sides, expected, params, width, height)

    def count(self, params: Params) -> int:
        """Number of pictures in the final frame."""
        return self._ask("count", _at_least_one, "a whole number of 1 or more", params)

    def animated(self, params: Params) -> bool:
        """Whether the pictures are an animation."""
        return self._ask("animated", bool, "True or False", params)

    def supports_finish(self) -> bool:
        """Whether a result can be blended with its input."""
        return self._ask("supports_finish", bool, "True or False")

    def explanation(self) -> str:
        """The explanation of the method."""
        return self._ask("explanation", _word, "text")

    def preset_picture(self, name: str) -> Path | None:
        """The thumbnail of a preset."""
        return self._ask("preset_picture", _file, "the path of a file, or None", name)

    def picture(self, image: Pixels) -> Pixels:
        """A picture of a frame as float32 in [0, 1].

        Raises:
            MethodError: its values are outside [0, 1].
        """
        low, high = (float(image.min()), float(image.max())) if image.size else (math.nan,) * 2
        if not (low >= -_SLACK and high <= 1 + _SLACK):  # also where it is NaN
            raise MethodError(f"{self._who} made pixels from {low:g} to {high:g}; expected 0 to 1")
        if low < 0 or high > 1:
            image = np.clip(image, 0.0, 1.0)
        return image.astype(np.float32, copy=False)

    def _frame(self, frame: Any) -> Frame:
        """A frame with all parts checked; the engine adds the report."""
        if not isinstance(frame, Frame):
            raise MethodError(f"{self._who} yielded {_text(frame)}; expected a Frame")
        parts: dict[str, Any] = {
            name: self._read(f"a frame has {name} =", getattr(frame, name), read, expected)
            for name, (read, expected) in _PARTS.items()
        }
        return replace(frame, **parts, report=None, unfinished=None)

    def _keys(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not {*value} <= {*self.weights}:
            raise ValueError
        return tuple(value)

    def _ask(self, name: str, read: Callable[[Any], _T], expected: str, *arguments: Any) -> _T:
        """Call a function of the method and check its result."""
        with self._blamed(f"failed in {name}"):
            value = getattr(self.method, name)(*arguments)
        return self._read(f"{name} gives", value, read, expected)

    def _read(self, what: str, value: Any, read: Callable[[Any], _T], expected: str) -> _T:
        """Convert a value; if `read` raises, the value is not as expected."""
        try:
            return read(value)
        except Exception:
            got = f"{self._who}: {what} {_text(value)}"
            raise MethodError(f"{got}; expected {expected}") from None

    @contextmanager
    def _blamed(self, failed: str) -> Iterator[None]:
        """Convert exceptions of a method to MethodError."""
        try:
            yield
        except (StyleplugError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # a plug-in must not end the process
            raise MethodError(f"{self._who} {failed}: {type(error).__name__}: {error}") from error


def _text(value: Any) -> str:
    """A value as text for an error message; for an array, its shape."""
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return ", ".join(map(_text, value)) if isinstance(value, tuple) else shortened(value)


def _positive(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError
    return number


def _at_least_one(value: Any) -> int:
    number = index(value)
    if number < 1:
        raise ValueError
    return number


def _sides(value: Any) -> tuple[int, int]:
    width, height = map(_at_least_one, value)
    return width, height


def _steps(value: Any) -> int:
    return _at_least_one(index(value) + 1) - 1


def _pictures(value: Any) -> tuple[Pixels, ...]:
    for one in value:
        if not isinstance(one, np.ndarray) or one.ndim != 3 or one.shape[2] != 3:
            raise ValueError
    return tuple(value)


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _metrics(value: Any) -> dict[str, float]:
    return {_word(name): float(number) for name, number in value.items()}


def _file(value: Any) -> Path | None:
    return None if value is None else Path(value)


def _pace(value: Any) -> float:
    if not 0 <= float(value) <= _FASTEST:  # also where it is NaN
        raise ValueError
    return float(value)


_PARTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "step": (_steps, "a whole number, 0 or more"),
    "steps": (_steps, "a whole number, 0 or more"),
    "images": (_pictures, "a tuple of arrays (h, w, 3)"),
    "note": (_word, "text"),
    "metrics": (_metrics, "numbers by name"),
    "final": (bool, "True or False"),
    "fps": (_pace, f"0 to {_FASTEST:g} pictures a second"),
}
