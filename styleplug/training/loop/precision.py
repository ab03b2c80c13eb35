"""How exactly nets compute while they are trained."""

from __future__ import annotations

import torch


def halved(device: torch.device | str) -> torch.autocast:
    """Within, convolutions and products are computed in bfloat16 where that is quicker.

    A processor without instructions for it takes many times as long as in float32, so there, all
    stays float32.
    """
    kind = torch.device(device).type
    able = kind != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(kind, torch.bfloat16, enabled=able)
