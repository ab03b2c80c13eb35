"""Operations that several architectures are built of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def double(x: Tensor) -> Tensor:
    """(b c h w) to (b c 2h 2w); nearest neighbours, which leave no checkerboard."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
