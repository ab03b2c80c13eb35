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
    extra: Mapping[str, Tensor],
    facts: Mapping[str, str],
) -> None:
    """Write nets and optimisers by name, other tensors and words; a kill leaves old or new.

    Raises:
        OutputError: it cannot be written; the old file stands.
    """
    tensors = {f"{EXTRA}.{key}": value for key, value in extra.items()}
    for name, net in nets.items():
        tensors |= {f"net.{name}.{key}": value for key, value in net.state_dict().items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{name}.{index}.{key}": v for key, v in state.items()}
    write_file(file, save(_plain(tensors), dict(facts)))


def load_checkpoint(
    file: Path, nets: Nets, optimisers: Optimisers
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Restore what `save_checkpoint` wrote; the other tensors, and the words.

    Raises:
        WeightError: damaged, or of other nets.
    """
    try:
        with safe_open(file, "pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
            facts = dict(opened.metadata() or {})
        for name, net in nets.items():
            net.load_state_dict(without_table(_below(tensors, f"net.{name}.")))
        for name, optimiser in optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(tensors, f"optimiser.{name}.").items():
                index, _, part = key.partition(".")
                state.setdefault(int(index), {})[part] = value
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})
            _lay_out(optimiser)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise WeightError(
            f"{file} is no checkpoint of this run, or damaged ({error}); "
            "begin a new run in another folder"
        ) from error
    return _below(tensors, f"{EXTRA}."), facts


def _lay_out(optimiser: torch.optim.Optimizer) -> None:
    """Let an optimiser's state lie in memory as its parameters do: sums round alike only then."""
    for parameter, state in optimiser.state.items():
        for key, value in state.items():
            if value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def save_weights(file: Path, net: nn.Module, facts: Mapping[str, str]) -> None:
    """Write what inference reads: the weights of a net in float16.

    Raises:
        StyleplugError: a weight has no finite value in float16; nothing was written.
        OutputError: it cannot be written.
    """
    weights = {
        key: value.half() if value.is_floating_point() else value
        for key, value in net.state_dict().items()
    }
    if wrong := [key for key, value in weights.items() if not value.isfinite().all()]:
        raise StyleplugError(
            f"{file.name} was not written: weights of {wrong[0]} are too large or no numbers; "
            "train at a lower rate"
        )
    write_file(file, save(_plain(weights), dict(facts)))


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As they lie in a file: on the processor, in one piece, each with memory of its own."""
    return {key: value.detach().cpu().contiguous() for key, value in tensors.items()}


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with a prefix, by the rest of their names."""
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
