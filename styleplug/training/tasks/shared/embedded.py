"""The weights that come with styleplug, as a start of training or as a fixed network."""

from __future__ import annotations

from safetensors.torch import load_file
from torch import nn

from styleplug.store import weights_folder


def load_embedded(net: nn.Module, name: str) -> None:
    """Load an embedded file, named without its ending; weights take the type of `net`."""
    net.load_state_dict(load_file(weights_folder() / f"{name}.safetensors"))
