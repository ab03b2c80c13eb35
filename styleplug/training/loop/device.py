"""Where a run computes: its device, its precision, and the processes that share the work.

`torchrun` starts several processes.  Nets are not wrapped for them: a training calls parts of its
nets, which a wrapper would hide.  So it is gradients that processes average.
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
        half: whether what a task leaves open is computed in bfloat16.
        rank: number of this process; 0 is the main one.
        processes: how many there are.
    """

    device: torch.device
    half: bool
    rank: int = 0
    processes: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the process that tells and writes."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[object]:
        """Within, computing has the precision of the run."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()

    def mean(self, values: Tensor) -> Tensor:
        """The mean of what all processes have."""
        if self.processes == 1:
            return values
        total = values.clone(memory_format=torch.contiguous_format)  # the only one NCCL takes
        distributed.all_reduce(total)
        return total / self.processes

    def agreed(self, value: float) -> float:
        """What the main process says."""
        if self.processes == 1:
            return value
        told = torch.tensor([value], dtype=torch.float32, device=self.device)
        distributed.broadcast(told, 0)
        return float(told)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients."""
        for parameter in parameters if self.processes > 1 else ():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad.copy_(self.mean(parameter.grad))


@contextmanager
def hardware_of(loop: Loop) -> Iterator[Hardware]:
    """Device and precision of a run, together with the processes it was started with.

    Raises:
        UsageError: the device is not there.
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


def _device(wanted: str) -> torch.device:
    """The device that is asked for; of "auto" the accelerator, if there is one.

    Raises:
        UsageError: it is not there.
    """
    best = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if wanted not in ("auto", "cpu", best.type):
        raise UsageError(
            f"device {wanted!r} is not there; this machine has {best.type!r}: choose that, or auto"
        )
    return torch.device("cpu") if wanted == "cpu" else best


@contextmanager
def alone() -> Iterator[None]:
    """One run at a time in a process: torch's chance is shared by all of it.

    The memory that it takes is no part of what another run of the process takes meanwhile.

    Raises:
        UsageError: there is another.
    """
    if not _ONE.acquire(blocking=False):
        raise UsageError("a training run is going on already: stop it, or wait for its end")
    try:
        with Work():
            yield
    finally:
        _ONE.release()


def card_name() -> str | None:
    """What the graphics card is called; None where there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


@contextmanager
def memory() -> Iterator[None]:
    """Say what to do where memory does not suffice.

    Raises:
        OutOfMemory: it does not.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(
            "the memory does not suffice for this run: choose a smaller batch or smaller crops"
        ) from error
