"""Native PyTorch: CUDA, Apple's MPS or the processor."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from styleplug.core.array import Arrays, Floats
from styleplug.core.backend import Backend, Net, NetSpec
from styleplug.core.errors import BackendError, OutOfMemory
from styleplug.core.weight import WeightFile
from styleplug.nets import ARCHITECTURES, architecture
from styleplug.store.classes import read_classes, without_table
from styleplug.system.machine import processors

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


class TorchBackend(Backend):
    """Runs the modules of `styleplug.nets` in float32.

    Convolutions are deterministic, so that a recipe gives the same picture again.  With bfloat16,
    the error of features would be 2e-3 to 9e-3, but backends must agree within 1e-3.
    """

    name = "torch"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Devices that torch can use here, best first."""
        found = ["cuda"] if torch.cuda.is_available() else []
        if torch.backends.mps.is_available():
            found.append("mps")
        return (*found, "cpu")

    def __init__(self, device: str) -> None:
        if device not in self.devices():
            raise BackendError(
                f"torch cannot use {device!r} here; it can use {', '.join(self.devices())}"
            )
        self.device = self._provider = device
        limit_threads()
        if device == "cuda":
            self._provider = f"cuda ({torch.cuda.get_device_name()})"

    @property
    def notes(self) -> tuple[str, ...]:
        """No notes: a missing device is an error at the start."""
        return ()

    def load(self, file: WeightFile, function: str) -> Net:
        """Load a function of an architecture with its weights."""
        if file.arch not in ARCHITECTURES:
            known = ", ".join(sorted(ARCHITECTURES))
            raise BackendError(f"no architecture {file.arch!r}; known are: {known}")
        module = architecture(file.arch)
        net = module.build()
        functions = module.functions(net)
        if function not in functions:
            raise BackendError(
                f"{file.arch} has no function {function!r}; it has {', '.join(functions)}"
            )
        try:
            held = without_table(load_file(file.path))
            net.load_state_dict({key: value.float() for key, value in held.items()}, strict=True)
            classes = read_classes(file.path)
        except (OSError, RuntimeError, SafetensorError) as error:
            raise BackendError(
                f"{file.path.name} does not hold the weights of {file.arch}: {error}"
            ) from error
        module = functions[function]
        spec = NetSpec(
            arch=file.arch,
            function=function,
            inputs=module.inputs,
            outputs=module.outputs,
            provider=self._provider,
            weights=file,
            multiple=module.multiple,
            margin=module.margin,
            noises=module.noises,
            classes=classes,
        )
        return _TorchNet(module, spec, self.device)

    def release(self) -> None:
        """Free the graphics memory that torch caches."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
        if self.device == "mps":
            torch.mps.empty_cache()


def limit_threads() -> None:
    """Limit torch to as many threads as can run at once."""
    torch.set_num_threads(min(torch.get_num_threads(), processors()))


class _TorchNet(Net):
    """A module with its weights on a device."""

    def __init__(self, module: Any, spec: NetSpec, device: str) -> None:
        self.spec, self._device = spec, device
        module.eval().requires_grad_(False)
        with _failures(self.spec, sized=False):
            module.to(device, memory_format=torch.channels_last)
        self._module: torch.nn.Module | None = module

    def compute(self, arrays: Arrays) -> dict[str, Floats]:
        """See `Net`."""
        if self._module is None:
            raise BackendError(f"{self.spec.arch} was closed; load it again")
        with _failures(self.spec), torch.inference_mode(), _DETERMINISTIC:
            given = [self._tensor(arrays[name]) for name in self.spec.inputs]
            found = self._module(*given)
            values = found if isinstance(found, tuple) else (found,)
            return {
                name: value.contiguous().cpu().numpy()
                for name, value in zip(self.spec.outputs, values, strict=True)
            }

    def _tensor(self, array: Floats) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    def close(self) -> None:
        """Free the weights."""
        self._module = None
        if self._device == "cuda":
            torch.cuda.empty_cache()


class _Deterministic:
    """Inside, convolutions always use the same algorithm.

    The flags of cuDNN apply to the whole process.  The first net that enters sets them, and the
    last one that leaves restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._flags = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                flags = torch.backends.cudnn.flags
                self._flags.enter_context(flags(enabled=True, benchmark=False, deterministic=True))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._flags.close()


_DETERMINISTIC = _Deterministic()


@contextlib.contextmanager
def _failures(spec: NetSpec, *, sized: bool = True) -> Iterator[None]:
    """Convert torch's errors to ours; `sized` if a smaller picture would need less memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"the graphics card has not enough memory for {spec.arch}", sized=sized
        ) from error
    except RuntimeError as error:
        if any(sign in str(error) for sign in _NO_MEMORY):
            raise OutOfMemory(f"there is not enough memory for {spec.arch}", sized=sized) from error
        raise BackendError(f"{spec.arch}.{spec.function} failed in torch: {error}") from error
