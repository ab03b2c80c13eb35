"""The weights that come with styleplug, as what training begins with or looks through."""

from __future__ import annotations

from safetensors.torch import load_file
from torch import nn

from styleplug.store import weights_folder


def load_embedded(net: nn.Module, name: str) -> None:
    """Give a net the weights of an embedded file (without its ending), in its own precision."""
    net.load_state_dict(load_file(weights_folder() / f"{name}.safetensors"))
