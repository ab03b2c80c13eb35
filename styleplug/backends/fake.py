"""A backend for tests and for writing plug-ins: small, exact, without weights, numpy only.

The features of its encoder are the colours of the pixels ("fine") and the mean colours of blocks of
4×4 pixels ("coarse").  Losses and gradients are exact, so a method that optimises works here too,
and is fast.  The style code holds the means and deviations of the style's colours; the painter
gives them to the content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from styleplug.core.array import Arrays, Doubles, Floats
from styleplug.core.backend import Axes, Backend, Net, NetSpec
from styleplug.core.errors import BackendError
from styleplug.core.weight import WeightFile

BLOCK = 4  # side of a block of the coarse layer; sides of pictures must be multiples of it
CONTENT_LAYERS = ("coarse",)
STYLE_LAYERS = ("fine", "coarse")
_TINY = 1e-6  # added to variances, so that square roots have a finite derivative

Shapes = dict[str, Axes]
Numbers = Mapping[str, Doubles]  # inside, so that gradients are exact
# (features c×n, their target Gram matrix, target mean) -> loss, and its gradient by the features
StyleLoss = Callable[[Doubles, Doubles, Doubles], tuple[float, Doubles]]


class FakeBackend(Backend):
    """Loads a `FakeNet` for every architecture, and reads no file."""

    name: ClassVar[str] = "fake"
    needs_weights: ClassVar[bool] = False

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """The processor only."""
        return ("cpu",)

    def __init__(self, device: str) -> None:
        self.device = device

    def load(self, file: WeightFile, function: str) -> Net:
        """Load one of `FUNCTIONS`.

        Raises:
            BackendError: there is no such function.
        """
        return FakeNet(file, function)

    @property
    def notes(self) -> tuple[str, ...]:
        """A note that the result is for tests only."""
        return ("the fake backend has no learned weights: the picture is for tests only",)


class FakeNet(Net):
    """One of `FUNCTIONS`."""

    def __init__(self, file: WeightFile, function: str) -> None:
        if function not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise BackendError(f"the fake backend has no function {function!r}; it has: {known}")
        inputs, outputs, self._compute = FUNCTIONS[function]
        self.spec = NetSpec(
            arch=file.arch,
            function=function,
            inputs=inputs,
            outputs=outputs,
            provider="fake",
            weights=file,
            multiple=BLOCK,
        )
        self._closed = False

    def compute(self, arrays: Arrays) -> dict[str, Floats]:
        """See `Net`; shapes as in `styleplug.nets`.

        Raises:
            BackendError: the net is closed.
        """
        if self._closed:
            raise BackendError("this net is closed; load it again")
        exact = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
        return {name: np.asarray(one, np.float32) for name, one in self._compute(exact).items()}

    def close(self) -> None:
        """Close it; further calls are errors."""
        self._closed = True


def _losses(style_loss: StyleLoss, arrays: Numbers) -> Numbers:
    """Loss terms, and the gradient of their weighted sum by the picture."""
    picture = arrays["picture"]
    variation, gradient = _variation(picture)
    gradient = gradient * arrays["variation_weight"]
    content, style = [], []
    for layer, weight in zip(CONTENT_LAYERS, arrays["content_weights"], strict=True):
        loss, slope = _content(
            _features(picture, layer), arrays[f"content_{layer}"], arrays["content_l1"]
        )
        content.append(loss)
        gradient = gradient + weight * _to_picture(slope, layer)
    for layer, weight in zip(STYLE_LAYERS, arrays["style_weights"], strict=True):
        features = _features(picture, layer)
        loss, slope = style_loss(
            features.reshape(3, -1), arrays[f"gram_{layer}"], arrays[f"mean_{layer}"]
        )
        style.append(loss)
        gradient = gradient + weight * _to_picture(slope.reshape(features.shape), layer)
    return {
        "gradient": gradient,
        "content_losses": np.array(content),
        "style_losses": np.array(style),
        "variation_loss": np.array(variation),
    }


def _features(picture: Doubles, layer: str) -> Doubles:
    """(1, 3, h, w) -> features of a layer, (1, 3, h', w')."""
    if layer == "fine":
        return picture
    _, c, h, w = picture.shape
    blocks = picture.reshape(1, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK)
    return np.asarray(blocks.mean(axis=(3, 5)))


def _to_picture(slope: Doubles, layer: str) -> Doubles:
    """Convert a gradient by features to one by the picture: the adjoint of `_features`."""
    if layer == "fine":
        return slope
    return np.asarray(slope.repeat(BLOCK, axis=2).repeat(BLOCK, axis=3)) / BLOCK**2


def _describe(arrays: Numbers) -> Numbers:
    """The targets from a picture: content features, Gram matrices, means."""
    picture = arrays["picture"]
    found = {f"content_{layer}": _features(picture, layer) for layer in CONTENT_LAYERS}
    for layer in STYLE_LAYERS:
        features = _features(picture, layer).reshape(3, -1)
        found[f"gram_{layer}"] = features @ features.T / features.shape[1]
        found[f"mean_{layer}"] = features.mean(axis=1)
    return found


def _content(features: Doubles, wanted: Doubles, l1: Doubles) -> tuple[float, Doubles]:
    """Squared error (l1 = 0), absolute error (1), or a mix; loss and gradient."""
    error = features - wanted
    loss = (1 - l1) * np.mean(error**2) + l1 * np.mean(np.abs(error))
    return float(loss), ((1 - l1) * 2 * error + l1 * np.sign(error)) / error.size


def _variation(picture: Doubles) -> tuple[float, Doubles]:
    """Mean squared difference of neighbouring pixels; loss and gradient."""
    loss, slope = 0.0, np.zeros_like(picture)
    for axis in (2, 3):
        step = np.diff(picture, axis=axis)
        loss += float(np.mean(step**2))
        ends = [(0, 0)] * 4
        ends[axis] = (1, 1)
        slope -= np.diff(np.pad(2 * step / step.size, ends), axis=axis)
    return loss, slope


def _gram(features: Doubles, gram: Doubles, mean: Doubles) -> tuple[float, Doubles]:
    """Mean squared error of the Gram matrix."""
    c, n = features.shape
    error = features @ features.T / n - gram
    return float(np.mean(error**2)), 4 / (n * c * c) * error @ features


def _moments(features: Doubles, gram: Doubles, mean: Doubles) -> tuple[float, Doubles]:
    """Mean squared error of each channel's mean and standard deviation."""
    c, n = features.shape
    centre = features.mean(axis=1)
    deviation = np.sqrt(features.var(axis=1) + _TINY)
    off = centre - mean
    wide = deviation - np.sqrt(np.maximum(np.diag(gram) - mean**2, 0) + _TINY)
    loss = float(np.mean(off**2) + np.mean(wide**2))
    by_deviation = (wide / deviation)[:, None] * (features - centre[:, None])
    return loss, 2 / (n * c) * (off[:, None] + by_deviation)


