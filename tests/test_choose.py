"""Choosing a backend: the order, the fallbacks, and what is said about them."""

from __future__ import annotations

import importlib

import pytest

from styleplug.backends.choose import choose, expect, replaced
from styleplug.core.backend import Backend
from styleplug.core.errors import BackendError
from styleplug.core.weight import WeightFile
from styleplug.system.extras import EXTRAS

choose_module = importlib.import_module("styleplug.backends.choose")


def backend_class(name: str, devices: tuple[str, ...]) -> type[Backend]:
    class Some(Backend):
        def __init__(self, device):
            self.device = device

        @classmethod
        def devices(cls):
            return devices

        def load(self, file: WeightFile, function: str):
            return (file, function)

        @property
        def notes(self):
            return ("its own note",)

    Some.name = name
    return Some


@pytest.fixture
def machine(monkeypatch):
    """A machine on which these backends can use these devices."""

    def pretend(**devices):
        def kind(name):
            if devices[name] is ImportError:
                raise BackendError(f"{name} does not load")
            return backend_class(name, devices[name])

        def plausible(name, device):
            return name in devices and (devices[name] is ImportError or device in devices[name])

        monkeypatch.setattr(choose_module, "_kind", kind)
        monkeypatch.setattr(choose_module, "_plausible", plausible)

    return pretend


GPU, CPU, MAC = ("cuda", "cpu"), ("cpu",), ("mps", "cpu")


@pytest.mark.parametrize(
    ("devices", "chosen"),
    [
        ({"torch": GPU, "onnx": GPU, "fake": CPU}, ("torch", "cuda")),
        ({"torch": MAC, "onnx": CPU}, ("torch", "mps")),
        ({"torch": CPU, "onnx": GPU}, ("onnx", "cuda")),
        ({"torch": CPU, "onnx": CPU, "fake": CPU}, ("onnx", "cpu")),
        ({"torch": CPU, "fake": CPU}, ("torch", "cpu")),
        ({"onnx": CPU}, ("onnx", "cpu")),
    ],
)
def test_choose_auto_takes_best(devices, chosen, machine):
    machine(**devices)
    backend = choose("auto", "auto")
    assert (backend.name, backend.device) == chosen == expect("auto", "auto")
    assert backend.notes == ("its own note",)


@pytest.mark.parametrize(
    ("asked", "devices", "chosen"),
    [
        (("torch", "auto"), {"torch": GPU, "onnx": GPU}, ("torch", "cuda")),
        (("onnx", "auto"), {"torch": GPU, "onnx": CPU}, ("onnx", "cpu")),
        (("torch", "cpu"), {"torch": GPU, "onnx": GPU}, ("torch", "cpu")),
        (("auto", "cpu"), {"torch": GPU, "onnx": GPU}, ("onnx", "cpu")),
        (("auto", "cuda"), {"torch": CPU, "onnx": GPU}, ("onnx", "cuda")),
        (("fake", "auto"), {"torch": GPU, "fake": CPU}, ("fake", "cpu")),
    ],
)
def test_choose_named_takes_it(asked, devices, chosen, machine):
    machine(**devices)
    backend = choose(*asked)
    assert (backend.name, backend.device) == chosen == expect(*asked)
    assert not replaced(asked[1], backend)


@pytest.mark.parametrize("asked", ["auto", "torch", "onnx"])
def test_choose_device_missing_replaced_with_warning(asked, machine):
    machine(torch=CPU, onnx=CPU)
    backend = choose(asked, "cuda")
    assert backend.name == ("onnx" if asked == "auto" else asked) == expect(asked, "cuda")[0]
    warning = replaced("cuda", backend)
    assert "'cuda'" in warning and "cpu" in warning


def test_choose_makes_backend_once(machine, monkeypatch):
    machine(torch=CPU, onnx=CPU)
    kinds = {name: backend_class(name, CPU) for name in ("torch", "onnx")}
    monkeypatch.setattr(choose_module, "_kind", kinds.__getitem__)
    asked = [("auto", "auto"), ("onnx", "auto"), ("auto", "cpu"), ("onnx", "cuda")]
    assert len({id(choose(*one)) for one in asked}) == 1
    assert choose("torch", "cpu") is not choose("onnx", "cpu")


def test_choose_plausible_device_missing_falls_back(machine, monkeypatch):
    """A driver is installed, but this torch was built without CUDA."""
    machine(torch=CPU, onnx=CPU)
    monkeypatch.setattr(choose_module, "_plausible", lambda name, device: name != "fake")
    assert choose("auto", "auto").name == "onnx"
    assert "'cuda'" in replaced("cuda", choose("torch", "cuda"))


@pytest.mark.parametrize("name", ["torch", "onnx"])
def test_choose_not_installed_names_remedy(name, machine, monkeypatch):
    machine(fake=CPU)
    monkeypatch.setitem(EXTRAS, name, ("no_such_package",))
    with pytest.raises(BackendError, match=rf"no_such_package.*`pip .*styleplug\[{name}\]"):
        choose(name, "auto")
    with pytest.raises(BackendError, match="no backend is installed.*pip install"):
        choose("auto", "auto")
    assert expect(name, "auto") == (name, "auto")


def test_choose_damaged_installation_falls_back(machine):
    machine(torch=CPU, onnx=ImportError)
    assert choose("auto", "auto").name == "torch"
    with pytest.raises(BackendError, match="does not load"):
        choose("onnx", "auto")


def test_choose_import_failure_names_reason(monkeypatch):
    def fail(name):
        raise ImportError("libfoo.so is missing")

    monkeypatch.setattr(choose_module.importlib, "import_module", fail)
    with pytest.raises(BackendError, match=r"libfoo\.so is missing.*pip install"):
        choose_module._kind("torch")


def test_choose_unknown_refused():
    with pytest.raises(BackendError, match="unknown backend 'abacus'"):
        choose("abacus", "auto")


def test_choose_fake_always_available():
    assert choose("fake", "auto").name == "fake"
    assert not choose("fake", "cuda").needs_weights
