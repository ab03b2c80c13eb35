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

# Best first; "fake" is used only on request.
ORDER = (
    ("torch", "cuda"),
    ("torch", "mps"),
    ("onnx", "cuda"),
    ("onnx", "cpu"),
    ("torch", "cpu"),
    ("fake", "cpu"),
)

# All except "fake" need the packages of the extra with the same name.
_KINDS = {
    "torch": "styleplug.backends.torch_backend:TorchBackend",
    "onnx": "styleplug.backends.onnx_backend:OnnxBackend",
    "fake": "styleplug.backends.fake:FakeBackend",
}


@cache
def has_cuda_driver() -> bool:
    """Whether NVIDIA's driver can be loaded; without it, libraries would print errors."""
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
    """Backends and devices to try: first those with the requested device, each in `ORDER`."""
    found = [
        (name, where)
        for name, where in ORDER
        if (name == backend or (backend == "auto" and name != "fake")) and _plausible(name, where)
    ]
    return sorted(found, key=lambda pair: device not in ("auto", pair[1]))


def expect(backend: str, device: str) -> tuple[str, str]:
    """The names of backend and device that `choose` will probably use; this is fast.

    If nothing is installed, the arguments are returned unchanged.
    """
    return next(iter(_candidates(backend, device)), (backend, device))


def choose(backend: str, device: str) -> Backend:
    """The backend for a run; there is one object for each name and device, because it caches nets.

    Args:
        backend: "torch", "onnx", "fake", or "auto" for the best available one.
        device: "cpu", "cuda", "mps", or "auto".  If it cannot be used, the best available one is
            used instead, and `replaced` gives a warning.

    Raises:
        BackendError: the requested backend, or every one, is not installed; the message says how
            to install it.
    """
    for name, where in _candidates(backend, device):
        try:
            kind = _kind(name)
        except BackendError:
            if backend != "auto":
                raise
            continue  # the installation of this one is damaged; try the next
        if where in kind.devices():
            with _making:
                return _made(kind, where)
    raise BackendError(_remedy(backend))


def forget() -> None:
    """Forget what was found out about devices: a process that was forked may have others."""
    has_cuda_driver.cache_clear()
    _plausible.cache_clear()


_making = threading.Lock()


@cache
def _made(kind: type[Backend], device: str) -> Backend:
    return kind(device)  # under a lock: `cache` alone may make two


def usable() -> dict[str, tuple[str, ...] | str]:
    """The devices of each backend by its name; a sentence if it is missing or damaged."""
    found: dict[str, tuple[str, ...] | str] = {}
    for name in dict.fromkeys(name for name, _ in ORDER if name != "fake"):
        try:
            found[name] = _lacks(name) or _kind(name).devices()
        except BackendError as error:
            found[name] = str(error)
    return found


def replaced(device: str, backend: Backend) -> str:
    """A warning if the backend does not compute on the requested device, else ""."""
    if device in ("auto", backend.device):
        return ""
    return (
        f"the device {device!r} cannot be used by {backend.name} here: "
        f"using {backend.device} instead"
    )


def _kind(name: str) -> type[Backend]:
    """Import the class of a backend.

    Raises:
        BackendError: its library is installed but cannot be imported.
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
