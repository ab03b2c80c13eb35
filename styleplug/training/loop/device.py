"""Where a run computes: `accelerate` chooses device and precision, and joins processes.

Nets are not wrapped by it: a lesson calls parts of its nets, which a wrapper would hide.  So it is
gradients that processes average.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from torch import nn

from styleplug.backends.torch_backend import limit_threads
from styleplug.core.errors import OutOfMemory, UsageError
from styleplug.engine.memory import Work
from styleplug.training.loop.setup import Loop

_ONE = threading.Lock()


@contextmanager
def alone() -> Iterator[None]:
    """One run at a time in a process: accelerate keeps device and precision but once.

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


def accelerator_of(loop: Loop) -> Accelerator:
    """Device and precision of a run.

    Raises:
        UsageError: the device is not there.
    """
    limit_threads()
    AcceleratorState._reset_state(reset_partial_state=True)  # what an earlier run chose
    precision = "bf16" if loop.precision == "bfloat16" else "no"
    accelerator = Accelerator(mixed_precision=precision, cpu=loop.device == "cpu")
    if loop.device not in ("auto", accelerator.device.type):
        raise UsageError(
            f"device {loop.device!r} is not there; this machine has {accelerator.device.type!r}: "
            "choose that, or auto"
        )
    if accelerator.device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
    return accelerator


def card_name() -> str | None:
    """What the graphics card is called; None where there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def agreed(accelerator: Accelerator, value: float) -> float:
    """What the main process says."""
    if accelerator.num_processes == 1:
        return value
    told = torch.tensor([value], dtype=torch.float32, device=accelerator.device)
    return float(broadcast(told))


def average_gradients(accelerator: Accelerator, parameters: Iterable[nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients."""
    if accelerator.num_processes == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        parameter.grad.copy_(accelerator.reduce(parameter.grad, "mean"))


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
