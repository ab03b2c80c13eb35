"""Choose the backend for this machine, by an order of preference."""

from __future__ import annotations

import ctypes
import importlib
import platform
import sys
import threading
from functools import cache

from styleplug.core.backend import Backend
from styleplug.core.errors import BackendError
from styleplug.system.extras import EXTRAS, install, missing

# Best first; "fake" is never chosen by itself.
ORDER = (
    ("torch", "cuda"),
    ("torch", "mps"),
    ("onnx", "cuda"),
    ("onnx", "cpu"),
    ("torch", "cpu"),
    ("fake", "cpu"),
)

# Each but "fake" needs the packages of the extra of its name.
_KINDS = {
    "torch": "styleplug.backends.torch_backend:TorchBackend",
    "onnx": "styleplug.backends.onnx_backend:OnnxBackend",
    "fake": "styleplug.backends.fake:FakeBackend",
}


@cache
def has_cuda_driver() -> bool:
    """Whether NVIDIA's driver loads; asked before any library that would complain loudly."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def _plausible(name: str, device: str) -> bool:
    """Whether it may work; this is fast, because the library is not imported."""
    if _lacks(name):
        return False
    if device == "cuda":
        return has_cuda_driver()
    if device == "mps":
        return sys.platform == "darwin" and platform.machine() == "arm64"
    return True


def _candidates(backend: str, device: str) -> list[tuple[str, str]]:
    """What to try: the device asked for first, each in the order of preference."""
    found = [
        (name, where)
        for name, where in ORDER
        if (name == backend or (backend == "auto" and name != "fake")) and _plausible(name, where)
    ]
    return sorted(found, key=lambda pair: device not in ("auto", pair[1]))


def expect(backend: str, device: str) -> tuple[str, str]:
    """The backend and device that `choose` will probably take; this takes microseconds.

    Returns:
        Names of backend and device; (backend, device) unchanged where nothing is installed.
    """
    return next(iter(_candidates(backend, device)), (backend, device))


def choose(backend: str, device: str) -> Backend:
    """The backend for a run, one for each name and device: nets are kept by backend.

    Args:
        backend: "torch", "onnx", "fake", or "auto" for the best there is.
        device: "cpu", "cuda", "mps", or "auto".  One that cannot be used is replaced by the
            best there is, as `replaced` says.

    Raises:
        BackendError: the backend asked for, or any at all, is not installed; says how to get it.
    """
    for name, where in _candidates(backend, device):
        try:
            kind = _kind(name)
        except BackendError:
            if backend != "auto":
                raise
            continue  # a damaged installation must not stop the next one
        if where in kind.devices():
            with _making:
                return _made(kind, where)
    raise BackendError(_remedy(backend))


_making = threading.Lock()


@cache
def _made(kind: type[Backend], device: str) -> Backend:
    return kind(device)  # under a lock: `cache` alone may make two


def replaced(device: str, backend: Backend) -> str:
    """A warning if the backend does not compute on the requested device, else ""."""
    if device in ("auto", backend.device):
        return ""
    return (
        f"the device {device!r} cannot be used by {backend.name} here: "
        f"using {backend.device} instead"
    )


def _kind(name: str) -> type[Backend]:
    """The class of a backend, imported now.

    Raises:
        BackendError: its library is there but does not import.
    """
    module, kind = _KINDS[name].split(":")
    try:
        found: type[Backend] = getattr(importlib.import_module(module), kind)
    except (ImportError, OSError) as error:
        raise BackendError(
            f"{EXTRAS[name][0]} is installed but cannot be loaded ({error}); "
            f"install it again: {install(name)}"
        ) from error
    return found


def _lacks(name: str) -> str:
    """A sentence on the missing packages of a backend; "" if there are none."""
    return missing(name, f"the backend {name!r}") if name in EXTRAS else ""


def _remedy(backend: str) -> str:
    """The message if no backend can be used."""
    if backend == "auto":
        return f"no backend is installed; install one with {install('onnx')} or {install('torch')}"
    if backend not in _KINDS:
        return f"unknown backend {backend!r}; expected one of: auto, {', '.join(_KINDS)}"
    return f"{_lacks(backend)}; or choose the backend 'auto'"
