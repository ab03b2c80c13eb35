"""Optimisers of a picture, in NumPy, so that every backend takes the same steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

_AVERAGE = 0.9  # share of the running average kept at each step

Loss = Callable[..., Mapping[str, np.ndarray]]
"""What a net finds of `picture=`: "gradient" among other things."""


class Optimiser(ABC):
    """Moves a picture against its gradient, in place, and keeps it within [0, 1]."""

    @abstractmethod
    def step(self, picture: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step.

        Args:
            picture: float32 of any shape; changed in place.
            gradient: of the loss with respect to it, same shape.
            rate: learning rate of this step.
        """


class Adam(Optimiser):
    """Kingma & Ba 2014, arXiv:1412.6980.  `rate` is the largest change of a pixel in a step.

    A departure from the paper: what is added to the denominator is relative to the gradient's
    mean size, because losses here are relative too and their gradients far below 1e-8.
    """

    def __init__(self, decay: float = 0.9, decay_square: float = 0.99) -> None:
        self._decay, self._decay_square = decay, decay_square
        self._steps = 0
        self._mean: np.ndarray | None = None
        self._square: np.ndarray | None = None

    def step(self, picture: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step; see `Optimiser`."""
        if self._mean is None or self._square is None:
            self._mean, self._square = np.zeros_like(picture), np.zeros_like(picture)
        self._steps += 1
        self._mean += (1 - self._decay) * (gradient - self._mean)
        self._square += (1 - self._decay_square) * (gradient * gradient - self._square)
        unbias = 1 - self._decay**self._steps
        unbias_square = 1 - self._decay_square**self._steps
        size = np.sqrt(self._square / unbias_square)
        size += 1e-3 * float(size.mean()) + 1e-30
        np.divide(self._mean, size, out=size)
        size *= rate / unbias
        picture -= size
        np.clip(picture, 0.0, 1.0, out=picture)


class LBFGS(Optimiser):
    """Limited-memory BFGS (Liu & Nocedal 1989), without line search: `rate` scales its steps.

    Pairs whose curvature is not clearly positive are left out, and no step moves a pixel by more
    than `LIMIT`, which stands in for the line search.
    """

    LIMIT = 0.25

    def __init__(self, memory: int = 12) -> None:
        self._pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=memory)
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def step(self, picture: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step; see `Optimiser`."""
        if self._last is not None:
            moved, turned = picture - self._last[0], gradient - self._last[1]
            curvature = _dot(moved, turned)
            if curvature > 1e-10 * _dot(turned, turned) ** 0.5 * _dot(moved, moved) ** 0.5:
                self._pairs.append((moved, turned, 1.0 / curvature))
        self._last = (picture.copy(), gradient.copy())
        direction = self._direction(gradient)
        largest = float(np.abs(direction).max())
        picture -= direction * (rate if largest * rate <= self.LIMIT else self.LIMIT / largest)
        np.clip(picture, 0.0, 1.0, out=picture)

    def _direction(self, gradient: np.ndarray) -> np.ndarray:
        """The two-loop recursion: the inverse Hessian, as remembered, times the gradient."""
        if not self._pairs:  # nothing known of the curvature: a step of a few per cent
            return gradient * (0.05 / max(float(np.abs(gradient).mean()), 1e-30) / 10)
        result = gradient.copy()
        weights = []
        for moved, turned, inverse in reversed(self._pairs):
            weight = inverse * _dot(moved, result)
            weights.append(weight)
            result -= weight * turned
        _, turned, inverse = self._pairs[-1]
        result *= 1.0 / (inverse * _dot(turned, turned))
        for (moved, turned, inverse), weight in zip(self._pairs, reversed(weights), strict=True):
            result += (weight - inverse * _dot(turned, result)) * moved
        return result


def descend(
    optimiser: Optimiser, loss: Loss, picture: np.ndarray, rates: Iterable[float]
) -> Iterator[tuple[np.ndarray, Mapping[str, np.ndarray]]]:
    """Optimise a picture, in place, one step for each rate.

    Yields:
        the running average of the picture's last steps, in which the optimiser's noise cancels
        out, and what the loss found before the step.
    """
    average, trust = np.zeros_like(picture), 0.0
    for rate in rates:
        found = loss(picture=picture)
        optimiser.step(picture, found["gradient"], rate)
        average *= _AVERAGE
        average += (1 - _AVERAGE) * picture
        trust = _AVERAGE * trust + (1 - _AVERAGE)
        yield average / trust, found


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.vdot(a, b))