def _wasserstein(features: Doubles, gram: Doubles, mean: Doubles) -> tuple[float, Doubles]:
    """Squared Wasserstein-2 distance of the Gaussians with these moments, per channel."""
    c, n = features.shape
    centre = features.mean(axis=1)
    centred = features - centre[:, None]
    here = centred @ centred.T / n + _TINY * np.eye(c)
    there = gram - np.outer(mean, mean) + _TINY * np.eye(c)
    root = _power(there, 0.5)
    middle = root @ here @ root
    off = centre - mean
    loss = off @ off + np.trace(here) + np.trace(there) - 2 * np.trace(_power(middle, 0.5))
    transport = root @ _power(middle, -0.5) @ root  # maps here's Gaussian onto there's
    slope = off[:, None] + (np.eye(c) - transport) @ centred
    return float(loss) / c, 2 / (n * c) * slope


def _power(matrix: Doubles, exponent: float) -> Doubles:
    """Power of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, _TINY**2) ** exponent) @ vectors.T)


def _code(arrays: Numbers) -> Numbers:
    """Means and deviations of a style's colours: (1 6)."""
    mean = arrays["mean_fine"]
    variance = np.maximum(np.diag(arrays["gram_fine"]) - mean**2, 0)
    return {"code": np.concatenate((mean, np.sqrt(variance)))[None]}


def _measure(arrays: Numbers) -> Numbers:
    """Means and deviations of the content's colours: (1 3) each."""
    picture = arrays["picture"]
    deviation = np.sqrt(picture.var(axis=(2, 3)) + _TINY)
    return {"content_mean": picture.mean(axis=(2, 3)), "content_deviation": deviation}


def _paint(arrays: Numbers) -> Numbers:
    """The picture with the colours' means and deviations of the code."""
    mean, deviation = arrays["content_mean"], arrays["content_deviation"]
    wanted, wide = np.split(arrays["code"], 2, axis=1)
    mean, deviation, wanted, wide = (
        numbers[:, :, None, None] for numbers in (mean, deviation, wanted, wide)
    )
    painted = (arrays["picture"] - mean) / deviation * wide + wanted
    return {"painted": np.clip(painted, 0, 1)}


_PICTURE: Shapes = {"picture": (1, 3, f"{BLOCK}*h", f"{BLOCK}*w")}
_STATISTICS: Shapes = {
    f"{kind}_{layer}": axes
    for layer in STYLE_LAYERS
    for kind, axes in {"gram": (3, 3), "mean": (3,)}.items()
}
_TARGETS = {f"content_{layer}": (1, 3, "h", "w") for layer in CONTENT_LAYERS} | _STATISTICS
_KNOBS: Shapes = {
    "content_weights": (len(CONTENT_LAYERS),),
    "style_weights": (len(STYLE_LAYERS),),
    "content_l1": (),
    "variation_weight": (),
}
_LOSSES = ("gradient", "content_losses", "style_losses", "variation_loss")
_MEASURES: Shapes = {"content_mean": (1, 3), "content_deviation": (1, 3)}
_STYLE_LOSSES: dict[str, StyleLoss] = {
    "gram": _gram,
    "moments": _moments,
    "wasserstein": _wasserstein,
}
FUNCTIONS: dict[str, tuple[Shapes, tuple[str, ...], Callable[[Numbers], Numbers]]] = {
    "describe": (_PICTURE, tuple(_TARGETS), _describe),
    **{
        name: (_PICTURE | _TARGETS | _KNOBS, _LOSSES, partial(_losses, loss))
        for name, loss in _STYLE_LOSSES.items()
    },
    "code": (_STATISTICS, ("code",), _code),
    "measure": (_PICTURE, tuple(_MEASURES), _measure),
    "paint": (_PICTURE | _MEASURES | {"code": (1, 6)}, ("painted",), _paint),
}
"""Each function: inputs and their axes, names of outputs, and the computation."""
