"""Optimisers of a picture, in NumPy, so that every backend takes the same steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from styleplug.core.array import Arrays, Floats, Pixels

SHARES = (0.5, 0.22, 0.14, 0.08, 0.06)  # of Adam's rate, by scale
_AVERAGE = 0.9  # share of the running average kept at each step

Loss = Callable[..., Arrays]
"""What a net finds of `picture=`: "gradient" among other things."""


class Optimiser(ABC):
    """Moves a picture against its gradient, in place, and keeps it within [0, 1]."""

    @abstractmethod
    def step(self, picture: Pixels, gradient: Floats, rate: float) -> None:
        """One step.

        Args:
            picture: float32 of any shape; changed in place.
            gradient: of the loss with respect to it, same shape.
            rate: learning rate of this step.
        """


class Adam(Optimiser):
    """Kingma & Ba 2014, arXiv:1412.6980.  `rate` is the largest change of a pixel in a step.

    Departures from the paper: what is added to the denominator is relative to the gradient's
    mean size, because losses here are relative too and their gradients far below 1e-8.  The mean
    square is forgotten sooner.  And squares of 2×2, 4×4 … pixels are moved as wholes beside the
    pixels, each scale by moments of its own, so that areas find their colour in few steps.
    `benchmarks/draft.py` compares.

    Args:
        decay: share of the mean gradient kept at each step.
        decay_square: share of its mean square.
        shares: of the rate, for pixels, squares of 2×2 pixels, of 4×4 and so on; scales that
            the picture's sides do not divide into are left out.
    """

    def __init__(
        self, decay: float = 0.9, decay_square: float = 0.8, shares: Sequence[float] = SHARES
    ) -> None:
        self._decay, self._decay_square, self._shares = decay, decay_square, shares
        self._steps = 0
        self._moments: list[tuple[Floats, Floats]] = []  # mean and mean square by scale

    def step(self, picture: Pixels, gradient: Floats, rate: float) -> None:
        """One step; see `Optimiser`.  The last two axes are height and width."""
        gradients = _pyramid(gradient, len(self._shares))
        if not self._moments:
            self._moments = [(np.zeros_like(part), np.zeros_like(part)) for part in gradients]
        self._steps += 1
        rate /= sum(self._shares[: len(gradients)])
        change: Floats | None = None
        for part, moments, share in reversed(
            list(zip(gradients, self._moments, self._shares, strict=False))
        ):
            direction = self._direction(part, *moments)
            direction *= rate * share
            change = direction if change is None else _added(direction, change)
        assert change is not None
        picture -= change
        np.clip(picture, 0.0, 1.0, out=picture)

    def _direction(self, gradient: Floats, mean: Floats, square: Floats) -> Floats:
        """The mean gradient, each number by its usual size; the moments are moved along."""
        mean += (1 - self._decay) * (gradient - mean)
        square += (1 - self._decay_square) * (gradient * gradient - square)
        size: Floats = np.sqrt(square / (1 - self._decay_square**self._steps))
        size += 1e-3 * float(size.mean()) + 1e-30
        np.divide(mean, size, out=size)
        size /= 1 - self._decay**self._steps
        return size


class LBFGS(Optimiser):
    """Limited-memory BFGS (Liu & Nocedal 1989), without line search: `rate` scales its steps.

    Pairs whose curvature is not clearly positive are left out, and no step moves a pixel by more
    than `LIMIT`, which stands in for the line search.
    """

    LIMIT = 0.25

    def __init__(self, memory: int = 12) -> None:
        self._pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=memory)
        self._last: tuple[Floats, Floats] | None = None

    def step(self, picture: Pixels, gradient: Floats, rate: float) -> None:
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

    def _direction(self, gradient: Floats) -> Floats:
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
    optimiser: Optimiser, loss: Loss, picture: Pixels, rates: Iterable[float]
) -> Iterator[tuple[Pixels, Arrays]]:
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


def _pyramid(x: Floats, levels: int) -> list[Floats]:
    """An array (… h w) and means of its squares, halved while sides are even, `levels` at most."""
    parts = [x]
    while len(parts) < levels and x.shape[-2] % 2 == 0 and x.shape[-1] % 2 == 0:
        x = (x[..., ::2, :] + x[..., 1::2, :]) / 2.0
        x = (x[..., ::2] + x[..., 1::2]) / 2.0
        parts.append(x)
    return parts


def _added(fine: Floats, coarse: Floats) -> Floats:
    """Add to an array (… 2h 2w), in place, each number of another (… h w) as a square of 2×2."""
    height, width = coarse.shape[-2:]
    squares = fine.reshape(*fine.shape[:-2], height, 2, width, 2)  # splitting axes never copies
    squares += coarse[..., :, None, :, None]
    return fine


def _dot(a: Floats, b: Floats) -> float:
    return float(np.vdot(a, b))
