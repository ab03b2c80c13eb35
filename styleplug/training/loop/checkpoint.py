"""Checkpoints of a training run: one safetensors file, replaced atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from styleplug.core.errors import StyleplugError, WeightError
from styleplug.store.classes import without_table
from styleplug.system.files import write_file

Nets = Mapping[str, nn.Module]
Optimisers = Mapping[str, torch.optim.Optimizer]
EXTRA = "extra"


def save_checkpoint(
    file: Path,
    nets: Nets,
    optimisers: Optimisers,
    state_tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
) -> None:
    """Write networks and optimisers by name, other tensors, and metadata.

    A kill leaves either the old file or the new one.

    Raises:
        OutputError: it cannot be written; the old file stays.
    """
    tensors = {f"{EXTRA}.{key}": value for key, value in state_tensors.items()}
    for name, net in nets.items():
        tensors |= {f"net.{name}.{key}": value for key, value in net.state_dict().items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{name}.{index}.{key}": v for key, v in state.items()}
    write_file(file, save(_contiguous(tensors), dict(metadata)))


def load_checkpoint(
    file: Path, nets: Nets, optimisers: Optimisers
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Load what `save_checkpoint` wrote; return the other tensors and the metadata.

    Raises:
        WeightError: the file is damaged, or belongs to other networks.
    """
    try:
        with safe_open(file, "pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
            metadata = dict(opened.metadata() or {})
        for name, net in nets.items():
            net.load_state_dict(without_table(_with_prefix(tensors, f"net.{name}.")))
        for name, optimiser in optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _with_prefix(tensors, f"optimiser.{name}.").items():
                index, _, part = key.partition(".")
                state.setdefault(int(index), {})[part] = value
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})
            _match_memory_layout(optimiser)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        why = " ".join(str(error).split())  # torch uses several lines
        raise WeightError(
            f"{file} is not a checkpoint of this run, or is damaged ({why}); "
            "start a new run in another folder"
        ) from error
    return _with_prefix(tensors, f"{EXTRA}."), metadata


def _match_memory_layout(optimiser: torch.optim.Optimizer) -> None:
    """Give the state of an optimiser the memory layout of its parameters.

    Only then are sums rounded in the same way as before.
    """
    for parameter, state in optimiser.state.items():
        for key, value in state.items():
            if value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def save_weights(file: Path, net: nn.Module, metadata: Mapping[str, str]) -> None:
    """Write the weights that inference reads, in float16.

    Raises:
        StyleplugError: a weight is not finite in float16; nothing was written.
        OutputError: it cannot be written.
    """
    weights = {
        key: value.half() if value.is_floating_point() else value
        for key, value in net.state_dict().items()
    }
    if wrong := [key for key, value in weights.items() if not value.isfinite().all()]:
        raise StyleplugError(
            f"{file.name} was not written: weights of {wrong[0]} are too large or not finite; "
            "train at a lower rate"
        )
    write_file(file, save(_contiguous(weights), dict(metadata)))


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a file needs them: on the CPU, contiguous, none shared."""
    return {key: value.detach().cpu().contiguous() for key, value in tensors.items()}


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
