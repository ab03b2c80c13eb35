"""ONNX Runtime: on CUDA if it can be used, else on the processor.  It does not need torch."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import onnxruntime as ort
from safetensors import SafetensorError
from safetensors.numpy import load_file

from styleplug.backends.choose import has_cuda_driver
from styleplug.core.array import Arrays, Floats
from styleplug.core.backend import Backend, Net, NetSpec, Noise
from styleplug.core.errors import BackendError, OutOfMemory, WeightError
from styleplug.core.weight import WeightFile
from styleplug.nets import ARCHITECTURES, graph_file
from styleplug.store import graph
from styleplug.store.classes import read_classes, without_table
from styleplug.system import telemetry
from styleplug.system.machine import processors

_PROVIDERS = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_NO_MEMORY = ("Failed to allocate memory", "bad allocation", "bad_alloc", "out of memory")
REPORTS = (
    "ONNX Runtime was imported before styleplug, and sends telemetry to its makers: import "
    "styleplug first, or set ORT_DISABLE_TELEMETRY=1"
)
# A graph y = x of one number, as `onnx.helper` writes it.
_IDENTITY = (
    b'\x08\x08:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08'
    b"\x01\x12\x04\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)

ort.set_default_logger_severity(4)  # errors are raised as exceptions anyway
ort.disable_telemetry_events()  # on Windows; for other systems see system.telemetry


@cache
def _cuda_is_there() -> bool:
    """Whether CUDA can be used.

    ONNX Runtime lists the provider even without a driver, and prints errors when it is requested.
    """
    if _PROVIDERS["cuda"] not in ort.get_available_providers() or not has_cuda_driver():
        return False
    ort.preload_dlls()  # the libraries of CUDA, from the packages that torch installs
    return True


def _options() -> ort.SessionOptions:
    """Options of every session: few threads, and one memory pool for all that can be emptied.

    A session with a separate pool never frees memory.  Memory patterns would double the memory of
    a run and make it no faster.
    """
    _share_pool()
    options = ort.SessionOptions()
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.intra_op_num_threads = processors()
    options.inter_op_num_threads = 1
    # Spinning threads slow each other down on few cores, and use processor time when idle.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


@cache
def _share_pool() -> None:
    """Create the pool; it grows by the requested sizes, not by powers of two."""
    kind = (ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    as_asked = ort.OrtArenaCfg({"arena_extend_strategy": 1})
    ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", *kind), as_asked)


@cache
def _idle_session() -> ort.InferenceSession:
    """A session that copies a number: the pool can be emptied only at the end of a run."""
    return ort.InferenceSession(_IDENTITY, _options(), providers=[_PROVIDERS["cpu"]])


def _short_of_memory(error: Exception) -> bool:
    """Whether an error of ONNX Runtime means a lack of memory."""
    return any(sign in str(error) for sign in _NO_MEMORY)


class OnnxBackend(Backend):
    """Runs the graphs of `weights/graphs` with the weights of a safetensors file."""

    name = "onnx"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Devices that ONNX Runtime can use here, best first."""
        return ("cuda", "cpu") if _cuda_is_there() else ("cpu",)

    def __init__(self, device: str) -> None:
        if device not in self.devices():
            raise BackendError(
                f"ONNX Runtime cannot use {device!r} here; it can use {', '.join(self.devices())}"
            )
        self.device = device
        self._wanted = _PROVIDERS[device]
        self._notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings: the requested graphics card is not used, or telemetry is on."""
        return (REPORTS,) * telemetry.too_late + self._notes

    def load(self, file: WeightFile, function: str) -> Net:
        """Load the graph of a function and give it its weights."""
        if file.arch not in ARCHITECTURES:
            known = ", ".join(sorted(ARCHITECTURES))
            raise BackendError(f"no architecture {file.arch!r}; known are: {known}")
        try:
            drawn, needed = graph(graph_file(file.arch, function))
        except WeightError as error:
            raise BackendError(str(error)) from error
        try:
            held = without_table(load_file(file.path))
            weights = {key: held[key].astype(np.float32) for key in needed}
            classes = read_classes(file.path)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise BackendError(
                f"{file.path.name} does not hold the weights of {file.arch}: {error}"
            ) from error
        options = _options()
        values = [ort.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
        options.add_external_initializers(list(weights), values)
        try:
            session = ort.InferenceSession(drawn, options, providers=self._asked())
        except Exception as error:  # ONNX Runtime's exceptions share no base of their own
            if _short_of_memory(error):
                raise OutOfMemory(
                    f"there is not enough memory for {file.arch}", sized=False
                ) from error
            raise BackendError(
                f"{file.path.name} does not fit the graph {drawn.name}: {error}"
            ) from error
        facts = session.get_modelmeta().custom_metadata_map
        listed = facts["weights"].split()
        if strangers := sorted(held.keys() - set(listed)):
            raise BackendError(
                f"{file.path.name} does not hold the weights of {file.arch}, which has no "
                f"{', '.join(strangers[:3])}"
            )
        used = session.get_providers()[0]
        if used != self._wanted:
            self._notes = (f"{self._wanted} was asked for, but ONNX Runtime uses {used}.",)
        spec = NetSpec(
            arch=file.arch,
            function=function,
            inputs={value.name: tuple(value.shape) for value in session.get_inputs()},
            outputs=tuple(value.name for value in session.get_outputs()),
            provider=used,
            weights=file,
            multiple=int(facts["multiple"]),
            margin=int(facts["margin"]),
            noises={name: Noise(**one) for name, one in json.loads(facts["noises"]).items()},
            classes=classes,
        )
        return _OnnxNet(session, spec)

    def release(self) -> None:
        """Free the memory that the sessions cache."""
        order = ort.RunOptions()
        order.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        _idle_session().run(None, {"x": np.zeros(1, np.float32)}, order)

    def _asked(self) -> list[str]:
        return list(dict.fromkeys((self._wanted, _PROVIDERS["cpu"])))


class _OnnxNet(Net):
    """A session."""

    def __init__(self, session: ort.InferenceSession, spec: NetSpec) -> None:
        self.spec = spec
        self._session: ort.InferenceSession | None = session

    def compute(self, arrays: Arrays) -> dict[str, Floats]:
        """See `Net`."""
        if self._session is None:
            raise BackendError(f"{self.spec.arch} was closed; load it again")
        given = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        try:
            found = self._session.run(list(self.spec.outputs), given)
        except Exception as error:
            if _short_of_memory(error):
                raise OutOfMemory(f"there is not enough memory for {self.spec.arch}") from error
            raise BackendError(
                f"{self.spec.arch}.{self.spec.function} failed in ONNX Runtime: {error}"
            ) from error
        return dict(zip(self.spec.outputs, found, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None
