"""What the contract suite runs over: every admitted method, the samples, every backend."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samples import Descent, Dream, Fill, Sample

from styleplug.backends.choose import choose
from styleplug.backends.fake import FUNCTIONS
from styleplug.core.errors import BackendError
from styleplug.core.method import Method
from styleplug.core.params import bounds_of
from styleplug.core.weight import Embedded
from styleplug.methods import Catalogue, discover
from styleplug.nets import ARCHITECTURES, graph_file
from styleplug.store import weights_folder
from styleplug.store.graphs import read_graphs

BACKENDS = ("fake", "onnx", "torch")


def _example() -> Method[Any]:
    """The method of the example plug-in, without installing it."""
    place = Path(__file__).parent.parent / "plugin_example" / "styleplug_posterise.py"
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.METHOD


def all_methods() -> Catalogue:
    """Whatever is installed, and the samples that keep this suite honest."""
    methods = dict(discover().methods)
    for extra in (Sample(), Descent(), Dream(), Fill(), _example()):
        methods.setdefault(extra.id, extra)
    return Catalogue(methods, {})


METHODS = all_methods()


def knows(backend: str, method: Method[Any]) -> bool:
    """Whether a backend has the functions of the nets that a method uses."""
    if backend == "fake":
        return quickest(method) == "fake"
    used = method.nets(method.params())
    return all(source.arch in ARCHITECTURES for key in used for source in method.weights[key])


def on_every_backend(
    applies: Callable[[Method[Any]], bool] = lambda method: True,
) -> pytest.MarkDecorator:
    """Run a test with the methods that it applies to, on every backend that has their nets.

    On all but the quickest it is slow.
    """
    chosen = [
        pytest.param(id, backend, marks=() if backend == quickest(method) else pytest.mark.slow)
        for id, method in METHODS.methods.items()
        for backend in BACKENDS
        if applies(method) and knows(backend, method)
    ]
    return pytest.mark.parametrize(("method", "backend"), chosen, indirect=True)


def require(method: Method[Any], backend: str) -> None:
    """Skip where a backend is not installed, or the weights that a method needs are not there."""
    try:
        choose(backend, "auto")
    except BackendError as error:
        pytest.skip(str(error))
    for key in method.nets(method.params()) if backend != "fake" else ():
        source = method.weights[key][-1]
        assert isinstance(source, Embedded)
        if not (weights_folder() / source.file).is_file():
            pytest.skip(f"{source.file} is not among the embedded weights")
        if backend == "onnx" and not _graphs(source.arch):
            pytest.skip(f"{source.arch} has no ONNX graph")


def quickest(method: Method[Any], **parameters: Any) -> str:
    """The fake backend; ONNX Runtime where a run needs functions that it has not."""
    keys = method.nets(method.params.of(parameters))
    archs = {source.arch for key in keys for source in method.weights[key]}
    wanted = {name for arch in archs & set(ARCHITECTURES) for name in _graphs(arch)}
    faked = {graph_file(arch, name) for arch in archs for name in FUNCTIONS}
    return "fake" if wanted <= faked else "onnx"


def _graphs(arch: str) -> list[str]:
    """Graphs of an architecture's functions."""
    stem = graph_file(arch, "").removesuffix(".onnx")
    return [name for name in read_graphs(weights_folder()) if name.startswith(stem)]


def short(method: Method[Any], steps: int = 3) -> dict[str, Any]:
    """Parameters for a short run: those whole numbers lowered that stand for work."""
    values: dict[str, Any] = {}
    usual = method.params()
    for name, info in method.params.model_fields.items():
        low = bounds_of(info)[0]
        fewer = max(steps, math.ceil(low or 0))
        if info.annotation is int and fewer < getattr(usual, name):
            less = method.work(method.params.of({name: fewer}), 10**6)
            if less < method.work(usual, 10**6):
                values[name] = fewer
    return values
