"""The hardware of a run: its device, its precision, and the processes that share the work.

`torchrun` starts several processes.  There is no wrapper around the networks, because a task calls
parts of them, which a wrapper would hide.  Instead, the processes average their gradients.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from styleplug.backends.torch_backend import limit_threads
from styleplug.core.errors import OutOfMemory, UsageError
from styleplug.engine.memory import Work
from styleplug.training.loop.setup import Loop

_ONE = threading.Lock()


@dataclass(frozen=True)
class Hardware:
    """What a run computes on.

    Args:
        device: of this process.
        half: whether computations use bfloat16 where the task sets no precision.
        rank: number of this process; 0 is the main one.
        processes: number of processes.
    """

    device: torch.device
    half: bool
    rank: int = 0
    processes: int = 1

    @property
    def main(self) -> bool:
        """Whether this process reports and writes files."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, computations have the precision of the run."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        if self.processes == 1:
            return values
        total = values.clone(memory_format=torch.contiguous_format)  # NCCL takes no other layout
        distributed.all_reduce(total)
        return total / self.processes

    def agreed(self, value: float) -> float:
        """The value of the main process."""
        if self.processes == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float32, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of the gradients of all processes."""
        for parameter in parameters if self.processes > 1 else ():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad.copy_(self.mean(parameter.grad))


@contextmanager
def hardware_of(loop: Loop) -> Iterator[Hardware]:
    """Device and precision of a run, and the processes that it was started with.

    Raises:
        UsageError: the device is missing.
    """
    limit_threads()
    device, half = _device(loop.device), loop.precision == "bfloat16"
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        yield Hardware(device, half)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Hardware(device, half, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _device(requested: str) -> torch.device:
    """The requested device; for "auto" the accelerator, if there is one.

    Raises:
        UsageError: it is missing.
    """
    best = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if requested not in ("auto", "cpu", best.type):
        raise UsageError(
            f"no device {requested!r} on this machine; it has {best.type!r}: choose that, or auto"
        )
    return torch.device("cpu") if requested == "cpu" else best


@contextmanager
def alone() -> Iterator[None]:
    """One run at a time in a process, because the random state of torch is global.

    The memory of the run is not counted as that of another run in the process.

    Raises:
        UsageError: there is another run.
    """
    if not _ONE.acquire(blocking=False):
        raise UsageError("another training run is active: stop it, or wait for its end")
    try:
        with Work():
            yield
    finally:
        _ONE.release()


def card_name() -> str | None:
    """The name of the GPU; None without one."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


@contextmanager
def memory() -> Iterator[None]:
    """Turn a lack of memory into an error that says what to do.

    Raises:
        OutOfMemory: there is not enough memory.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(
            "not enough memory for this run: choose a smaller batch or smaller crops"
        ) from error
