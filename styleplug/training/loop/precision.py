"""The numeric precision of networks in training."""

from __future__ import annotations

import torch


def autocast(device: torch.device | str) -> torch.autocast:
    """Inside, convolutions and matrix products use bfloat16 where that is faster.

    A CPU without bfloat16 instructions would be many times slower, so there all stays float32.
    """
    kind = torch.device(device).type
    supported = kind != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(kind, torch.bfloat16, enabled=supported)
