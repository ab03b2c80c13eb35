"""Checkpoints of a training run: one safetensors file, replaced atomically."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_checkpoint(
    file: Path,
    step: int,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    extra: dict[str, Tensor],
) -> None:
    """Write model, optimiser and other tensors; a kill leaves the old file or the new."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v for k, v in state.items()}
    tensors |= {f"extra.{k}": v for k, v in extra.items()}
    temporary = file.with_suffix(".tmp")
    save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, {"step": str(step)})
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(file)


def load_checkpoint(
    file: Path, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[int, dict[str, Tensor]]:
    """Restore what `save_checkpoint` wrote; the step at which to go on, and the other tensors."""
    with safe_open(file, "pt") as opened:
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        step = int(opened.metadata()["step"])
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "extra": {}}
    for key, value in tensors.items():
        part, _, name = key.partition(".")
        parts[part][name] = value
    model.load_state_dict(parts["model"])
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in parts["optimiser"].items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return step, parts["extra"]
